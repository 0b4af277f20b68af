"""What a client has sent and nobody has taken up yet: frames in order, bounded while the server is busy."""

from __future__ import annotations

from duckgres_tx.session.client import Client
from duckgres_tx.wire.frames import FrameReader

# While a statement runs, this much of what the client sends behind it is read ahead.
MAX_READ_AHEAD_BYTES = 256 * 1024


class Inbox:
    """A session's frames.

    Args:
        client: Its connection, whose reading is paused while too much waits here.

    Attributes:
        reading_paused: It is.
    """

    __slots__ = ("_client", "_frames", "_next", "reading_paused")

    def __init__(self, client: Client) -> None:
        self._client = client
        self._frames = FrameReader()
        self._next: tuple[bytes, bytes] | None = None
        self.reading_paused = False

    def begin(self, frames: FrameReader) -> None:
        """Go on with a reader in which there may be something already."""
        self._frames = frames

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._frames.feed(data)

    def take(self) -> tuple[bytes, bytes] | None:
        """The next frame, its type and body; None while none is whole.

        Raises:
            PgError: What comes next can't be a frame.
        """
        frame = self._next
        if frame is None:
            return next(self._frames, None)
        self._next = None
        return frame

    def put_back(self, frame: tuple[bytes, bytes]) -> None:
        """What was taken last is to be taken again."""
        self._next = frame

    @property
    def rest(self) -> bytes:
        """All that waits, as it was sent."""
        frame = self._next
        head = b"" if frame is None else frame[0] + (len(frame[1]) + 4).to_bytes(4) + frame[1]
        return head + self._frames.rest

    def next_is_sync(self) -> bool:
        """Whether a Sync has been read that is the next frame."""
        if self._next is None:
            self._next = next(self._frames, None)
        return self._next is not None and self._next[0] == b"S"

    def pause_when_full(self) -> None:
        """The server is busy: read no more when enough waits."""
        if self._frames.buffered_bytes > MAX_READ_AHEAD_BYTES and not self.reading_paused:
            self.reading_paused = True
            self._client.transport.pauseProducing()

    def resume_when_emptied(self) -> None:
        """The server has taken up what it can: read on. Of a message larger than what is read ahead the rest is still to come."""
        frames = self._frames
        if self.reading_paused and (frames.amid_message or frames.buffered_bytes <= MAX_READ_AHEAD_BYTES):
            self.reading_paused = False
            self._client.transport.resumeProducing()
