"""What the log says when a worker is gone."""

from __future__ import annotations

from twisted.logger import Logger

from duckgres_tx.pool.counts import Session

# sessions named one by one when their worker dies
NAMED_SESSIONS = 20
_log = Logger()


def tell_of_death(name: str, reason: str, lost: list[Session], freed: tuple[str, ...]) -> None:
    """A worker has died that was needed: say so, and what died with it.

    Args:
        name: Who.
        reason: How, as the end of a sentence that begins with "it".
        lost: Its sessions.
        freed: Databases that it owned.
    """
    _log.error(
        "{name} is gone: it {reason}; {count} sessions died with it; databases that move: {databases}",
        name=name,
        reason=reason,
        count=len(lost),
        databases=", ".join(freed) or "none",
    )
    for session in lost[:NAMED_SESSIONS]:
        _log.error(
            "session {pid} of user {user!r} on database {database!r} from {host} died with {name}",
            pid=session.backend_pid,
            user=session.user,
            database=session.database,
            host=session.remote_host or "a UNIX socket",
            name=name,
        )


def tell_of_end(name: str, reason: str) -> None:
    """A worker has ended that was not needed any more."""
    _log.info("{name} has ended: it {reason}", name=name, reason=reason)
