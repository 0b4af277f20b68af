"""``stop``: the server is told to end, and afterwards nothing of it is left, whatever state it was in.

The server ends its workers itself. This is for the times when it can't: it hangs, or it was killed while its workers went on (which they do
so that the next control plane finds them).
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from duckgres_tx.console.processes import RunningProcess, processes_of, wait_for_end

# how long a server that was told twice, and a worker that lost its server, may take
HURRIED_TIMEOUT_S = 15.0
_KILLED_TIMEOUT_S = 5.0

Say = Callable[[str], None]


def stop(runtime_dir: Path, timeout_s: float, say: Say, hurried_s: float = HURRIED_TIMEOUT_S) -> bool:
    """End the server of a runtime directory and wait until it is gone.

    Args:
        runtime_dir: Where its workers' sockets are.
        timeout_s: How long it may take in order: its transactions may go on that long.
        say: Gets a line for each thing that people would want to know.
        hurried_s: How long each further step may take.

    Returns:
        Whether it ended in order, or wasn't running; False when something had to be killed.
    """
    in_order = _end_servers(runtime_dir, timeout_s, say, hurried_s)
    with _found(runtime_dir, workers=True) as workers:
        if not workers:
            return in_order
        say(f"{_named(workers)}: told to end, without a server")
        _send_all(workers, signal.SIGTERM)
        return _make_sure(workers, hurried_s, say) and in_order


def _end_servers(runtime_dir: Path, timeout_s: float, say: Say, hurried_s: float) -> bool:
    with _found(runtime_dir, workers=False) as servers:
        if not servers:
            say(f"no server uses {runtime_dir}")
            return True
        _send_all(servers, signal.SIGTERM)
        late = wait_for_end(servers, timeout_s)
        if not late:
            say(f"{_named(servers)}: ended")
            return True
        say(f"{_named(late)}: told to hurry, for not ending within {timeout_s:g} s")
        _send_all(late, signal.SIGTERM)
        return _make_sure(late, hurried_s, say)


def _make_sure(processes: list[RunningProcess], timeout_s: float, say: Say) -> bool:
    """Wait, then kill; whether killing wasn't needed."""
    left = wait_for_end(processes, timeout_s)
    if not left:
        return True
    say(f"{_named(left)}: killed, for not ending within {timeout_s:g} s")
    _send_all(left, signal.SIGKILL)
    wait_for_end(left, _KILLED_TIMEOUT_S)
    return False


@contextlib.contextmanager
def _found(runtime_dir: Path, *, workers: bool) -> Iterator[list[RunningProcess]]:
    processes = processes_of(runtime_dir)
    try:
        yield [process for process in processes if process.is_worker == workers]
    finally:
        for process in processes:
            process.close()


def _send_all(processes: list[RunningProcess], number: signal.Signals) -> None:
    for process in processes:
        process.send(number)


def _named(processes: list[RunningProcess]) -> str:
    what = "worker" if processes[0].is_worker else "server"
    pids = ", ".join(str(process.pid) for process in processes)
    return f"{what}{'s' if len(processes) > 1 else ''} {pids}"
