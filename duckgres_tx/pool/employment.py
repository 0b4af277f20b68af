"""A worker process's one life: what it was told, whom it obeys, what it serves. It outlasts every link.

A worker obeys one control plane, its boss: the one that configured it last. Control planes are numbered in the order in which they take
charge (the *epoch*), so that one that was slow, suspended or believed dead can't command what is another's by now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Protocol

import cattrs
from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import InvalidConfiguration, NotConfigured, Superseded
from duckgres_tx.pool.control_link import ControlLink
from duckgres_tx.pool.inventory import Inventory
from duckgres_tx.pool.link import Link
from duckgres_tx.release import running_release
from duckgres_tx.session.control_plane import AcceptedConnection, ControlPlane, Health
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.tasks import start

# of a worker that nobody has configured yet: its parent may have died right after it was started
UNCONFIGURED_TIMEOUT_S = 30.0


class Host(Protocol):
    """The part of `SessionHost` that a worker uses."""

    def start(self) -> None:
        """Begin."""

    def reload(self, settings: WorkerSettings) -> tuple[str, ...]:
        """Take other settings; returns the names of those that need a new worker. Raises ValueError, and nothing has changed."""

    def accept_connection(self, connection: AcceptedConnection) -> None:
        """Take a connection; owns its descriptor."""

    def cancel_query(self, backend_pid: int, secret_key: bytes) -> bool:
        """Interrupt a session's statement."""

    def signal(self, backend_pid: int, order: str) -> bool:
        """Stop a session, or what it runs."""

    async def drain(self, timeout_s: float, database: str = "", grace_s: float = 0.0, *, moves: bool = False) -> int:
        """Let sessions go."""

    def health(self) -> Health:
        """Say how it is."""

    async def shutdown(self, timeout_s: float) -> None:
        """End all sessions and close all databases."""


MakeHost = Callable[[WorkerSettings, ControlPlane], Host]


@frozen
class Order:
    """What a control plane says when it takes charge, or when it is in charge and something has changed.

    Attributes:
        document: `WorkerSettings` as JSON.
        slot: The worker's number.
        generation: Which rolling update it belongs to.
        epoch: The control plane's number.
    """

    document: bytes
    slot: int
    generation: int
    epoch: int


@define(eq=False)
class Employment:
    """A worker process's one life.

    Attributes:
        control: The way to the boss.
        slot: The worker's number; 0 until it is configured.
        generation: Which rolling update it belongs to.
        epoch: That of the boss.
        draining: No new sessions are taken.
    """

    _clock: IReactorTime
    _make_host: MakeHost
    _finished: Callable[[], None]
    control: ControlLink = field(init=False)
    slot: int = 0
    generation: int = 0
    epoch: int = 0
    draining: bool = False
    _host: Host | None = None
    _settings: WorkerSettings | None = None
    # its links come and go, it stays the same
    _boss_pid: int = 0
    _ending: Deferred[None] | None = None
    _log: Logger = field(factory=Logger)

    def __attrs_post_init__(self) -> None:
        self.control = ControlLink(self._clock)

    @property
    def host(self) -> Host:
        """The host.

        Raises:
            NotConfigured: There is none yet.
        """
        if self._host is None:
            raise NotConfigured("this worker has not been configured yet")
        return self._host

    @property
    def is_configured(self) -> bool:
        """Whether there is a host."""
        return self._host is not None

    @property
    def orphan_timeout_s(self) -> float:
        """How long the worker waits for a boss while it has no sessions."""
        return UNCONFIGURED_TIMEOUT_S if self._settings is None else self._settings.orphan_timeout_s

    @property
    def drain_timeout_s(self) -> float:
        """How long transactions may go on when nobody says for how long."""
        return 0.0 if self._settings is None else self._settings.drain_timeout_s

    def configure(self, link: Link, order: Order, sheet: int) -> tuple[str, ...]:
        """Make and start the host, or have it take other settings; obey whoever says so from now on.

        All of it in one turn of the reactor: what has happened before is in the inventory, what happens later is told to the new boss.

        Args:
            link: To whoever says so.
            order: What is said.
            sheet: Descriptor of the memory file for the inventory, the caller's.

        Returns:
            Names of the settings that need a new worker.

        Raises:
            InvalidConfiguration: It can't serve with that, and nothing has changed; one line of text.
            Superseded: Another control plane is the boss, and not one with a lower epoch.
        """
        if self._host is not None:
            self._check_order(link, order)
        stale: tuple[str, ...] = ()
        try:
            settings = cattrs.structure(json.loads(order.document), WorkerSettings)
            if self._host is None:
                self._begin(settings, order)
            else:
                stale = self._host.reload(settings)
        except Exception as error:
            self._log.failure("can't serve with this configuration")
            raise InvalidConfiguration(one_line(error)) from error
        self._settings = settings
        descriptors.fill_memory_file(sheet, self._inventory(order.epoch).to_json())
        if self._boss_pid and self.epoch != order.epoch:
            self._log.info("worker {slot} obeys epoch {epoch} now", slot=self.slot, epoch=order.epoch)
        self.epoch, self._boss_pid = order.epoch, link.peer_pid
        self.control.obey(link)
        return stale

    def check_boss(self, link: Link) -> None:
        """Make sure that a command comes from the boss.

        Raises:
            Superseded: It doesn't.
        """
        if self._host is not None and link is not self.control.boss:
            raise Superseded(f"a control plane of epoch {self.epoch} is in charge")

    async def finish(self, timeout_s: float) -> None:
        """End the host, then the process. Again: wait for that."""
        self.draining = True
        if self._ending is None:
            self._ending = start(self._end(timeout_s), "end a worker")
        await self._ending

    async def _end(self, timeout_s: float) -> None:
        try:
            if self._host is not None:
                await self._host.shutdown(timeout_s)
        finally:
            self._finished()

    def _check_order(self, link: Link, order: Order) -> None:
        # a link may have broken, and its control plane has connected anew
        is_boss = link is self.control.boss or (link.peer_pid != 0 and link.peer_pid == self._boss_pid)
        if order.epoch < self.epoch or (order.epoch == self.epoch and not is_boss):
            raise Superseded(f"a control plane of epoch {self.epoch} is in charge")
        if (order.slot, order.generation) != (self.slot, self.generation):
            raise InvalidConfiguration(
                f"this is worker {self.slot} of generation {self.generation}, "
                f"not worker {order.slot} of generation {order.generation}"
            )

    def _begin(self, settings: WorkerSettings, order: Order) -> None:
        host = self._make_host(settings, self.control)
        host.start()
        self._host, self.slot, self.generation = host, order.slot, order.generation

    def _inventory(self, epoch: int) -> Inventory:
        return Inventory(
            pid=os.getpid(),
            slot=self.slot,
            generation=self.generation,
            epoch=epoch,
            release=running_release(),
            draining=self.draining,
            sessions=self.control.sessions(),
            databases=self.control.databases(),
        )


def one_line(error: BaseException) -> str:
    """An exception's text on one line, for a log line or an operator's terminal."""
    text = " ".join(str(error).split())
    return text or type(error).__name__
