"""Clients in a process of their own, each in another phase of its connection: that process can be stopped, go on, and be killed.

Run as a program it opens them, says where they are, and reads for one of them whenever it is told to. `Crowd` is the end of a test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from typing import Any, Self

import phases
import raw
from attrs import define, field

BY_NAME = {phase.__name__: phase for phase in phases.BEFORE_LOGIN + phases.AFTER_LOGIN}


@define
class LivePlace:
    """Where they come from.

    Args:
        address: The server's.
        password: The one of ``postgres``.
        tls: Sessions are under TLS.
        options: What sessions begin with.
    """

    address: tuple[str, int]
    password: str
    tls: bool
    options: str = ""

    def stranger(self) -> raw.RawClient:
        """Who has just connected."""
        return raw.RawClient(self.address, 60)

    def encrypt(self, client: raw.RawClient) -> None:
        """Shake hands."""
        client.wrap_tls()

    def session(self) -> raw.RawClient:
        """Who has logged in."""
        client = self.stranger()
        if self.tls:
            assert client.start_tls() == b"S"
        client.login("postgres", self.password, options=self.options)
        return client


@define
class Rest:
    """What a client has read when it went on.

    Attributes:
        kinds: How many messages of which type.
        sqlstates: Of the errors among them.
        ended: The server has hung up after them.
    """

    kinds: dict[str, int]
    sqlstates: list[str]
    ended: bool


def read_on(client: raw.RawClient) -> Rest:
    """Read to the next ReadyForQuery, or to the end."""
    kinds: Counter[str] = Counter()
    sqlstates = []
    while not kinds["Z"]:
        try:
            kind, body = client.read()
        except (EOFError, ConnectionError):
            return Rest(kinds, sqlstates, ended=True)
        kinds[kind] += 1
        if kind == "E":
            sqlstates.append(raw.error_fields(body)["C"])
    return Rest(kinds, sqlstates, ended=False)


@define(eq=False)
class Crowd:
    """The process, for the time of a ``with`` block.

    Attributes:
        ports: Where each client is, by the name of its phase.
    """

    process: subprocess.Popen[str]
    ports: dict[str, int] = field(factory=dict)

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        self.ports = json.loads(self.process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.process.communicate()

    def stop(self) -> None:
        """None of them does anything any more, and the kernel keeps their connections."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """All of them go on where they were."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """They are gone, without a word."""
        self.process.kill()
        self.process.wait()

    def read_on(self, phase: str) -> Rest:
        """Have one of them read."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{phase}\n")
        self.process.stdin.flush()
        return Rest(*json.loads(self.process.stdout.readline()))


def crowd(server: Any, names: list[str], *, tls: bool = False, options: str = "") -> Crowd:
    """Clients of a server."""
    order = json.dumps([server.host, server.port, server.password, tls, options, names])
    return Crowd(
        subprocess.Popen(
            [sys.executable, __file__, order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
    )


def main() -> None:
    """Be the process."""
    host, port, password, tls, options, names = json.loads(sys.argv[1])
    place = LivePlace((host, port), password, tls, options)
    clients = {name: BY_NAME[name](place) for name in names}
    print(json.dumps({name: client.socket.getsockname()[1] for name, client in clients.items()}), flush=True)
    for line in sys.stdin:
        rest = read_on(clients[line.strip()])
        print(json.dumps([rest.kinds, rest.sqlstates, rest.ended]), flush=True)


if __name__ == "__main__":
    main()
