"""Where worker processes come from: new ones are started, and those of an earlier control plane are found in the runtime directory."""

from __future__ import annotations

import errno
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.defer import gatherResults
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.adopted_process import AdoptedProcess, is_worker, process_logging_to, start_time
from duckgres_tx.pool.commands import Health, WorkerFault
from duckgres_tx.pool.control_end import Desk
from duckgres_tx.pool.link import Link, LinkLost
from duckgres_tx.pool.remote import RemoteWorker
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.pool.spawning import connect_to_worker, spawn_worker
from duckgres_tx.pool.watcher import Watcher
from duckgres_tx.pool.worker_files import WorkerFiles, sockets_in
from duckgres_tx.tasks import start

# for each worker to say how it is; all are asked at once
SURVEY_DEADLINE_S = 5.0
_SECOND_LOOK_S = 0.1
_NOBODY_LISTENS = (errno.ECONNREFUSED, errno.ENOENT)


class SurveyFailed(WorkerStartFailed):
    """A worker that is there can't be made sense of; one line of text says which, and why."""


@frozen
class Found:
    """A worker process that is there already.

    Attributes:
        files: Its socket and its log.
        pid: Its pid.
        started: When it was started, see `start_time`.
        answers: Whether it has said how it is; otherwise the rest is not known.
        configured: Whether it has ever been told to serve. One that hasn't, such as one that is just being started, has nothing.
        slot: Its number.
        generation: Which rolling update it belongs to.
        epoch: That of the control plane that it obeys.
        release: Digest of its code.
        sessions: Connections that it has.
    """

    files: WorkerFiles
    pid: int
    started: int
    answers: bool
    configured: bool
    slot: int
    generation: int = 0
    epoch: int = 0
    release: str = ""
    sessions: int = 0


@define(eq=False)
class Workplace:
    """The runtime directory with the workers in it."""

    _reactor: Any
    _runtime_dir: Path
    _desk: Desk
    _log: Logger = field(factory=Logger)

    def spawn(self, slot: int, generation: int, watcher: Watcher) -> RemoteWorker:
        """Start a worker process.

        Raises:
            OSError: It can't be started.
        """
        process = spawn_worker(self._reactor, slot, self._runtime_dir)
        connect = partial(connect_to_worker, self._reactor, process.files.socket)
        name = f"worker {slot} (pid {process.pid})"
        return RemoteWorker(self._reactor, slot, generation, name, process, connect, self._desk, watcher, is_fresh=True)

    def adopt(self, found: Found, generation: int, log_offset: int | None, watcher: Watcher) -> RemoteWorker:
        """Watch over a worker process that was found.

        Args:
            found: The process.
            generation: What it is told if it was never configured.
            log_offset: How much of its log has been read, in bytes; None skips what is there.
            watcher: Who is told of its life.

        Raises:
            NoSuchWorker: It has ended.
        """
        process = AdoptedProcess.adopt(self._reactor, found.pid, found.started, found.files)
        found.files.follow(log_offset)
        return RemoteWorker(
            self._reactor,
            found.slot,
            found.generation if found.configured else generation,
            f"worker {found.slot} (pid {found.pid})",
            process,
            partial(connect_to_worker, self._reactor, found.files.socket),
            self._desk,
            watcher,
            is_adopted=True,
            is_fresh=not found.configured,
            is_known=not found.configured,
        )

    async def survey(self, known: Collection[Path], *, strict: bool) -> list[Found]:
        """Ask all workers that listen here how they are. Nothing changes in them; what dead ones have left is removed.

        Args:
            known: Sockets to leave out.
            strict: One that has served and doesn't answer is an error; otherwise it is found without an answer.

        Raises:
            SurveyFailed: One doesn't answer, or can't even be told to end, because nobody knows which process it is.
        """
        found: list[Found] = []
        asked = [
            start(self._visit(WorkerFiles(path, slot, self._reactor), found), f"ask {path.name} how it is")
            for path, slot in sockets_in(self._runtime_dir)
            if path not in known
        ]
        await gatherResults(asked)
        for one in found:
            if one.configured and not one.answers and (strict or not one.pid):
                which = f"process {one.pid}, which " if one.pid else "the worker that "
                raise SurveyFailed(f"{which}listens at {one.files.socket} doesn't answer: end it, and try again")
        return found

    async def _visit(self, files: WorkerFiles, found: list[Found]) -> None:
        one = await self._ask(files)
        if one is not None:
            found.append(one)

    async def _ask(self, files: WorkerFiles) -> Found | None:
        """One worker; None when it is dead, or dies over it."""
        link = Link(_lost)
        try:
            if not await self._connect(files.socket, link):
                self._log.info("a worker that listened at {socket} has died", socket=str(files.socket))
                files.remove()
                return None
        except (ConnectError, DeferredTimeoutError):
            return _silent(files, process_logging_to(files.log))
        pid = _process_behind(link)
        if not pid:
            link.abort()
            return _unborn(files)
        try:
            answer = await link.ask(Health).addTimeout(SURVEY_DEADLINE_S, self._reactor)
            return _as_found(files, answer)
        except (DeferredTimeoutError, WorkerFault):
            return _silent(files, pid)
        except (LinkLost, ProcessLookupError):
            return None
        finally:
            link.abort()

    async def _connect(self, socket: Path, link: Link) -> bool:
        """Whether anybody listens there. Another control plane may just be about to bind it and then to listen, so that one look isn't enough."""
        for pause_s in (_SECOND_LOOK_S, 0.0):
            try:
                await connect_to_worker(self._reactor, socket, link, SURVEY_DEADLINE_S)
            except ConnectError as error:
                if error.osError not in _NOBODY_LISTENS:
                    raise
                await deferLater(self._reactor, pause_s)
            else:
                return True
        return False


def _as_found(files: WorkerFiles, answer: dict[str, Any]) -> Found:
    return Found(
        files=files,
        pid=answer["pid"],
        started=start_time(answer["pid"]),
        answers=True,
        configured=answer["configured"],
        slot=answer["slot"] or files.slot,
        generation=answer["generation"],
        epoch=answer["epoch"],
        release=answer["release"],
        sessions=answer["sessions"],
    )


def _silent(files: WorkerFiles, pid: int) -> Found | None:
    try:
        started = start_time(pid) if pid else 0
    except ProcessLookupError:
        return None
    # it may have sessions, so it is taken for one that is configured
    return Found(files, pid, started, answers=False, configured=True, slot=files.slot)


def _unborn(files: WorkerFiles) -> Found | None:
    """One that is just being started, and will answer in a moment, or in many on a busy machine; None when it has ended."""
    pid = process_logging_to(files.log)
    try:
        started = start_time(pid)
    except ProcessLookupError:
        return None
    return Found(files, pid, started, answers=False, configured=False, slot=files.slot)


def _process_behind(link: Link) -> int:
    """The process that listens there; 0 when the worker hasn't come so far as to listen itself, so that it is still who started it."""
    transport: Any = link.transport
    pid = descriptors.peer_credentials(transport.getHandle().fileno()).pid
    return pid if is_worker(pid) else 0


def _lost(link: Link) -> None:
    """What was asked has failed already."""
