"""What tells the world which process serves: the handover socket, the files with its pid, and those who follow them."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duckgres_tx.handover.handover_socket import HandoverSocket, who_listens
from duckgres_tx.handover.pid_file import PidFile

LOOK_INTERVAL_S = 5.0


class Follower(Protocol):
    """Somebody who has to know which process serves."""

    def put_up(self) -> None:
        """It is this process, or will be in a moment; again, perhaps."""

    def abandon(self, successor: int) -> None:
        """It is another one."""

    def take_down(self) -> None:
        """The end of this process."""


@define(eq=False)
class PutUpSignposts:
    """Implements `Signposts`.

    They can be lost: a newcomer that failed may have put up its own at the very last moment, somebody may clean directories. So whoever
    serves looks for them now and then, and puts up again what is missing.

    Attributes:
        followers: Told of everything, after it was done.
    """

    _clock: Any
    _socket: HandoverSocket
    _files: list[PidFile]
    # twistd's options: it may have a PID file of its own, which it would remove when this process ends, whoever serves by then
    _twistd_options: MutableMapping[str, Any] = field(factory=dict)
    followers: list[Follower] = field(factory=list)
    _next_look: IDelayedCall | None = None
    _log: Logger = field(factory=Logger)

    def put_up(self) -> None:
        """See `Signposts.put_up`."""
        self._socket.open()
        for file in self._files:
            file.write()
        self._look_later()
        for follower in self.followers:
            follower.put_up()

    def abandon(self, successor: int) -> None:
        """See `Signposts.abandon`."""
        self._look_no_more()
        self._socket.close()
        twistd_file = self._twistd_options.get("pidfile")
        if twistd_file:
            self._twistd_options["pidfile"] = ""
            self._files.append(PidFile(Path(twistd_file)))
        for follower in self.followers:
            follower.abandon(successor)

    def take_down(self) -> None:
        """Remove those that are still ours: the process ends."""
        self._look_no_more()
        self._socket.remove()
        for file in self._files:
            file.remove()
        for follower in self.followers:
            follower.take_down()

    def _look(self) -> None:
        self._next_look = None
        self._look_later()
        if not self._socket.is_ours() and who_listens(self._socket.path) is None:
            self._log.warn("the handover socket {path} was gone, and is there again", path=str(self._socket.path))
            self._again(self._socket.open)
        if self._socket.is_ours():
            for file in self._files:
                if not file.names_us():
                    self._again(file.write)

    def _again(self, put_up: Any) -> None:
        try:
            put_up()
        except OSError as error:
            self._log.error("can't tell who serves: {error}", error=str(error))

    def _look_later(self) -> None:
        self._look_no_more()
        self._next_look = self._clock.callLater(LOOK_INTERVAL_S, self._look)

    def _look_no_more(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
