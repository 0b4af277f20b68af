"""What is said with a running server, over its handover socket."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.protocols import amp

from duckgres_tx.handover import descriptors
from duckgres_tx.handover.commands import DrainWorker, Refused, Roll, Status, Succeed
from duckgres_tx.handover.status import ServerStatus, decode
from duckgres_tx.pool.commands import WorkerFault
from duckgres_tx.pool.link import Link, LinkLost

CONNECT_DEADLINE_S = 5.0
ANSWER_DEADLINE_S = 10.0
POLL_INTERVAL_S = 0.5
_STATUS_LIMIT_BYTES = 16 << 20

_Command = type[amp.Command]


class NotReachable(Exception):
    """Nobody answers at the handover socket, or not in time; one line of text."""


class NotDone(Exception):
    """The server doesn't do, or hasn't done, what it was asked for; one line of text says why."""


@define(eq=False)
class RunningServer:
    """A server that can be asked."""

    _reactor: Any
    _path: Path
    # connects an end of a link to the handover socket; fails with ConnectError
    _connect: Callable[[Link], Deferred[Any]]
    _link: Link | None = None

    async def status(self) -> ServerStatus:
        """What it says of itself.

        Raises:
            NotReachable: It says nothing.
            NotDone: It can't say now, or what it says is not to be understood.
        """
        with descriptors.OwnedDescriptor(descriptors.memory_file(b"", "duckgres-status")) as document:
            await self._ask(Status, ANSWER_DEADLINE_S, document=document.fd)
            try:
                return decode(descriptors.read_memory_file(document.fd, _STATUS_LIMIT_BYTES))
            except ValueError as error:
                raise NotDone(f"the answer of the server can't be understood: {error}") from error

    async def roll(self) -> str:
        """Have it replace its workers; returns what it says to that."""
        answer: str = (await self._ask(Roll, ANSWER_DEADLINE_S))["answer"]
        return answer

    async def drain(self, slot: int) -> str:
        """Have it replace one worker; returns what it says to that."""
        answer: str = (await self._ask(DrainWorker, ANSWER_DEADLINE_S, slot=slot))["answer"]
        return answer

    async def succeed(self, timeout_s: float) -> int:
        """Have it start its successor, and wait until that one serves.

        Returns:
            Its pid.

        Raises:
            NotDone: The successor doesn't serve; the server that was asked goes on.
        """
        before = (await self.status()).pid
        deadline = self._reactor.seconds() + timeout_s
        try:
            pid: int = (await self._ask(Succeed, timeout_s))["pid"]
        except LinkLost:
            # it may have left before its answer was read: then it has a successor
            return await self._other_than(before, deadline)
        return pid

    async def wait_for(
        self, finished: Callable[[ServerStatus], bool], show: Callable[[ServerStatus], None], timeout_s: float
    ) -> ServerStatus:
        """Ask again and again, whichever process answers: a takeover may come in between.

        Args:
            finished: Whether this status is the one that is waited for.
            show: Gets each one.
            timeout_s: How long; 0 for ever.

        Raises:
            NotDone: Not within that time.
        """
        deadline = self._reactor.seconds() + timeout_s
        while True:
            current = await self._patient_status(ANSWER_DEADLINE_S)
            show(current)
            if finished(current):
                return current
            if timeout_s and self._reactor.seconds() >= deadline:
                raise NotDone(f"not finished within {timeout_s:g} s; the server goes on with it")
            await deferLater(self._reactor, POLL_INTERVAL_S)

    def close(self) -> None:
        """Hang up."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    async def _patient_status(self, timeout_s: float) -> ServerStatus:
        """While the socket changes hands, nobody answers for a moment."""
        deadline = self._reactor.seconds() + timeout_s
        while True:
            try:
                return await self.status()
            except (NotReachable, NotDone, LinkLost):
                if self._reactor.seconds() >= deadline:
                    raise
            await deferLater(self._reactor, POLL_INTERVAL_S)

    async def _other_than(self, pid: int, deadline: float) -> int:
        current = await self._patient_status(max(0.0, deadline - self._reactor.seconds()))
        if current.pid == pid:
            raise NotDone("the server has hung up, and goes on; its log says why")
        return current.pid

    async def _ask(self, command: _Command, deadline_s: float, **arguments: Any) -> dict[str, Any]:
        link = await self._connected()
        answer: Deferred[dict[str, Any]] = link.ask(command, **arguments)
        answer.addTimeout(deadline_s, self._reactor)
        try:
            return await answer
        except (Refused, WorkerFault) as error:
            raise NotDone(str(error)) from error
        except DeferredTimeoutError as error:
            self.close()
            raise NotReachable(f"the server at {self._path} doesn't answer within {deadline_s:g} s") from error

    async def _connected(self) -> Link:
        if self._link is not None and self._link.is_up:
            return self._link
        link = Link(lambda lost: None)
        try:
            await self._connect(link)
        except ConnectError as error:
            why = os.strerror(error.osError) if error.osError else "it doesn't answer in time"
            raise NotReachable(f"no server answers at {self._path}: {why}") from error
        self._link = link
        return link


def running_server(reactor: Any, path: Path) -> RunningServer:
    """The server that answers at a path; it is connected to when it is asked something."""
    endpoint = UNIXClientEndpoint(reactor, os.fspath(path), timeout=CONNECT_DEADLINE_S)
    return RunningServer(reactor, path, lambda link: connectProtocol(endpoint, link))
