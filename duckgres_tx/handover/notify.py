"""What the server tells the service manager that runs it: systemd's notification protocol, sd_notify(3).

Each message is one datagram of ``NAME=value`` lines to the socket that ``NOTIFY_SOCKET`` names; without that variable nothing happens.
A message is never waited for: one that the service manager's queue has no room for is sent again a moment later, and what can't be
sent at all is one line in the log. Nothing here ever raises.

Only the process that serves speaks. One that wants to take over is silent until it serves, for if it fails its end is not the service's.
At a takeover the old one names its successor (``MAINPID=``), which systemd takes from the main process, and is silent from then on: a
STOPPING or a WATCHDOG of the process that leaves would be taken for the service's.
"""

from __future__ import annotations

import array
import enum
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from duckgres_tx.handover.descriptors import MAX_SOCKET_PATH_BYTES, OwnedDescriptor, duplicate

# set by the service manager for one process: its successors and its children must not believe them
OF_ONE_PROCESS = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID")
MAX_PENDING = 64
RETRY_INTERVAL_S = 0.1
_US = 1_000_000
# a line break would begin another assignment
_ONE_LINE = str.maketrans("\r\n", "  ")


class Standing(enum.Enum):
    """What this process is to the service.

    ``BEFORE`` it serves it is none of its business, ``MAIN`` while it serves, and ``SUCCEEDED`` when another process does; ``GONE`` at
    its end. Another one's end may make it ``MAIN`` again.
    """

    BEFORE = "before"
    MAIN = "main"
    SUCCEEDED = "succeeded"
    GONE = "gone"


@frozen
class Message:
    """One datagram.

    Attributes:
        assignments: ``NAME=value``, in order.
        descriptor: What goes with it, owned by the message; None for nothing.
    """

    assignments: tuple[str, ...]
    descriptor: OwnedDescriptor | None = None

    def encode(self) -> bytes:
        """As it is sent."""
        return "\n".join(line.translate(_ONE_LINE) for line in self.assignments).encode()


@define(eq=False)
class Notifier:
    """Speaks to the service manager, for as long as this process is the one that serves. Made by `notifier`.

    Attributes:
        standing: What this process is to the service.
    """

    _clock: Any
    # where to; None: there is nobody to tell
    _address: bytes | None
    # how often the service manager wants a sign of life, at the least; 0 when it doesn't
    _watchdog_s: float = 0.0
    _pid: int = field(factory=os.getpid)
    _monotonic: Callable[[], float] = time.monotonic
    standing: Standing = Standing.BEFORE
    _status: str = ""
    _pending: deque[Message] = field(factory=deque)
    _retry: IDelayedCall | None = None
    _complained: bool = False
    _heart: LoopingCall = field(init=False)
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self._heart = LoopingCall(self._say, "WATCHDOG=1")
        self._heart.clock = self._clock

    @property
    def is_heard(self) -> bool:
        """Whether there is a service manager, and this process speaks for the service."""
        return self._address is not None and self.standing is Standing.MAIN

    def ready(self, status: str) -> None:
        """Clients can connect, here; also the end of what `reloading` began. From now on there are signs of life."""
        if self.standing is Standing.GONE:
            return
        self.standing = Standing.MAIN
        self._status = status
        self._say("READY=1", f"MAINPID={self._pid}", f"STATUS={status}")
        if self._watchdog_s and self.is_heard and not self._heart.running:
            self._heart.start(self._watchdog_s / 2)

    def reloading(self, status: str) -> None:
        """A reload or a takeover begins; `ready` (here or in the successor) must follow."""
        self._status = status
        self._say("RELOADING=1", f"MONOTONIC_USEC={int(self._monotonic() * _US)}", f"STATUS={status}")

    def status(self, text: str) -> None:
        """What ``systemctl status`` shows."""
        if text != self._status:
            self._status = text
            self._say(f"STATUS={text}")

    def stopping(self, status: str, timeout_s: float) -> None:
        """The server ends, and may take so long, whatever ``TimeoutStopSec`` says."""
        self._status = status
        self._say("STOPPING=1", f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={int(timeout_s * _US)}")

    def store(self, name: str, fd: int) -> None:
        """Have the service manager keep a duplicate of a descriptor, for the next start of the service. Before `ready`, or after it.

        Args:
            name: How it will be called; no colon, at most 255 characters.
            fd: Stays the caller's.
        """
        if self._address is not None and self.standing in (Standing.BEFORE, Standing.MAIN):
            self._send(Message(("FDSTORE=1", f"FDNAME={name}"), OwnedDescriptor(duplicate(fd))))

    def forget(self, name: str) -> None:
        """Have it close what was stored under this name."""
        self._say("FDSTOREREMOVE=1", f"FDNAME={name}")

    def hand_over(self, successor: int) -> None:
        """Another process serves from now on; this one is silent.

        Args:
            successor: Its pid; it belongs to the service as this process does, or systemd won't believe it.
        """
        self._say(f"MAINPID={successor}")
        self._leave(Standing.SUCCEEDED)

    def take_back(self) -> None:
        """The successor has failed: this process serves again. If there was none, nothing happens."""
        if self.standing is Standing.SUCCEEDED:
            self.ready(self._status)

    def close(self) -> None:
        """Say nothing any more; what waits to be sent is dropped."""
        self._leave(Standing.GONE)
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        while self._pending:
            _discard(self._pending.popleft())

    def _leave(self, standing: Standing) -> None:
        self.standing = standing
        if self._heart.running:
            self._heart.stop()

    def _say(self, *assignments: str) -> None:
        if self.is_heard:
            self._send(Message(assignments))

    def _send(self, message: Message) -> None:
        if len(self._pending) >= MAX_PENDING:
            self._complain("its queue stays full")
            _discard(message)
            return
        self._pending.append(message)
        if self._retry is None:
            self._flush()

    def _flush(self) -> None:
        """Send what waits, in order."""
        self._retry = None
        while self._pending:
            try:
                self._transmit(self._pending[0])
            except BlockingIOError:
                self._retry = self._clock.callLater(RETRY_INTERVAL_S, self._flush)
                return
            except OSError as error:
                self._complain(str(error.strerror or error))
            _discard(self._pending.popleft())

    def _transmit(self, message: Message) -> None:
        ancillary = []
        if message.descriptor is not None:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [message.descriptor.fd]))]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as sender:
            sender.sendmsg([message.encode()], ancillary, socket.MSG_NOSIGNAL, self._address)

    def _complain(self, why: str) -> None:
        """Once: the next message would fare no better, and its log line would say no more."""
        if not self._complained:
            self._complained = True
            self._log.warn("can't notify the service manager: {why}", why=why)


def notifier(clock: Any, environment: Mapping[str, str]) -> Notifier:
    """Make what speaks to the service manager that the environment names, if it names one.

    Args:
        clock: The reactor.
        environment: Where ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` may be.
    """
    return Notifier(clock, _address(environment.get("NOTIFY_SOCKET", "")), _watchdog_s(environment))


def for_a_successor(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that a process gets which shall take over from this one, without what the service manager said to this one only."""
    return {name: value for name, value in environment.items() if name not in OF_ONE_PROCESS}


def _address(named: str) -> bytes | None:
    if not named:
        return None
    if named[0] not in "/@" or len(os.fsencode(named)) > MAX_SOCKET_PATH_BYTES:
        Logger().warn("NOTIFY_SOCKET={address} names no UNIX socket: nobody is notified", address=named)
        return None
    return os.fsencode(named) if named[0] == "/" else b"\0" + os.fsencode(named[1:])


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """See sd_watchdog_enabled(3)."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return max(0, int(environment.get("WATCHDOG_USEC", "0"))) / _US
    except ValueError:
        return 0.0


def _discard(message: Message) -> None:
    if message.descriptor is not None:
        message.descriptor.close()
