"""``pg_terminate_backend`` and ``pg_cancel_backend``: which sessions there are, and how one of them tells another to stop.

DuckDB's functions only note what was asked for, on the thread that runs the statement, by what the session has said of the others before. When
the statement has ended well the session carries it out.

Spec: functions-admin.html#FUNCTIONS-ADMIN-SIGNAL
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import define, field

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.session.cancellation import admin_shutdown, user_request
from duckgres_tx.session.control_plane import ControlPlane

# Of the context, for the catalog's macros: ``,pid,pid,`` of the sessions that there are, and of those that this one may not touch.
KNOWN, FORBIDDEN = "backends", "backends_of_others"
# Where the macros note ``word pid``.
NOTES = "signals"


class Signalled(Protocol):
    """A session as another one sees it."""

    @property
    def user(self) -> str:
        """Whose it is."""

    def cancel(self) -> None:
        """Stop what it runs."""

    def end_by_order(self) -> None:
        """End it now, whatever it does."""


@define(eq=False)
class Backends:
    """The sessions of a host, for one another.

    Those of other workers are their user's name only.
    """

    _control_plane: ControlPlane
    _sessions: dict[int, Signalled] = field(factory=dict)

    def add(self, backend_pid: int, session: Signalled) -> None:
        """A session is there."""
        self._sessions[backend_pid] = session

    def remove(self, backend_pid: int) -> None:
        """It isn't any more."""
        self._sessions.pop(backend_pid, None)

    async def listing(self, user: str, *, superuser: bool) -> dict[str, str]:
        """What the macros are to know when a session of this user asks; without a control plane those of this worker are all."""
        users = {**await self._control_plane.sessions_elsewhere(), **{pid: s.user for pid, s in self._sessions.items()}}
        others = [pid for pid, owner in users.items() if not superuser and owner != user]
        return {KNOWN: _joined(users), FORBIDDEN: _joined(others)}

    def carry_out(
        self, notes: Iterable[str], known: str, own_pid: int, notice: Callable[[PgError], None]
    ) -> PgError | None:
        """Do what a statement of the session with that pid has asked for.

        Args:
            notes: What the macros have noted.
            known: What they were told.
            own_pid: The session's own.
            notice: Takes a warning about a pid that is nobody's.

        Returns:
            How the session's own statement ends, if it has told itself to stop.
        """
        own: PgError | None = None
        for note in notes:
            word, _, number = note.partition(" ")
            backend_pid = int(number)
            if backend_pid == own_pid:
                own = user_request() if word == "cancel" else admin_shutdown().fatal()
            elif f",{number}," not in known:
                text = f"PID {number} is not a PostgreSQL backend process"
                notice(PgError("01000", text, severity=Severity.WARNING))
            elif not self.signal(backend_pid, word):
                self._control_plane.signal_elsewhere(backend_pid, word)
        return own

    def signal(self, backend_pid: int, word: str) -> bool:
        """Stop a session of this host, or what it runs.

        Args:
            backend_pid: Which.
            word: ``cancel`` or ``terminate``.

        Returns:
            Whether it is here.
        """
        session = self._sessions.get(backend_pid)
        if session is None:
            return False
        if word == "cancel":
            session.cancel()
        else:
            session.end_by_order()
        return True


def _joined(pids: Iterable[int]) -> str:
    return f",{','.join(map(str, pids))},"
