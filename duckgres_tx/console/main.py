"""The program: reads the command line, does what it says, and ends with a status that scripts can use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from twisted.python import usage

from duckgres_tx.config import ConfigError
from duckgres_tx.console.commands import COMMANDS, Say
from duckgres_tx.console.conversation import NotDone, NotReachable, running_server
from duckgres_tx.console.locating import Place, locate
from duckgres_tx.console.options import Options
from duckgres_tx.console.processes import processes_of
from duckgres_tx.console.stopping import stop
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.tasks import start

# beyond the time that the server's transactions may take
STOP_MARGIN_S = 20.0


def main() -> None:
    """Run as a program: exit status 0 when it was done, 1 when it wasn't, with one line on standard error that says why."""
    try:
        status = run(sys.argv[1:], os.environ, _say)
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read the output has seen enough; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)


def run(arguments: Sequence[str], environment: Mapping[str, str], say: Say) -> int:
    """Carry out a command line.

    Args:
        arguments: Without the program's name.
        environment: Environment variables.
        say: Gets what is for standard output, line by line.

    Returns:
        The exit status.
    """
    options = Options()
    try:
        options.parseOptions(list(arguments))
        command: Any = options.subOptions
        place = locate(command.where(), environment)
        if options.subCommand == "stop":
            return 0 if _stop(command, place, say) else 1
        _in_reactor(lambda reactor: _ask(reactor, str(options.subCommand), command, place, say))
    except (usage.UsageError, ConfigError, NotDone, LinkLost) as error:
        sys.stderr.write(f"duckgres: {error}\n")
        return 1
    except NotReachable as error:
        sys.stderr.write(f"duckgres: {error}{_left_behind(place)}\n")
        return 1
    return 0


def _stop(options: Any, place: Place, say: Say) -> bool:
    given = options["timeout"]
    timeout_s = place.shutdown_timeout_s + STOP_MARGIN_S if given is None else options.seconds("timeout")
    return stop(place.runtime_dir, timeout_s, say)


async def _ask(reactor: Any, name: str, options: Any, place: Place, say: Say) -> None:
    server = running_server(reactor, place.handover)
    try:
        await COMMANDS[name](server, options, say)
    finally:
        server.close()


def _in_reactor(begin: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, and raise what it raises."""
    from twisted.internet import reactor as installed  # noqa: PLC0415  importing it installs it

    reactor: Any = installed
    failures: list[BaseException] = []

    async def to_the_end() -> None:
        try:
            await begin(reactor)
        except Exception as error:  # noqa: BLE001  raised again below, outside the reactor
            failures.append(error)
        finally:
            reactor.stop()

    reactor.callWhenRunning(start, to_the_end(), "carry out a command")
    reactor.run()
    if failures:
        raise failures[0]


def _left_behind(place: Place) -> str:
    """Where there is no server, there may be what one has left."""
    processes = processes_of(place.runtime_dir)
    pids = [str(process.pid) for process in processes if process.is_worker]
    for process in processes:
        process.close()
    return f" (workers go on without it: {', '.join(pids)})" if pids else ""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
