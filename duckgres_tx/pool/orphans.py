"""Workers that a control plane has left behind when it was killed.

They hold their databases, so a new server can't open those before they have ended.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError
from twisted.logger import Logger

from duckgres_tx.pool.commands import Shutdown, WorkerFault
from duckgres_tx.pool.link import Link, LinkLost
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.pool.spawning import connect_to_worker

SHUTDOWN_TIMEOUT_S = 10.0
_CONNECT_DEADLINE_S = 5.0
_log = Logger()


async def end_orphans(reactor: Any, runtime_dir: Path) -> None:
    """End every worker that listens in a runtime directory, and remove what dead ones have left there.

    The caller holds the lock on the directory, so none of them has a living control plane.

    Raises:
        WorkerStartFailed: One doesn't end.
    """
    for path in sorted(runtime_dir.glob("worker-*.sock")):
        link = Link(_lost)
        try:
            await connect_to_worker(reactor, path, link, _CONNECT_DEADLINE_S)
        except ConnectError:
            path.unlink(missing_ok=True)
            continue
        except DeferredTimeoutError as error:
            raise _stuck(path) from error
        _log.warn("ending a worker that an earlier server has left at {path}", path=str(path))
        try:
            answer = link.ask(Shutdown, timeout_s=SHUTDOWN_TIMEOUT_S)
            await answer.addTimeout(SHUTDOWN_TIMEOUT_S + _CONNECT_DEADLINE_S, reactor)
        except (DeferredTimeoutError, WorkerFault) as error:
            raise _stuck(path) from error
        except LinkLost:
            # it has ended without an answer
            pass
        finally:
            link.abort()
        path.unlink(missing_ok=True)


def _lost(link: Link) -> None:
    """What was asked has failed already."""


def _stuck(path: Path) -> WorkerStartFailed:
    return WorkerStartFailed(f"a worker that an earlier server has left at {path} doesn't end: kill it")
