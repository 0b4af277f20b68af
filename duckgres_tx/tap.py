"""What ``twistd duckgres`` loads first. Light on purpose: whatever costs a start its time is imported after it has stood back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckgres_tx.courtesy import Courtesy
from duckgres_tx.options import Options

if TYPE_CHECKING:
    from duckgres_tx.service import DuckgresService

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> DuckgresService:
    """Prepare a server; called by twistd before it becomes a daemon. See `service.make_service`."""
    courtesy = Courtesy.begin()
    from duckgres_tx.service import make_service  # noqa: PLC0415  see above

    return make_service(options, courtesy)
