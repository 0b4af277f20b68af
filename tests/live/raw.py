"""A client that speaks the protocol message by message, so that a test decides every byte it sends."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Any, Self

from scramp import ScramClient


def _string(text: str) -> bytes:
    return text.encode() + b"\0"


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """One typed frame: Byte1 Int32(length with itself) body."""
    return kind + struct.pack("!i", len(body) + 4) + body


def query(text: str) -> bytes:
    """Query."""
    return frame(b"Q", _string(text))


def parse(statement: str, text: str, types: list[int] | None = None) -> bytes:
    """Parse."""
    types = types or []
    return frame(b"P", _string(statement) + _string(text) + struct.pack(f"!h{len(types)}I", len(types), *types))


def bind(
    portal: str = "",
    statement: str = "",
    parameters: list[bytes | None] | None = None,
    formats: list[int] | None = None,
    results: list[int] | None = None,
) -> bytes:
    """Bind."""
    parameters, formats, results = parameters or [], formats or [], results or []
    body = _string(portal) + _string(statement) + struct.pack(f"!h{len(formats)}h", len(formats), *formats)
    body += struct.pack("!h", len(parameters))
    for value in parameters:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return frame(b"B", body + struct.pack(f"!h{len(results)}h", len(results), *results))


def describe(kind: str, name: str = "") -> bytes:
    """Describe a statement (S) or a portal (P)."""
    return frame(b"D", kind.encode() + _string(name))


def execute(portal: str = "", max_rows: int = 0) -> bytes:
    """Execute."""
    return frame(b"E", _string(portal) + struct.pack("!i", max_rows))


def close(kind: str, name: str = "") -> bytes:
    """Close a statement (S) or a portal (P)."""
    return frame(b"C", kind.encode() + _string(name))


def sync() -> bytes:
    """Sync."""
    return frame(b"S")


def flush() -> bytes:
    """Flush."""
    return frame(b"H")


def terminate() -> bytes:
    """Terminate."""
    return frame(b"X")


def startup(parameters: dict[str, str], version: int = 196608) -> bytes:
    """StartupMessage: Int32(length) Int32(version) (String name, String value)* Byte1(0)."""
    body = struct.pack("!i", version)
    for name, value in parameters.items():
        body += _string(name) + _string(value)
    body += b"\0"
    return struct.pack("!i", len(body) + 4) + body


SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)


def cancel_request(backend_pid: int, secret_key: bytes) -> bytes:
    """CancelRequest."""
    return struct.pack("!iii", 12 + len(secret_key), 80877102, backend_pid) + secret_key


def error_fields(body: bytes) -> dict[str, str]:
    """The fields of an ErrorResponse or NoticeResponse by their one-letter codes."""
    return {chr(part[0]): part[1:].decode() for part in body.split(b"\0") if part}


def text_row(*values: object) -> bytes:
    """The body of a DataRow with these values as text."""
    encoded = [str(value).encode() for value in values]
    return struct.pack("!h", len(encoded)) + b"".join(struct.pack("!i", len(one)) + one for one in encoded)


def connect(address: tuple[str, int] | str, timeout_s: float = 20.0) -> socket.socket:
    """A socket that is connected, with a deadline on everything."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    connected = socket.socket(family, socket.SOCK_STREAM)
    connected.settimeout(timeout_s)
    try:
        connected.connect(address)
    except OSError:
        connected.close()
        raise
    return connected


class RawClient:
    """One connection; reads frame by frame with a deadline on every read.

    Args:
        address: Where to connect, or what takes a connected socket's place.
        timeout_s: The deadline.
    """

    def __init__(self, address: Any, timeout_s: float = 20.0) -> None:
        self.socket: Any = connect(address, timeout_s) if isinstance(address, tuple | str) else address
        self._buffer = b""
        self.parameters: dict[str, str] = {}
        self.backend_pid = 0
        self.secret_key = b""
        self.newest_minor: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def send(self, *messages: bytes) -> None:
        """Send messages in one write."""
        self.socket.sendall(b"".join(messages))

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"the server hung up; {len(self._buffer)} bytes were left over")
            self._buffer += data
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def read(self) -> tuple[str, bytes]:
        """The next message: its type and body."""
        head = self._exactly(5)
        return head[:1].decode(), self._exactly(struct.unpack("!i", head[1:])[0] - 4)

    def until(self, kind: str = "Z") -> list[tuple[str, bytes]]:
        """All messages up to and with the next one of this type."""
        messages = [self.read()]
        while messages[-1][0] != kind:
            messages.append(self.read())
        return messages

    def start_tls(self) -> bytes:
        """Send SSLRequest and, when the server agrees, shake hands; returns the server's answer."""
        self.send(SSL_REQUEST)
        answer = self._exactly(1)
        if answer == b"S":
            self.wrap_tls()
        return answer

    def wrap_tls(self) -> None:
        """Shake hands, when the server has agreed to TLS."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def login(
        self, user: str, password: str = "", database: str = "postgres", minor: int = 0, **parameters: str
    ) -> None:
        """Startup in protocol 3.minor and authentication, up to the first ReadyForQuery."""
        self.send(startup({"user": user, "database": database, **parameters}, 3 << 16 | minor))
        scram = None
        for kind, body in self._messages():
            if kind == "R":
                code = struct.unpack("!i", body[:4])[0]
                if code == 10:
                    scram = ScramClient(["SCRAM-SHA-256"], user, password)
                    first = scram.get_client_first().encode()
                    self.send(frame(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
                elif code == 11 and scram:
                    scram.set_server_first(body[4:].decode())
                    self.send(frame(b"p", scram.get_client_final().encode()))
                elif code == 12 and scram:
                    scram.set_server_final(body[4:].decode())
            elif kind == "S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == "v":
                self.newest_minor = struct.unpack("!i", body[:4])[0] & 0xFFFF
            elif kind == "K":
                self.backend_pid, self.secret_key = struct.unpack("!i", body[:4])[0], body[4:]
            elif kind == "E":
                raise ConnectionError(error_fields(body))
            elif kind == "Z":
                return

    def _messages(self) -> Iterator[tuple[str, bytes]]:
        while True:
            yield self.read()
