"""A service manager for tests: it starts nothing, but hears what is said to it, and by whom, and keeps the descriptors that it is sent."""

from __future__ import annotations

import array
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from attrs import define, field, frozen

_CREDENTIALS = struct.Struct("=iII")
_FDS = 8


@frozen
class Notification:
    """One message.

    Attributes:
        pid: Who sent it, as the kernel says.
        assignments: Names and values.
    """

    pid: int
    assignments: Mapping[str, str]


@define(eq=False)
class ServiceManager:
    """What ``NOTIFY_SOCKET`` leads to.

    Attributes:
        path: The socket.
        heard: All messages so far.
        store: The descriptors that were stored, by name; owned.
    """

    path: Path
    heard: list[Notification] = field(factory=list)
    store: dict[str, int] = field(factory=dict)
    _socket: socket.socket = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(os.fspath(self.path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._socket.close()
        while self.store:
            os.close(self.store.popitem()[1])

    @property
    def environment(self) -> dict[str, str]:
        """For the server."""
        return {"NOTIFY_SOCKET": os.fspath(self.path)}

    def listen(self, until: Callable[[Notification], bool], timeout_s: float = 60.0) -> list[Notification]:
        """Take messages up to the one that is waited for.

        Returns:
            Those that came, that one last.

        Raises:
            TimeoutError: It doesn't come.
        """
        deadline = time.monotonic() + timeout_s
        taken: list[Notification] = []
        while not taken or not until(taken[-1]):
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                taken.append(self._take())
            except TimeoutError as error:
                raise TimeoutError(f"heard only {taken}") from error
        return taken

    def wait_for(self, timeout_s: float = 60.0, **assignments: str) -> Notification:
        """Take messages up to one with these assignments."""
        return self.listen(lambda each: assignments.items() <= each.assignments.items(), timeout_s)[-1]

    def rest(self, seconds: float = 0.5) -> list[Notification]:
        """Everything that comes within that time."""
        taken = []
        deadline = time.monotonic() + seconds
        while True:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                taken.append(self._take())
            except TimeoutError:
                return taken

    def _take(self) -> Notification:
        data, ancillary, _, _ = self._socket.recvmsg(
            4096, socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(4 * _FDS)
        )
        pid = 0
        fds = array.array("i")
        for _, kind, content in ancillary:
            if kind == socket.SCM_CREDENTIALS:
                pid = _CREDENTIALS.unpack(content)[0]
            elif kind == socket.SCM_RIGHTS:
                fds.frombytes(content)
        notification = Notification(pid, dict(line.split("=", 1) for line in data.decode().split("\n") if line))
        self._keep(notification, list(fds))
        self.heard.append(notification)
        return notification

    def _keep(self, notification: Notification, fds: list[int]) -> None:
        name = notification.assignments.get("FDNAME", "stored")
        if notification.assignments.get("FDSTORE") == "1":
            (fd,) = fds
            if name in self.store:
                os.close(fd)
            else:
                self.store[name] = fd
        elif notification.assignments.get("FDSTOREREMOVE") == "1" and name in self.store:
            os.close(self.store.pop(name))
