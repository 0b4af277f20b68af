"""Which worker serves which database.

DuckDB lets one process open a file for writing, so a database has one owner at a time. It is chosen by rendezvous hashing over the
ready workers (each database ranks the workers in an order of its own, so a worker that comes or goes moves only the databases that
it gains or loses), and stays while the owner has the database open. A claim decides, not the guess that sent a client somewhere.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable

from attrs import define, field

from duckgres_tx.pool.servers import SessionServer

# addresses whose last database is remembered
MAX_GUESSES = 10_000


@define(eq=False)
class Placement:
    """Who owns what, and what a client that has not said it yet probably wants."""

    default_database: str
    _owners: dict[str, SessionServer] = field(factory=dict)
    _guesses: OrderedDict[str, str] = field(factory=OrderedDict)

    def owner(self, database: str) -> SessionServer | None:
        """The worker that has the database open; None when no worker has."""
        return self._owners.get(database)

    def choose(self, database: str, workers: Iterable[SessionServer]) -> SessionServer | None:
        """The worker to send a client of that database to.

        Args:
            database: Its name.
            workers: Those that are ready.

        Returns:
            The owner if there is one, ready or not; otherwise the highest ranked; None when there is no worker.
        """
        owner = self._owners.get(database)
        return owner if owner is not None else self.successor(database, workers)

    def successor(self, database: str, workers: Iterable[SessionServer]) -> SessionServer | None:
        """The worker that is to be chosen once nobody owns the database: the highest ranked; None when there is no worker.

        While a rolling update is under way it is one of those that stay, so that a database moves once and not with every step.
        """
        return max(workers, key=lambda worker: (not worker.is_to_go, _rank(database, worker.slot)), default=None)

    def claim(self, database: str, worker: SessionServer, workers: Iterable[SessionServer]) -> bool:
        """A worker wants to open a database.

        A client under TLS is sent to a worker before anybody knows what it wants, so the asker may be anyone: it gets a database
        that nobody has only if it is the one to be chosen. Otherwise all databases of an address would meet at one worker.

        Args:
            database: Its name.
            worker: Who asks.
            workers: Those that are ready.

        Returns:
            Whether the database is the asker's; if not, the session belongs to another worker.
        """
        if self.choose(database, workers) in (worker, None):
            self._owners[database] = worker
        return self._owners.get(database) is worker

    def give(self, database: str, worker: SessionServer) -> None:
        """The database is that worker's from now on, whoever is ready later."""
        self._owners[database] = worker

    def closed(self, database: str, worker: SessionServer) -> None:
        """A worker has closed a database."""
        if self._owners.get(database) is worker:
            del self._owners[database]

    def forget(self, worker: SessionServer) -> tuple[str, ...]:
        """A worker has died: what it owned is free. Returns those databases."""
        freed = tuple(name for name, owner in self._owners.items() if owner is worker)
        for name in freed:
            del self._owners[name]
        return freed

    def forget_all(self) -> None:
        """Nobody owns anything, until the workers have said what they have."""
        self._owners.clear()

    def guess(self, remote_host: str) -> str:
        """The database that a client at this address will probably ask for, once TLS is up."""
        return self._guesses.get(remote_host, self.default_database)

    def learn(self, remote_host: str, database: str) -> None:
        """A client at this address has asked for that database."""
        self._guesses[remote_host] = database
        self._guesses.move_to_end(remote_host)
        if len(self._guesses) > MAX_GUESSES:
            self._guesses.popitem(last=False)


def _rank(database: str, slot: int) -> bytes:
    return hashlib.blake2b(f"{slot}/{database}".encode(), digest_size=8).digest()
