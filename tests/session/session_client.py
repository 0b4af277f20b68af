"""A blocking client for one end of a socketpair, and a host in this process at the other end."""

from __future__ import annotations

import itertools
import socket
import struct

from attrs import define, field
from scramp import ScramClient
from session_fakes import RememberingControlPlane, verifier
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.session.host import SessionHost
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.wire import frontend
from duckgres_tx.wire.startup import StartupMessage

PASSWORD = "secret"
_pids = itertools.count(100)


@define
class Client:
    """Speaks to a host; every read has a deadline. Runs in a thread."""

    socket: socket.socket
    backend_pid: int = 0
    secret_key: bytes = b""
    parameters: dict[str, str] = field(factory=dict)
    _buffer: bytes = b""

    def __attrs_post_init__(self):
        self.socket.settimeout(60)

    def send(self, *messages):
        """Send messages in one write."""
        self.socket.sendall(b"".join(message.encode() for message in messages))

    def exactly(self, count):
        """That many bytes."""
        while len(self._buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._buffer += data
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def read(self):
        """The next message: type and body."""
        head = self.exactly(5)
        return head[:1], self.exactly(struct.unpack(">I", head[1:])[0] - 4)

    def until_ready(self):
        """All messages up to ReadyForQuery, in short: rows as tuples, tags and SQLSTATEs as text, else the type."""
        answers = []
        while True:
            kind, body = self.read()
            answers.append(self._short(kind, body))
            if kind == b"Z":
                return answers

    def ask(self, text):
        """A Query and its answers."""
        self.send(frontend.Query(text))
        return self.until_ready()

    def until_end(self):
        """All messages up to the end of the stream."""
        answers = []
        while True:
            try:
                answers.append(self._short(*self.read()))
            except (EOFError, ConnectionResetError):
                return answers

    def login(self, user="postgres", password=PASSWORD, database="postgres", **parameters):
        """Start up and authenticate; gives the SQLSTATE when refused."""
        self.send(StartupMessage(3, 0, {"user": user, "database": database, **parameters}))
        scram = None
        while True:
            kind, body = self.read()
            if kind == b"R":
                scram = self._authenticate(scram, user, password, body)
            elif kind == b"S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == b"K":
                self.backend_pid, self.secret_key = struct.unpack(">i", body[:4])[0], body[4:]
            elif kind == b"E":
                return self._short(kind, body)
            elif kind == b"Z":
                return "Z:I"

    def close(self):
        """Hang up."""
        self.socket.close()

    def _authenticate(self, scram, user, password, body):
        code = struct.unpack(">I", body[:4])[0]
        if code == 10:
            scram = ScramClient(["SCRAM-SHA-256"], user, password)
            self.send(frontend.SASLInitialResponse("SCRAM-SHA-256", scram.get_client_first().encode()))
        elif code == 11:
            scram.set_server_first(body[4:].decode())
            self.send(frontend.SASLResponse(scram.get_client_final().encode()))
        elif code == 12:
            scram.set_server_final(body[4:].decode())
        return scram

    @staticmethod
    def _short(kind, body):
        if kind == b"D":
            values, position = [], 2
            for _ in range(struct.unpack(">H", body[:2])[0]):
                length = struct.unpack(">i", body[position : position + 4])[0]
                position += 4
                values.append(None if length < 0 else body[position : position + length].decode())
                position += max(0, length)
            return tuple(values)
        if kind in (b"E", b"N"):
            fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
            return f"{kind.decode()}:{fields[b'C']}"
        if kind == b"C":
            return body[:-1].decode()
        return f"Z:{body.decode()}" if kind == b"Z" else kind.decode()


class HostCase:
    """A mixin for trial: `self.host` over a fresh data directory, `self.client()` connected to it."""

    def set_up_host(self, **changes):
        """Start a host."""
        self.control_plane = RememberingControlPlane()
        options = {
            "data_dir": self.mktemp(),
            "verifiers": {"postgres": verifier(PASSWORD), "alice": verifier(PASSWORD)},
            "idle_database_timeout_s": 0.05,
        }
        settings = WorkerSettings(**{**options, **changes})
        self.host = SessionHost(reactor, settings, self.control_plane)
        self.control_plane.release_database = lambda name: self.host.drain(0, name)
        self.host.start()
        self.clients = []

    async def tear_down_host(self):
        """End it; nothing may be left."""
        for client in self.clients:
            client.close()
        await self.host.shutdown(10)
        assert self.host.health().sessions == 0

    def client(self, **accepted):
        """A client whose other end the host has accepted, as from a UNIX socket unless said otherwise."""
        near, far = socket.socketpair()
        far.setblocking(False)
        self.host.accept_connection(AcceptedConnection(far.detach(), next(_pids), **accepted))
        client = Client(near)
        self.clients.append(client)
        return client

    @staticmethod
    def in_thread(function, *arguments, **named):
        """Run what blocks beside the reactor."""
        return deferToThread(function, *arguments, **named)
