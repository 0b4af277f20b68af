"""What a session asks of its transport: the same of plain TCP, a UNIX socket and TLS.

Twisted's interfaces each say a part of it, and none of them all.
"""

from __future__ import annotations

from typing import Any, Protocol


class ClientTransport(Protocol):
    """A stream connection to a client, or one end of a relay."""

    protocol: Any
    lazy_from_bytes: int

    def write(self, data: bytes) -> None:
        """Send, now or when the peer reads."""

    def loseConnection(self) -> None:  # noqa: N802
        """Close after everything written has gone."""

    def abortConnection(self) -> None:  # noqa: N802
        """Close now."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802
        """Tell a producer when to pause."""

    def unregisterProducer(self) -> None:  # noqa: N802
        """Tell it no more."""

    def pauseProducing(self) -> None:
        """Read no more."""

    def resumeProducing(self) -> None:
        """Read again."""
