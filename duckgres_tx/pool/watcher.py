"""What a `RemoteWorker` is between: the process that it is about, and who decides over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.terms import Terms
from duckgres_tx.pool.worker_files import WorkerFiles

if TYPE_CHECKING:
    from duckgres_tx.pool.remote import RemoteWorker


class Process(Protocol):
    """The part of a worker process that is about the process: `SpawnedProcess`, or `AdoptedProcess`."""

    @property
    def pid(self) -> int | None:
        """None when it has ended."""

    @property
    def files(self) -> WorkerFiles:
        """Its socket and its log."""

    def kill(self) -> None:
        """SIGKILL."""

    def when_ended(self, ended: Callable[[str], None]) -> None:
        """Have somebody told, once, how it ended."""


class Watcher(Protocol):
    """Who wants to know of a worker's life, and decides over it: the roster."""

    @property
    def epoch(self) -> int:
        """The epoch of this control plane."""

    @property
    def is_in_charge(self) -> bool:
        """Whether the workers are ours to command, or to kill."""

    def terms(self, worker: RemoteWorker) -> Terms:
        """What to tell it when we take charge of it."""

    def is_to_go(self, worker: RemoteWorker) -> bool:
        """Whether it is going to be replaced though nothing is wrong with it."""

    def worker_ready(self, worker: RemoteWorker) -> None:
        """It may be sent clients."""

    def worker_draining(self, worker: RemoteWorker) -> None:
        """It may be sent no clients any more, whoever has decided that."""

    def worker_unfit(self, worker: RemoteWorker) -> None:
        """It answers, but has to be replaced soon."""

    def worker_gone(self, worker: RemoteWorker, phase: Phase, reason: str) -> None:
        """It has died in that phase. Told once."""

    def superseded(self) -> None:
        """A control plane with a higher epoch is in charge."""
