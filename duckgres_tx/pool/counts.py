"""The sessions that there are, as the control plane knows them: from the moment a socket is handed over.

It is the control plane that gives a session its backend pid, so that a CancelRequest finds the worker without asking around.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from duckgres_tx.pool.servers import SessionServer

# backend pid = slot << 20 | (epoch & 1) << 19 | sequence: positive in 31 bits. Two control planes whose hand-overs overlap have epochs that
# follow each other, so they never give the same pid.
SLOT_SHIFT = 20
SEQUENCE_BITS = 19
MAX_SLOT = (1 << (31 - SLOT_SHIFT)) - 1
_SEQUENCES = 1 << SEQUENCE_BITS


@define(eq=False)
class Session:
    """One session of one worker.

    Attributes:
        backend_pid: Its pid as clients see it.
        worker: Who has it.
        remote_host: The client's address; "" for a UNIX socket.
        admitted: Whether it counts towards the limits on connections (one that is relayed has been counted already, and
            one that is refused never is).
        user: Once it has authenticated.
        database: Once it is open.
        heading_for: Who is to go on with it.
        missed: The worker didn't name it when it last said which sessions it has.
    """

    backend_pid: int
    worker: SessionServer
    remote_host: str
    admitted: bool
    user: str = ""
    database: str = ""
    heading_for: SessionServer | None = None
    missed: bool = False


@define(eq=False)
class Sessions:
    """All sessions by backend pid.

    Attributes:
        epoch: The epoch of this control plane, for the pids that it gives.
    """

    epoch: int = 0
    _by_pid: dict[int, Session] = field(factory=dict)
    _next_sequence: dict[int, int] = field(factory=dict)

    def __contains__(self, backend_pid: int) -> bool:
        return backend_pid in self._by_pid

    def __len__(self) -> int:
        return len(self._by_pid)

    def get(self, backend_pid: int) -> Session | None:
        """The session with that pid."""
        return self._by_pid.get(backend_pid)

    def begin(self, worker: SessionServer, remote_host: str, admitted: bool) -> Session:
        """Register a session that is about to be handed over; it gets a pid that no live session has."""
        session = Session(self._unused_pid(worker.slot), worker, remote_host, admitted)
        self._by_pid[session.backend_pid] = session
        return session

    def enter(self, session: Session) -> None:
        """Register a session that a worker has already: another control plane has handed it over."""
        self._by_pid[session.backend_pid] = session

    def end(self, backend_pid: int) -> Session | None:
        """A session is over. None when it was over before."""
        return self._by_pid.pop(backend_pid, None)

    def of(self, worker: SessionServer) -> list[Session]:
        """A worker's sessions."""
        return [session for session in self._by_pid.values() if session.worker is worker]

    def of_others(self, worker: SessionServer) -> list[Session]:
        """Those of all other workers that have logged in."""
        return [session for session in self._by_pid.values() if session.worker is not worker and session.user]

    def count(self, worker: SessionServer) -> int:
        """How many a worker has, those in the handshake among them."""
        return sum(session.worker is worker for session in self._by_pid.values())

    def forget_heir(self, worker: SessionServer) -> None:
        """Nobody is headed for that worker any more."""
        for session in self._by_pid.values():
            if session.heading_for is worker:
                session.heading_for = None

    def missing(self, worker: SessionServer, live: Iterable[int]) -> list[Session]:
        """The sessions of a worker that it doesn't have (any more)."""
        present = frozenset(live)
        return [session for session in self.of(worker) if session.backend_pid not in present]

    @staticmethod
    def slot_of(backend_pid: int) -> int:
        """The slot of the worker that a pid was given for."""
        return backend_pid >> SLOT_SHIFT

    def _unused_pid(self, slot: int) -> int:
        for _ in range(_SEQUENCES):
            sequence = self._next_sequence.get(slot, 1)
            # 0 is skipped: some clients take a pid whose low bits are 0 for none
            self._next_sequence[slot] = sequence % (_SEQUENCES - 1) + 1
            backend_pid = slot << SLOT_SHIFT | (self.epoch & 1) << SEQUENCE_BITS | sequence
            if backend_pid not in self._by_pid:
                return backend_pid
        raise RuntimeError(f"worker {slot} has {_SEQUENCES} sessions")
