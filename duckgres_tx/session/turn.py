"""The seam between a conversation and the two query protocols: what their steps may ask of it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from duckgres_tx.engine.copy_in import CopyInJob
from duckgres_tx.errors import PgError
from duckgres_tx.wire.backend import BackendMessage


class Turn(Protocol):
    """The server's turn in a conversation, as the steps that fill it see it.

    A step that is a coroutine needs neither ``wait`` nor ``go_on``: it is over when it returns, or raises.
    """

    def wait(self) -> None:
        """The step goes on in the engine; ``go_on`` will be called."""

    def go_on(self, error: PgError | None = None) -> None:
        """The step that waited is over.

        Args:
            error: It has failed.
        """

    def next_is_sync(self) -> bool:
        """Whether a Sync has been read that follows directly."""

    def said(self, message_class: type[BackendMessage]) -> None:
        """A message of this class, which changes what the client may send next, has been written."""

    def take_copy(self, job: CopyInJob) -> Awaitable[None]:
        """Pass the client's CopyData on; over when the job is, however that ends."""

    def ready_for_query(self) -> None:
        """The turn is the client's again."""
