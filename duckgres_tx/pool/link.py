"""What both ends of the link between a control plane and a worker have in common.

The link is AMP over a UNIX socket. Descriptors travel beside their commands and are counted per link, so a link can't be moved:
whoever takes a worker over connects anew.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.boxes import BoxLink, answering_at_once
from duckgres_tx.pool.commands import DescriptorMismatch, WorkerFault

_Method = TypeVar("_Method", bound=Callable[..., Any])


CONNECTION_DONE = Failure(ConnectionDone())


class LinkLost(Exception):
    """There is no link to send a command over, or it was lost before the answer came."""


class LinkDown(LinkLost):
    """There is none now: nothing was sent."""


def answering(command: type[amp.Command]) -> Callable[[_Method], _Method]:
    """Make a method the responder of a command, so that it can never close the link.

    For an exception that the command doesn't declare, AMP closes the link, which would orphan every session of the worker.
    Here it is logged with its traceback and answered as the declared `WorkerFault`.

    Args:
        command: What the method answers; it gets the arguments by keyword and returns the response or None for an empty one.
    """
    declared = tuple(command.errors)

    def fault(link: Link) -> WorkerFault:
        link.log.failure("could not answer {command}", command=command.__name__)
        return WorkerFault(f"could not answer {command.__name__}, see the log")

    def decorate(method: _Method) -> _Method:
        @functools.wraps(method)
        async def respond_later(self: Link, **arguments: Any) -> dict[str, Any]:
            try:
                return await method(self, **arguments) or {}
            except declared:
                raise
            except Exception:  # noqa: BLE001  that is the point
                raise fault(self) from None

        @functools.wraps(method)
        def respond(self: Link, **arguments: Any) -> dict[str, Any]:
            try:
                return method(self, **arguments) or {}
            except declared:
                raise
            except Exception:  # noqa: BLE001  that is the point
                raise fault(self) from None

        command.responder(respond_later if inspect.iscoroutinefunction(method) else answering_at_once(respond))
        return method

    return decorate


class Link(BoxLink):
    """One end. It owns the descriptors that have arrived until the responder that they are for is called.

    Attributes:
        is_up: It is connected.
        peer_pid: The process at the other end; 0 as long as that is unknown.
    """

    log = Logger()
    peer_pid = 0

    def __init__(self, lost: Callable[[Link], None]) -> None:
        """Make an end that is not connected yet.

        Args:
            lost: Called once, when the link is gone and every command in flight has failed.
        """
        super().__init__()
        self._on_lost = lost
        self.is_up = False

    def makeConnection(self, transport: Any) -> None:
        """Connected."""
        self.is_up = True
        # past AMP's own method, which only adds a log line; links come and go with workers, which are logged
        amp.BinaryBoxProtocol.makeConnection(self, transport)

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """A descriptor has arrived, ahead of the command that names it."""
        super().fileDescriptorReceived(descriptors.received(descriptor))

    def connectionLost(self, reason: Failure = CONNECTION_DONE) -> None:
        """Fail what is in flight, and close the descriptors that no command has claimed."""
        self.is_up = False
        super().connectionLost(reason)
        unclaimed: dict[int, int] = self._descriptors
        while unclaimed:
            os.close(unclaimed.popitem()[1])
        self._on_lost(self)

    def ask(self, command: type[amp.Command], **arguments: Any) -> Deferred[dict[str, Any]]:
        """Send a command.

        Descriptors among the arguments are only queued here: their owner keeps them until this has answered.

        Returns:
            The response, or a declared error, or `LinkLost`. Cancelling it gives the wait up; the command is still carried out.
        """
        if not self.is_up:
            return _lost()
        answer: Deferred[dict[str, Any]] = Deferred()
        # a Deferred of our own: AMP drops the link when an error is still unhandled at the end of the chain of its own one
        self.callRemote(command, **arguments).addCallbacks(
            answer.callback, lambda failure: answer.errback(_as_lost(failure))
        )
        return answer

    def tell(self, command: type[amp.Command], **arguments: Any) -> bool:
        """Send a command that isn't answered.

        Returns:
            False when there is no link.
        """
        if self.is_up:
            self.send(command, arguments)
        return self.is_up

    def abort(self) -> None:
        """Drop the link now, with whatever was queued."""
        if self.is_up:
            transport: Any = self.transport
            transport.abortConnection()

    def check_descriptor(self, fd: int, inode: int) -> None:
        """Make sure that a descriptor is the one that its command was sent with.

        When the receiver is out of descriptors, the kernel drops what doesn't fit and Twisted doesn't notice; from then on every
        descriptor would be taken for the one before it. The link is of no use any more, so it is dropped.

        Raises:
            DescriptorMismatch: It is another one. The caller still owns it.
        """
        if descriptors.inode_of(fd) != inode:
            self.abort()
            raise DescriptorMismatch("descriptors were lost on the way")


def _lost() -> Deferred[dict[str, Any]]:
    failed: Deferred[dict[str, Any]] = Deferred()
    failed.errback(Failure(LinkLost("the link is down")))
    return failed


def _as_lost(failure: Failure) -> Failure:
    if failure.check(ConnectionClosed, amp.UnknownRemoteError):
        return Failure(LinkLost(failure.getErrorMessage()))
    return failure
