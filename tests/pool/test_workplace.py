"""The runtime directory: who is there, who is dead, and who doesn't answer."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest
from obedient import ObedientWorker
from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectError
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.task import Clock

from duckgres_tx.pool import workplace
from duckgres_tx.pool.adopted_process import NoSuchWorker, start_time
from duckgres_tx.pool.lifecycle import Phase
from duckgres_tx.pool.workplace import SURVEY_DEADLINE_S, Found, SurveyFailed, Workplace


class FakeReactor(Clock):
    """Remembers who wants to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = []

    def addReader(self, reader):
        self.readers.append(reader)

    def removeReader(self, reader):
        self.readers.remove(reader)


class Bench:
    """A runtime directory with workers in it, each with what happens to who connects there."""

    def __init__(self, directory, monkeypatch) -> None:
        self.directory, self.clock = directory, FakeReactor()
        self.workers, self.connected = {}, []
        self.behind = os.getpid()
        self.workplace = Workplace(self.clock, directory, object())
        monkeypatch.setattr(workplace, "connect_to_worker", self._connect)
        monkeypatch.setattr(workplace, "_process_behind", lambda link: self.behind)

    def _connect(self, reactor, path, link, deadline_s):
        self.connected.append(path.name)
        there = self.workers[path.name]
        return fail(there) if isinstance(there, Exception) else there.connect(link, deadline_s)

    def leave(self, name, there):
        """A socket is there, and a log."""
        (self.directory / f"{name}.sock").touch()
        (self.directory / f"{name}.log").touch()
        self.workers[f"{name}.sock"] = there
        return there

    def survey(self, carry=True, **options):
        """Ask all."""
        surveying = Deferred.fromCoroutine(
            self.workplace.survey(options.pop("known", ()), **{"strict": True, **options})
        )
        for there in self.workers.values():
            if isinstance(there, ObedientWorker) and there.pairs and carry:
                there.carry()
        return surveying


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Nobody is there yet."""
    return Bench(tmp_path, monkeypatch)


def alive(**changes):
    """A worker that serves; it is this process, so that there is one."""
    return ObedientWorker(**{"slot": 2, "generation": 3, "epoch": 4, "pid": os.getpid(), "release": "x", **changes})


def test_who_answers_is_found_and_nothing_changes_in_it(bench):
    """With all that it says; the link to ask is gone again."""
    worker = bench.leave("worker-2-aa", alive())
    (found,) = result_of(bench.survey())

    assert (found.slot, found.generation, found.epoch, found.release) == (2, 3, 4, "x")
    assert (found.pid, found.started) == (os.getpid(), start_time(os.getpid()))
    assert found.answers
    assert found.configured
    assert worker.told == []
    assert not worker.pair.left.connected


def test_one_that_was_never_configured_has_the_slot_of_its_name(bench):
    """Its control plane died before it could say more."""
    bench.leave("worker-7-aa", alive(slot=0, generation=0, epoch=0))
    (found,) = result_of(bench.survey())

    assert (found.slot, found.configured) == (7, False)


@pytest.mark.parametrize("error", [Refused(errno.ECONNREFUSED, "refused"), ConnectError(errno.ENOENT, "gone")])
def test_what_dead_ones_have_left_is_removed(bench, error):
    """After a second look: one that is just being started listens a moment after it is there."""
    bench.leave("worker-2-aa", error)
    surveying = bench.survey()
    assert has_no_result(surveying)
    assert len(list(bench.directory.iterdir())) == 2
    bench.clock.pump([0.2, 0.2])

    assert result_of(surveying) == []
    assert list(bench.directory.iterdir()) == []
    assert bench.connected == ["worker-2-aa.sock"] * 2


def test_one_that_just_comes_to_be_is_found(bench):
    """At the second look."""
    bench.leave("worker-2-aa", Refused(errno.ECONNREFUSED, "refused"))
    surveying = bench.survey()
    worker = bench.workers["worker-2-aa.sock"] = alive()
    bench.clock.advance(0.2)
    worker.carry()

    assert [found.slot for found in result_of(surveying)] == [2]


def test_known_ones_are_not_asked(bench):
    """They are listened to anyway."""
    bench.leave("worker-2-aa", alive())
    assert result_of(bench.survey(known={bench.directory / "worker-2-aa.sock"})) == []
    assert bench.connected == []


def test_one_that_does_not_answer_fails_a_strict_survey(bench):
    """With what the operator needs to know."""
    bench.leave("worker-2-aa", alive())
    surveying = bench.survey(carry=False)
    bench.clock.advance(SURVEY_DEADLINE_S)

    with pytest.raises(
        SurveyFailed, match=rf"process {os.getpid()}, which listens at .*worker-2-aa.sock doesn't answer"
    ):
        result_of(surveying)


def test_one_that_does_not_answer_is_found_as_such(bench):
    """Whoever starts may listen to its heart, and kill it."""
    bench.leave("worker-2-aa", alive())
    surveying = bench.survey(carry=False, strict=False)
    bench.clock.advance(SURVEY_DEADLINE_S)
    (found,) = result_of(surveying)

    assert not found.answers
    assert (found.slot, found.pid) == (2, os.getpid())


def test_one_that_nobody_can_even_kill_fails_any_survey(bench):
    """It isn't known which process it is."""
    bench.leave("worker-2-aa", ConnectError(errno.EAGAIN, "try again"))

    with pytest.raises(SurveyFailed, match=r"the worker that listens at .* doesn't answer: end it"):
        result_of(bench.survey(strict=False))


@pytest.mark.parametrize("strict", [True, False])
def test_one_that_is_just_being_started_is_found_without_an_answer(bench, strict):
    """It may take long to answer on a busy machine; it is known by its log."""
    worker = bench.leave("worker-2-aa", alive())
    bench.behind = 0
    with (bench.directory / "worker-2-aa.log").open("ab") as log:
        with subprocess.Popen(["/bin/sleep", "60"], stderr=log) as unborn:
            (found,) = result_of(bench.survey(carry=False, strict=strict))
            unborn.kill()

    assert (found.slot, found.pid, found.configured, found.answers) == (2, unborn.pid, False, False)
    assert not worker.pair.left.connected


def test_one_that_has_died_before_it_came_so_far_is_not_found(bench):
    """Nobody writes to its log."""
    bench.leave("worker-2-aa", alive())
    bench.behind = 0

    assert result_of(bench.survey(carry=False)) == []


def test_one_that_dies_while_it_is_asked_is_not_found(bench):
    """Whatever it has left is removed the next time."""
    worker = bench.leave("worker-2-aa", alive())
    surveying = bench.survey(carry=False)
    worker.pair.left.lose()

    assert result_of(surveying) == []


def test_one_that_is_found_can_be_adopted(bench):
    """As a worker like any other, with its generation, its log read on, its process watched."""
    bench.leave("worker-2-aa", alive())
    (found,) = result_of(bench.survey())
    found.files.log.write_bytes(b"one\ntwo\n")
    worker = bench.workplace.adopt(found, 9, 4, object())

    assert (worker.slot, worker.generation, worker.pid) == (2, 3, os.getpid())
    assert worker.is_adopted
    assert not worker.is_known
    assert worker.phase is Phase.SPAWNING
    assert worker.name == f"worker 2 (pid {os.getpid()})"
    assert worker.process.files.log_offset == 8
    assert bench.clock.readers == [worker.process]
    worker.process.files.leave()
    bench.clock.readers.clear()
    worker.process._pidfd.close()


def test_one_that_was_never_configured_gets_the_present_generation(bench):
    """It is as good as one that was just started."""
    bench.leave("worker-7-aa", alive(slot=0, generation=0, epoch=0))
    (found,) = result_of(bench.survey())
    worker = bench.workplace.adopt(found, 9, None, object())

    assert (worker.slot, worker.generation) == (7, 9)
    worker.process.files.leave()
    worker.process._pidfd.close()


def test_one_that_has_ended_since_is_not_adopted(bench):
    """Even if there is another process of that pid."""
    bench.leave("worker-2-aa", alive())
    (found,) = result_of(bench.survey())
    with pytest.raises(NoSuchWorker):
        bench.workplace.adopt(
            Found(found.files, found.pid, found.started - 1, answers=True, configured=True, slot=2), 1, None, object()
        )
