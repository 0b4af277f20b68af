"""The databases that this host has open, those who use them, and how they come and go.

An instance is opened by its database's first session and closed some time after the last one; memory and threads are
divided among the open ones anew whenever one opens or closes.
"""

from __future__ import annotations

import time
from pathlib import Path

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from duckgres_tx import tasks
from duckgres_tx.catalog.install import roles_script
from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.errors import PgError
from duckgres_tx.session.control_plane import ControlPlane
from duckgres_tx.session.database_files import DatabaseFiles, already_exists, does_not_exist, is_valid_name
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.open_database import OpenDatabase
from duckgres_tx.session.opening import make_database_file, open_database
from duckgres_tx.session.queueing import QueueingLock
from duckgres_tx.session.settings import WorkerSettings

# Less than this makes an instance fail at anything; then the sum may exceed the budget.
MIN_MEMORY_BYTES = 64 * 1024 * 1024


@define(eq=False)
class DatabaseSlot:
    """A database that this host owns, open or about to be.

    Attributes:
        name: The database.
        users: Sessions that use it, or are on their way to.
        database: The open instance.
        changing: Held while it is opened or closed.
        idle: Closes it when it fires.
    """

    name: str
    users: int = 0
    database: OpenDatabase | None = None
    changing: QueueingLock = field(factory=QueueingLock)
    idle: IDelayedCall | None = None


class Databases:
    """All databases of a host.

    Args:
        reactor: For the time after which an idle instance is closed.
        executor: Where instances are opened and closed.
        settings: Where the files are, what the instances may use.
        control_plane: Who says which worker owns a database.
    """

    _log = Logger()

    def __init__(
        self, reactor: IReactorTime, executor: Executor, settings: WorkerSettings, control_plane: ControlPlane
    ) -> None:
        self._reactor = reactor
        self._executor = executor
        self._settings = settings
        self._control_plane = control_plane
        self._files = DatabaseFiles(Path(settings.data_dir))
        self._slots: dict[str, DatabaseSlot] = {}
        self._letting_go = False
        self._waiting: list[Deferred[None]] = []
        self._names: tuple[str, ...] = ()
        self._names_stamp = 0

    @property
    def open_names(self) -> tuple[str, ...]:
        """Names of the open databases."""
        return tuple(slot.name for slot in self._slots.values() if slot.database is not None)

    def exists(self, name: str) -> bool:
        """Whether there is such a database, open anywhere or not; the default one is made when it is asked for."""
        return name == self._settings.default_database or self._files.exists(name)

    def names(self) -> tuple[str, ...]:
        """All databases there are; the directory is read only when it has changed."""
        stamp = Path(self._settings.data_dir).stat().st_mtime_ns
        # The clock of file systems ticks every few milliseconds: a stamp of just now may come twice.
        if stamp != self._names_stamp or time.time_ns() - stamp < 20_000_000:
            self._names, self._names_stamp = tuple(self._files.names()), stamp
        return self._names

    async def reserve(self, name: str) -> DatabaseSlot | None:
        """Say that a session wants a database; ``release`` must follow.

        Returns:
            None when there is no such database, or another worker owns it.
        """
        if name not in self._slots:
            if not self.exists(name) or not await self._control_plane.claim_database(name):
                return None
            # Another session may have asked at the same moment.
            self._slots.setdefault(name, DatabaseSlot(name))
        return self.reserve_own(name)

    def reserve_own(self, name: str) -> DatabaseSlot | None:
        """As ``reserve``, at once; None also when nobody was asked yet who owns the database."""
        slot = self._slots.get(name)
        if slot is None:
            return None
        slot.users += 1
        if slot.idle is not None:
            slot.idle.cancel()
            slot.idle = None
        return slot

    async def open(self, slot: DatabaseSlot) -> OpenDatabase:
        """The instance of a reserved database, opened if it isn't yet.

        Raises:
            PgError: 3D000 when it was dropped in the meantime, 58000 when DuckDB can't open it.
        """
        async with slot.changing:
            if slot.database is None:
                slot.database = await self._open(slot.name)
                await self._divide()
            return slot.database

    def release(self, slot: DatabaseSlot) -> None:
        """A session no longer uses a database."""
        slot.users -= 1
        if slot.users > 0 or self._slots.get(slot.name) is not slot:
            return
        stays = slot.database is not None and not self._letting_go
        delay_s = self._settings.idle_database_timeout_s if stays else 0
        slot.idle = self._reactor.callLater(delay_s, self._close_idle, slot)

    def let_go(self) -> None:
        """From now on an instance is closed as soon as nobody uses it, so that another worker can open it."""
        self._letting_go = True
        for slot in list(self._slots.values()):
            if slot.users == 0:
                tasks.start(self._close(slot), f"close database {slot.name}")

    def reload(self, settings: WorkerSettings) -> None:
        """Other settings hold from now on, also for the open instances: their shares of the machine, and who there is."""
        self._settings = settings
        tasks.start(self._renew(), "change the limits of the databases")

    async def close_unused(self, name: str) -> int:
        """Close a database's instance now if no session uses it.

        Returns:
            The number of sessions that do.
        """
        slot = self._slots.get(name)
        if slot is None:
            return 0
        if slot.users == 0:
            await self._close(slot)
        return slot.users

    async def when_gone(self, name: str) -> None:
        """Wait until a database is not this host's any more. Bounded by the drain that ends all of its sessions."""
        while name in self._slots:
            gone: Deferred[None] = Deferred()
            self._waiting.append(gone)
            await gone

    async def close_all(self) -> None:
        """Close every instance; the sessions must be gone. A failure is logged: the write-ahead log has everything."""
        for slot in list(self._slots.values()):
            await self._close(slot, forced=True)

    async def create(self, name: str) -> None:
        """CREATE DATABASE: made under another name, then published at once.

        Raises:
            PgError: 42P04 when it exists, 42602 for an impossible name, 58000 when the file can't be written.
        """
        if not is_valid_name(name):
            raise PgError("42602", f'invalid database name "{name}"')
        if self._files.exists(name):
            raise already_exists(name)
        temporary = self._files.temporary_path(name)
        try:
            await make_database_file(self._executor, temporary)
            self._files.publish(temporary, name)
        except DuckDBError as error:
            raise PgError("58000", f'could not create database "{name}"', detail=error.message) from error
        finally:
            self._files.discard(temporary)

    async def drop(self, name: str) -> None:
        """DROP DATABASE, wherever it may be open.

        Raises:
            PgError: 3D000 when there is none, 55006 when sessions use it.
        """
        if name == self._settings.default_database:
            raise PgError("42809", "cannot drop the default database")
        if not self._files.exists(name):
            raise does_not_exist(name)
        sessions = await self._control_plane.release_database(name)
        if sessions:
            raise in_use(name, sessions)
        # Owned for the moment, so that nobody opens what is being removed.
        slot = await self.reserve(name)
        if slot is None:
            raise in_use(name, 1)
        try:
            if slot.users > 1:
                raise in_use(name, slot.users - 1)
            async with slot.changing:
                await self._close_instance(slot)
                self._files.remove(name)
        finally:
            self.release(slot)

    async def _open(self, name: str) -> OpenDatabase:
        path = self._files.path(name)
        if not path.is_file():
            if name != self._settings.default_database:
                raise does_not_exist(name)
            await self._create_default()
        try:
            return await open_database(self._executor, self._settings, name, path, self.names())
        except DuckDBError as error:
            raise PgError("58000", f'could not open database "{name}"', detail=error.message) from error

    async def _create_default(self) -> None:
        try:
            await self.create(self._settings.default_database)
        except PgError as error:
            # Another worker was faster.
            if error.sqlstate != "42P04":
                raise

    def _close_idle(self, slot: DatabaseSlot) -> None:
        slot.idle = None
        if slot.users == 0:
            tasks.start(self._close(slot), f"close database {slot.name}")

    async def _close(self, slot: DatabaseSlot, *, forced: bool = False) -> None:
        async with slot.changing:
            if (slot.users > 0 and not forced) or self._slots.get(slot.name) is not slot:
                return
            if slot.idle is not None:
                slot.idle.cancel()
                slot.idle = None
            await self._close_instance(slot)
            # Somebody may have asked for it while it was closing; then it is opened again, and stays ours.
            if slot.users == 0 or forced:
                del self._slots[slot.name]
                self._control_plane.database_closed(slot.name)
                waiting, self._waiting = self._waiting, []
                for waiter in waiting:
                    waiter.callback(None)
        await self._divide()

    async def _close_instance(self, slot: DatabaseSlot) -> None:
        database, slot.database = slot.database, None
        if database is None:
            return
        try:
            await database.close()
        except DuckDBError:
            self._log.failure("could not close database {name} cleanly", name=slot.name)

    async def _renew(self) -> None:
        script = roles_script(tuple(self._settings.verifiers), self._settings.superusers)
        for slot in list(self._slots.values()):
            async with slot.changing:
                if slot.database is None:
                    continue
                try:
                    await slot.database.run(script)
                except DuckDBError:
                    self._log.failure("could not tell database {name} who its users are", name=slot.name)
        await self._divide()

    async def _divide(self) -> None:
        """Give every open instance an equal share of memory and threads."""
        instances = [slot.database for slot in self._slots.values() if slot.database is not None]
        if not instances:
            return
        memory = self._settings.memory_limit_bytes // len(instances)
        memory = max(memory, MIN_MEMORY_BYTES) if memory else 0
        threads = max(1, self._settings.threads // len(instances))
        for database in instances:
            try:
                await database.set_limits(memory, threads)
            except DuckDBError:
                self._log.failure("could not change the limits of database {name}", name=database.name)


def in_use(name: str, sessions: int) -> PgError:
    """What is said to who wants to drop a database that others use."""
    others = "1 other session" if sessions == 1 else f"{sessions} other sessions"
    verb = "is" if sessions == 1 else "are"
    return PgError(
        "55006",
        f'database "{name}" is being accessed by other users',
        detail=f"There {verb} {others} using the database.",
    )
