"""Sockets that the service manager passes at the start: sd_listen_fds(3).

Two kinds come this way, and their names tell them apart. Those of a ``.socket`` unit are the service manager's own: it has bound them,
and goes on listening when this server is gone. Those that an earlier process of this service has *stored* (`Notifier.store`) are ours:
the service manager kept them while nobody served, so a control plane that is killed loses no listener, and no connection that waited in
its queue.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import define, field, frozen
from twisted.logger import Logger

from duckgres_tx.handover import descriptors
from duckgres_tx.handover.descriptors import inode_of
from duckgres_tx.handover.notify import OF_ONE_PROCESS
from duckgres_tx.handover.offers import Offers, describe, describe_all, is_usable

# SD_LISTEN_FDS_START
FIRST_FD = 3
_STORED = "duckgres-"
_MAX_NAME = 255


class UnwantedSockets(Exception):
    """The service manager listens where the configuration doesn't: clients would wait there for ever. One line of text."""


@frozen
class PassedSocket:
    """One socket from the service manager.

    Attributes:
        name: Its name there.
        socket: Owned by whoever holds this object.
    """

    name: str
    socket: socket.socket

    @property
    def stored(self) -> bool:
        """Whether an earlier process of this service has stored it."""
        return self.name.startswith(_STORED)


@define(eq=False)
class Passed:
    """Everything that was passed.

    Attributes:
        sockets: In the order in which they came.
        offers: Those that nobody has taken yet.
    """

    sockets: tuple[PassedSocket, ...] = ()
    offers: Offers = field(factory=Offers)

    def join(self, others: Offers) -> None:
        """Offer what was passed beside what a running server gives. What it gives as well is closed: it is the same socket."""
        given = {inode_of(listener.fileno()) for listener in others.sockets}
        passed, self.offers.sockets = self.offers.sockets, []
        for listener in passed:
            if inode_of(listener.fileno()) in given:
                listener.close()
            else:
                others.sockets.append(listener)
        others.lent |= self.offers.lent
        self.offers = others

    def settle(self) -> tuple[str, ...]:
        """All that the configuration asks for has been taken: see what is left, and close it.

        Returns:
            The names of stored sockets that nobody wants any more, for `Notifier.forget`.

        Raises:
            UnwantedSockets: A ``.socket`` unit's socket is left.
        """
        ours = {passed.socket for passed in self.sockets}
        left = [listener for listener in self.offers.sockets if listener in ours]
        self.offers.sockets = [listener for listener in self.offers.sockets if listener not in ours]
        unwanted = [listener for listener in left if listener in self.offers.lent]
        forgotten = tuple(passed.name for passed in self.sockets if passed.stored and passed.socket in left)
        try:
            if unwanted:
                raise UnwantedSockets(
                    f"the service manager listens on {describe_all(unwanted)}, and the configuration doesn't name it: "
                    "host, port, unix_socket_dir and the .socket unit must agree"
                )
        finally:
            Offers(left).close()
        return forgotten


def environment_at_start() -> dict[str, str]:
    """What the service manager said to this process, when it was started.

    ``os.environ`` doesn't know by the time that it is asked: Twisted looks for such sockets too, and removes the variables lest somebody
    takes the sockets twice. Nobody who could is configured here.
    """
    raw = Path("/proc/self/environ").read_bytes()
    variables = (os.fsdecode(variable).partition("=") for variable in raw.split(b"\0"))
    return {name: value for name, _, value in variables if name in OF_ONE_PROCESS}


def passed_sockets(environment: Mapping[str, str]) -> Passed:
    """Take what was passed to this process.

    Args:
        environment: Holds ``LISTEN_PID``, ``LISTEN_FDS`` and ``LISTEN_FDNAMES``, or doesn't: see `environment_at_start`.

    Returns:
        Listening sockets, non-blocking and close-on-exec. What can't be listened on is closed, with a line in the log.
    """
    count = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return Passed()
    names = environment.get("LISTEN_FDNAMES", "unknown").split(":")
    names += ["unknown"] * (int(count) - len(names))
    sockets = tuple(_adopt(range(FIRST_FD, FIRST_FD + int(count)), names))
    lent = frozenset(passed.socket for passed in sockets if not passed.stored)
    return Passed(sockets, Offers([passed.socket for passed in sockets], lent))


def storage_name(listener: socket.socket) -> str:
    """What a listener is called in the service manager's store: one name for one address. A colon would end the name."""
    address = describe(listener).replace(":", "_").replace(" port ", "-").replace(" ", "-")
    return (_STORED + address.encode("ascii", "replace").decode())[:_MAX_NAME]


def _adopt(numbers: Iterable[int], names: list[str]) -> Iterable[PassedSocket]:
    log = Logger()
    for number, name in zip(numbers, names, strict=False):
        try:
            candidate = socket.socket(fileno=descriptors.received(number))
        except OSError as error:
            log.warn(
                "descriptor {number} ({name}) of the service manager can't be used: {why}",
                number=number,
                name=name,
                why=error.strerror,
            )
            continue
        if is_usable(candidate):
            candidate.setblocking(False)
            yield PassedSocket(name, candidate)
        else:
            log.warn(
                "descriptor {number} ({name}) of the service manager is no listening socket", number=number, name=name
            )
            candidate.close()
