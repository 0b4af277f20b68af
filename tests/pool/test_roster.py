"""The live set: complete before anybody is let in, kept complete, handed on, taken back, and rolled."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import define, field
from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher

from duckgres_tx.pool.adopted_process import NoSuchWorker
from duckgres_tx.pool.commands import InvalidConfiguration, Superseded
from duckgres_tx.pool.legacy import Legacy
from duckgres_tx.pool.lifecycle import LifeRecord, Phase, begin_life
from duckgres_tx.pool.pace import GOOD_LIFE_S, MAX_DELAY_S, OPEN_AFTER, RespawnPace
from duckgres_tx.pool.retirement import PROGRESS_INTERVAL_S, DrainPolicy
from duckgres_tx.pool.roster import PROMOTE_DEADLINE_S, Roster
from duckgres_tx.pool.servers import ServerHealth, WorkerStartFailed
from duckgres_tx.pool.workplace import Found, SurveyFailed
from duckgres_tx.tasks import start


@define(eq=False)
class FakeFiles:
    """Named by slot and generation."""

    socket: Path
    log_offset: int = 0


@define(eq=False)
class FakeProcess:
    """Remembers being killed."""

    files: FakeFiles
    killed: int = 0

    def kill(self):
        self.killed += 1


@define(eq=False)
class FakeWorker:
    """A worker that becomes ready, drains and dies when told."""

    slot: int
    generation: int
    watcher: object
    is_adopted: bool = False
    is_fresh: bool = False
    is_known: bool = True
    is_linked: bool = True
    is_silent: bool = False
    stale: tuple = ()
    pid: int = 4711
    calls: list = field(factory=list)
    health: ServerHealth = field(factory=ServerHealth)
    adoption: object = None
    left: int | None = None
    waiting: list = field(factory=list)
    process: FakeProcess = field(init=False)
    record: LifeRecord = field(init=False)
    life: object = field(init=False)

    def __attrs_post_init__(self):
        self.record = LifeRecord(
            lambda: self.watcher.worker_ready(self),
            lambda: self.watcher.worker_draining(self),
            lambda phase, reason: self.watcher.worker_gone(self, phase, reason),
        )
        self.life = begin_life(self.record)
        self.process = FakeProcess(FakeFiles(Path(f"/run/worker-{self.slot}-{self.generation:08x}.sock"), 100))

    @property
    def name(self):
        return f"worker {self.slot}"

    @property
    def phase(self):
        return self.record.phase

    @property
    def is_ready(self):
        return self.phase is Phase.READY

    @property
    def is_draining(self):
        return self.phase is Phase.DRAINING

    async def bring_up(self):
        self.calls.append(self.watcher.terms(self))

    async def adopt(self):
        self.calls.append(("adopt", self.watcher.epoch))
        if isinstance(self.adoption, Exception):
            raise self.adoption
        if isinstance(self.adoption, Deferred):
            await self.adoption
        self.is_known = True
        self.life.connected()
        if self.adoption == "draining":
            self.life.drained()
        else:
            self.life.configured()

    async def configure_again(self):
        self.calls.append("configure")
        if isinstance(self.adoption, Exception):
            raise self.adoption
        return self.stale

    def become_ready(self):
        """It is configured."""
        self.is_fresh = False
        self.life.connected()
        self.life.configured()

    def begin_drain(self):
        if self.phase is Phase.READY:
            self.life.drained()

    def die(self, reason="was killed by SIGKILL"):
        """It is gone."""
        self.life.worker_gone(reason)

    async def drain(self, timeout_s, database="", grace_s=0.0, moves=False):
        self.begin_drain()
        self.calls.append(("drain", timeout_s, grace_s))
        if self.left is None:
            waiting = Deferred()
            self.waiting.append(waiting)
            await waiting
        return self.left

    def emptied(self, left=0):
        """Its sessions have ended, or so many are left."""
        self.left = left
        for waiting in self.waiting:
            if not waiting.called:
                waiting.callback(None)

    async def shutdown(self, timeout_s):
        self.calls.append(("shutdown", timeout_s))
        self.die("exited with status 0")

    def kill(self):
        if self.watcher.is_in_charge:
            self.die("was killed")

    def stand_by(self):
        self.calls.append("stand by")

    def take_back(self):
        self.calls.append("take back")

    def let_go(self):
        self.calls.append("let go")


@define(eq=False)
class FakeSource:
    """Starts and finds workers."""

    hired: list = field(factory=list)
    found: list = field(factory=list)
    adopted: list = field(factory=list)
    failure: Exception | None = None
    silent: bool = False
    adoptions: dict = field(factory=dict)

    def spawn(self, slot, generation, watcher):
        if self.failure:
            raise self.failure
        worker = FakeWorker(slot, generation, watcher, is_fresh=True)
        self.hired.append(worker)
        return worker

    def adopt(self, found, generation, log_offset, watcher):
        if not found.pid:
            raise NoSuchWorker("it has ended")
        worker = FakeWorker(
            found.slot,
            found.generation or generation,
            watcher,
            is_adopted=True,
            is_fresh=not found.configured,
            is_known=not found.configured,
        )
        worker.calls.append(log_offset)
        worker.adoption = self.adoptions.get(found.slot)
        self.adopted.append(worker)
        return worker

    async def survey(self, known, *, strict):
        if self.silent and strict:
            raise SurveyFailed("it doesn't answer")
        return [one for one in self.found if one.files.socket not in known]

    def leave(self, slot, generation=1, epoch=1, pid=4711, configured=True):
        """An earlier control plane has left a worker."""
        files = FakeFiles(Path(f"/run/worker-{slot}-{generation:08x}.sock"))
        self.found.append(
            Found(
                files, pid, 1, answers=configured, configured=configured, slot=slot, generation=generation, epoch=epoch
            )
        )


@define(eq=False)
class FakeBoard:
    """What the rest of the control plane is told."""

    buried: list = field(factory=list)
    changes: int = 0
    epochs: list = field(factory=list)

    def promoted(self, epoch):
        self.epochs.append(epoch)

    def worker_died(self, worker):
        self.buried.append(worker.slot)
        return [], ()

    def something_changed(self):
        self.changes += 1

    def count(self, worker):
        return 3


class Bench:
    """A roster of two, or of so many."""

    def __init__(self, size: int = 2) -> None:
        self.clock, self.source, self.board = Clock(), FakeSource(), FakeBoard()
        self.superseded = []
        self.roster = Roster(
            self.clock,
            size,
            self.source,
            lambda: b"configuration",
            self.board,
            DrainPolicy(timeout_s=60.0, grace_s=5.0),
            lambda: self.superseded.append(True),
        )

    @property
    def hired(self):
        return self.source.hired

    def up(self):
        """All are ready."""
        starting = start(self.roster.start(), "start")
        for worker in list(self.hired):
            worker.become_ready()
        result_of(starting)
        return self

    def run(self, coroutine):
        """The result of something that ends at once."""
        return result_of(Deferred.fromCoroutine(coroutine))

    def slots(self, *phases):
        """Of those in that state, all without one."""
        return [one["slot"] for one in self.roster.describe()["workers"] if not phases or one["state"] in phases]


@pytest.fixture
def logged():
    """What is logged."""
    lines = []

    def observe(event):
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


# ---- starting, replacing, ending


def test_it_is_started_when_all_are_ready():
    """Not before."""
    bench = Bench()
    starting = Deferred.fromCoroutine(bench.roster.start())
    assert [worker.slot for worker in bench.hired] == [1, 2]
    (terms,) = bench.hired[0].calls
    assert (terms.configuration, terms.slot, terms.generation, terms.epoch) == (b"configuration", 1, 1, 1)
    bench.hired[0].become_ready()
    assert has_no_result(starting)

    bench.hired[1].become_ready()

    result_of(starting)
    assert bench.roster.ready() == bench.hired
    assert bench.board.epochs == [1]


def test_a_worker_that_can_t_start_fails_the_first_start():
    """With its own words; nobody is hired instead."""
    bench = Bench()
    starting = Deferred.fromCoroutine(bench.roster.start())
    bench.hired[0].become_ready()
    bench.hired[1].die("can't serve: no such extension")

    with pytest.raises(WorkerStartFailed, match="worker 2 can't serve: no such extension"):
        result_of(starting)
    bench.clock.advance(100)
    assert len(bench.hired) == 2
    bench.run(bench.roster.shutdown(1.0))
    assert bench.hired[0].phase is Phase.GONE


def test_a_process_that_can_t_be_made_fails_the_first_start():
    """Out of processes, or of memory."""
    bench = Bench()
    bench.source.failure = OSError(11, "Resource temporarily unavailable")

    with pytest.raises(WorkerStartFailed, match="temporarily unavailable"):
        bench.run(bench.roster.start())


def test_a_dead_worker_is_replaced_at_once():
    """Its slot is free again; what it had is forgotten first."""
    bench = Bench().up()
    bench.clock.advance(100)
    bench.hired[0].die()

    assert bench.board.buried == [1]
    assert [worker.slot for worker in bench.hired] == [1, 2, 1]
    bench.hired[2].become_ready()
    assert len(bench.roster.ready()) == 2


def test_workers_that_die_young_are_replaced_ever_more_slowly():
    """A crash at every start must not eat the machine."""
    bench = Bench().up()
    times = []
    for _ in range(OPEN_AFTER + 2):
        victim = bench.hired[-1]
        hired = len(bench.hired)
        died = bench.clock.seconds()
        victim.die()
        while len(bench.hired) == hired:
            bench.clock.advance(0.25)
        times.append(bench.clock.seconds() - died)
        bench.hired[-1].become_ready()

    assert times[0] <= 0.25
    assert times == sorted(times)
    assert times[-1] >= MAX_DELAY_S


def test_a_process_that_can_t_be_made_is_tried_again_later():
    """The machine may be out of processes for a while."""
    bench = Bench().up()
    bench.source.failure = OSError(11, "Resource temporarily unavailable")
    bench.hired[0].die()
    bench.clock.advance(10)
    bench.source.failure = None
    bench.clock.advance(MAX_DELAY_S)

    assert len(bench.hired) == 3


def test_each_ready_worker_is_told_of():
    """Clients may be waiting for it."""
    assert Bench().up().board.changes == 2


def test_the_end_replaces_nobody():
    """Drained, shut down, gone; and no timer is left."""
    bench = Bench().up()
    for worker in bench.hired:
        worker.emptied(worker.slot)
    assert bench.run(bench.roster.drain(3.0)) == 3
    bench.run(bench.roster.shutdown(1.0))
    bench.clock.advance(1000)

    assert len(bench.hired) == 2
    assert bench.roster.ready() == []
    assert bench.clock.getDelayedCalls() == []
    assert all(worker.calls[-1] == ("shutdown", 1.0) for worker in bench.hired)


def test_killing_ends_all_now():
    """For an operator who can't wait."""
    bench = Bench().up()
    bench.roster.kill()

    assert bench.roster.ready() == []
    assert bench.board.buried == [1, 2]


def test_a_long_life_is_no_failed_start():
    """Deaths that are days apart are each replaced at once."""
    pace = RespawnPace()
    for _ in range(20):
        assert pace.after_death(GOOD_LIFE_S) == 0.0
    assert not pace.is_open


def test_short_lives_open_the_breaker_and_a_good_one_closes_it():
    """Twice as long each time, bounded."""
    pace = RespawnPace()
    delays = [pace.after_death(0.0) for _ in range(OPEN_AFTER + 3)]

    assert delays[:4] == [0.0, 0.5, 1.0, 2.0]
    assert delays[-1] == MAX_DELAY_S
    assert pace.is_open
    assert pace.after_death(GOOD_LIFE_S) == 0.0
    assert not pace.is_open


# ---- adopting


def test_what_a_killed_control_plane_has_left_is_adopted():
    """With a higher epoch than any of them has seen; only those that are missing are started."""
    bench = Bench(3)
    bench.source.leave(1, epoch=4)
    bench.source.leave(2, epoch=5)
    starting = Deferred.fromCoroutine(bench.roster.start())
    assert has_no_result(starting)
    (new,) = bench.hired
    assert new.slot == 3
    new.become_ready()

    result_of(starting)
    assert bench.roster.epoch == 6
    assert [worker.calls for worker in bench.source.adopted] == [[None, ("adopt", 6)]] * 2
    assert bench.slots("ready") == [1, 2, 3]


def test_one_that_has_ended_since_it_was_found_is_replaced():
    """It is nobody's fault."""
    bench = Bench(2)
    bench.source.leave(1, pid=0)
    starting = start(bench.roster.start(), "start")
    for worker in list(bench.hired):
        worker.become_ready()

    result_of(starting)
    assert [worker.slot for worker in bench.hired] == [1, 2]


def test_one_that_dies_while_the_server_starts_is_replaced_too():
    """The start doesn't fail for what another control plane has left."""
    bench = Bench(2)
    bench.source.leave(1)
    starting = start(bench.roster.start(), "start")
    bench.source.adopted[0].die()
    for _ in range(2):
        bench.hired[-1].become_ready()
    bench.clock.advance(1)
    for worker in bench.hired:
        worker.become_ready()

    result_of(starting)
    assert len(bench.roster.ready()) == 2


def test_those_that_can_t_be_adopted_are_not_harmed():
    """The server doesn't start, and their sessions go on."""
    bench = Bench(2)
    bench.source.leave(1)
    bench.source.leave(2)
    bench.source.adoptions[2] = InvalidConfiguration("no such extension")

    with pytest.raises(WorkerStartFailed, match="worker 2: no such extension"):
        bench.run(bench.roster.start())
    bench.run(bench.roster.shutdown(1.0))
    assert bench.source.adopted[0].calls[-1] == "let go"
    assert bench.source.adopted[1].calls[-1] == "let go"
    assert bench.hired == []


def test_one_that_is_slow_is_not_waited_for():
    """Others serve meanwhile; it isn't known yet what it has."""
    bench = Bench(2)
    bench.source.leave(1)
    bench.source.leave(2)
    bench.source.adoptions[2] = slow = Deferred()
    result_of(Deferred.fromCoroutine(bench.roster.survey()))
    promoting = start(bench.roster.promote(7), "promote")
    assert has_no_result(promoting)
    bench.clock.advance(PROMOTE_DEADLINE_S)
    result_of(promoting)
    assert not bench.roster.is_known
    assert bench.hired == []

    slow.callback(None)

    assert bench.roster.is_known
    assert bench.slots("ready") == [1, 2]


def test_a_worker_that_does_not_answer_fails_the_survey():
    """Before a takeover nobody can be asked to give it up."""
    bench = Bench()
    bench.source.silent = True

    with pytest.raises(SurveyFailed):
        bench.run(bench.roster.survey())


def test_those_that_were_started_since_the_survey_are_adopted_too():
    """The other control plane may have replaced one."""
    bench = Bench(2)
    bench.source.leave(1)
    bench.run(bench.roster.survey())
    bench.source.leave(2)
    bench.run(bench.roster.promote(3))

    assert bench.slots("ready") == [1, 2]
    assert bench.hired == []


def test_whoever_obeys_a_higher_epoch_can_t_be_promoted():
    """The caller is told, and the workers are left alone."""
    bench = Bench(1)
    bench.source.leave(1)
    bench.source.adoptions[1] = Superseded("epoch 9")
    with pytest.raises(Superseded):
        bench.run(bench.roster.promote(3))
    bench.run(bench.roster.shutdown(1.0))

    assert bench.source.adopted[0].calls[-2:] == ["stand by", "let go"]


def test_who_can_t_be_promoted_harms_nobody():
    """Whoever was in charge before reclaims all of them."""
    bench = Bench(2)
    bench.source.leave(1)
    bench.source.leave(2)
    bench.source.adoptions[1] = InvalidConfiguration("no such extension")
    with pytest.raises(InvalidConfiguration, match="worker 1: no such extension"):
        bench.run(bench.roster.promote(3))
    assert not bench.roster.is_in_charge
    bench.roster.kill()
    bench.run(bench.roster.shutdown(1.0))

    assert [worker.calls[-1] for worker in bench.source.adopted] == ["let go", "let go"]
    assert bench.hired == []


def test_too_many_are_drained():
    """The new configuration wants fewer."""
    bench = Bench(1)
    for slot in (1, 2, 3):
        bench.source.leave(slot)
    bench.run(bench.roster.promote(2))
    assert bench.slots("ready") == [1]
    for worker in bench.source.adopted[1:]:
        worker.emptied()

    assert bench.slots() == [1]
    assert bench.hired == []


# ---- handing on


def test_who_stands_down_commands_nobody():
    """No replacement, no kill, no end of a worker."""
    bench = Bench().up()
    legacy = bench.roster.stand_down()
    bench.roster.kill()
    bench.run(bench.roster.drain(1.0))
    bench.run(bench.roster.shutdown(1.0))
    bench.hired[0].die()
    bench.clock.advance(1000)

    assert len(bench.hired) == 2
    assert bench.hired[1].calls[1:] == ["stand by", "let go"]
    assert legacy.generation == 1
    assert legacy.log_offsets == {"worker-1-00000001.sock": 100, "worker-2-00000001.sock": 100}
    assert "not rolled" in bench.roster.roll("why not")
    assert bench.clock.getDelayedCalls() == []


def test_one_that_is_just_being_started_is_left_to_the_next_control_plane():
    """It takes its time, so it isn't begun anew with each takeover."""
    bench = Bench().up()
    bench.clock.advance(100)
    bench.hired[0].die()
    bench.roster.stand_down()
    assert bench.hired[2].calls[-1] == "stand by"
    assert bench.hired[2].process.killed == 0

    successor = Bench()
    successor.source.leave(1, generation=0, epoch=0, configured=False)
    successor.source.leave(2)
    successor.run(successor.roster.promote(2))
    assert successor.hired == []
    fresh, _ = successor.source.adopted
    assert fresh.calls[-1].epoch == 2
    fresh.become_ready()
    assert successor.slots("ready") == [1, 2]


def test_one_that_was_just_being_started_is_taken_back():
    """It has been told nothing meanwhile."""
    bench = Bench().up()
    bench.clock.advance(100)
    bench.hired[0].die()
    bench.roster.stand_down()
    bench.run(bench.roster.reclaim(3))
    assert bench.hired[2].calls[-1].epoch == 3
    bench.hired[2].become_ready()

    assert bench.slots("ready") == [1, 2]


def test_who_stood_down_can_take_it_back():
    """Also those that the other one has started meanwhile; and is as good as before."""
    bench = Bench().up()
    bench.roster.stand_down()
    bench.hired[0].die()
    bench.source.leave(3, epoch=2)
    bench.run(bench.roster.reclaim(3))

    assert bench.slots("ready") == [2, 3]
    assert bench.hired[1].calls[1:] == ["stand by", "take back", ("adopt", 3)]
    bench.hired[1].die()
    assert len(bench.hired) == 3


def test_a_higher_epoch_ends_our_charge_for_good():
    """The owner is told once; nothing is touched any more."""
    bench = Bench().up()
    for worker in bench.hired:
        worker.watcher.superseded()
    bench.roster.kill()
    bench.roster.stand_down()
    bench.run(bench.roster.shutdown(1.0))

    assert bench.superseded == [True]
    assert [worker.calls[-1] for worker in bench.hired] == ["let go", "let go"]
    assert not bench.roster.is_in_charge


# ---- rolling


class Roll(Bench):
    """A roster that is up, and a roll that is under way."""

    def __init__(self, size: int = 2) -> None:
        super().__init__(size)
        self.up()
        self.clock.advance(100)
        self.answer = self.roster.roll("a signal")

    def replace(self):
        """The successor is ready, and the old one empty."""
        self.hired[-1].become_ready()
        (old,) = [worker for worker in self.hired if worker.phase is Phase.DRAINING]
        old.emptied()
        return old


def test_a_roll_replaces_one_after_the_other():
    """The new one first; never more than one more than wanted."""
    roll = Roll()
    assert roll.answer == "rolling"
    assert all(worker.watcher.is_to_go(worker) for worker in roll.roster.ready())
    assert [(worker.slot, worker.generation) for worker in roll.hired[2:]] == [(3, 2)]
    assert roll.slots("draining") == []
    roll.hired[2].become_ready()
    assert roll.slots("draining") == [2]
    assert roll.hired[1].calls[1:] == [("drain", 60.0, 5.0)]
    assert len(roll.hired) == 3
    roll.hired[1].emptied()
    assert roll.hired[1].calls[-1][0] == "shutdown"
    assert [(worker.slot, worker.generation) for worker in roll.hired[3:]] == [(2, 2)]
    roll.replace()

    described = roll.roster.describe()
    assert [(one["slot"], one["generation"]) for one in described["workers"]] == [(2, 2), (3, 2)]
    assert described["roll"] is None
    assert not any(worker.watcher.is_to_go(worker) for worker in roll.roster.ready())
    roll.clock.advance(1000)
    assert len(roll.hired) == 4


def test_progress_can_be_seen():
    """By people who ask."""
    roll = Roll()
    roll.hired[2].become_ready()
    roll.clock.advance(20)
    described = roll.roster.describe()["roll"]

    assert described == {
        "reason": "a signal",
        "replaced": 0,
        "total": 2,
        "draining": 2,
        "sessions_left": 0,
        "deadline_s": 40.0,
        "queued": False,
    }


def test_progress_is_logged(logged):
    """Line by line."""
    roll = Roll()
    roll.hired[1].health = ServerHealth(sessions=12)
    roll.hired[2].become_ready()
    roll.clock.advance(PROGRESS_INTERVAL_S)
    roll.hired[1].emptied()
    roll.replace()

    lines = [line for line in logged if line.startswith("roll:")]
    assert lines == [
        "roll: 2 workers are to be replaced (a signal)",
        "roll: 12 sessions left on worker 2, deadline in 55 s",
        "roll: 1/2 replaced",
        "roll: 2/2 replaced",
        "roll: done",
    ]


def test_a_second_roll_is_queued_once():
    """It begins when the first is done."""
    roll = Roll(1)
    assert "another roll follows" in roll.roster.roll("again")
    assert "already" in roll.roster.roll("and again")
    roll.replace()
    assert roll.roster.describe()["generation"] == 3
    roll.replace()

    assert roll.roster.describe()["roll"] is None
    assert [worker.generation for worker in roll.hired] == [1, 2, 3]


def test_a_successor_that_can_t_start_stops_the_roll():
    """The old ones stay as they are, and can be rolled again."""
    roll = Roll()
    roll.hired[2].die("can't serve: no such extension")
    roll.clock.advance(1000)

    assert roll.slots("ready") == [1, 2]
    assert roll.roster.describe()["roll"] is None
    assert roll.roster.describe()["generation"] == 1
    assert len(roll.hired) == 3
    roll.roster.roll("again")
    assert len(roll.hired) == 4


def test_a_process_that_can_t_be_made_stops_the_roll():
    """As one that doesn't come up."""
    bench = Bench().up()
    bench.source.failure = OSError(11, "Resource temporarily unavailable")
    bench.roster.roll("a signal")

    assert bench.roster.describe()["roll"] is None
    assert bench.slots("ready") == [1, 2]


def test_an_old_one_that_dies_meanwhile_is_one_less_to_replace():
    """Whatever happens, there are as many as wanted in the end, all new."""
    roll = Roll()
    roll.hired[0].die()
    roll.clock.advance(1)
    while waiting := [worker for worker in roll.hired if worker.phase is Phase.SPAWNING]:
        waiting[0].become_ready()
        for worker in roll.hired:
            if worker.phase is Phase.DRAINING:
                worker.emptied()

    assert [one["generation"] for one in roll.roster.describe()["workers"]] == [2, 2]
    assert roll.roster.describe()["roll"] is None


def test_a_new_control_plane_goes_on_with_a_roll():
    """The one that drains has the rest of its time; nobody is started before it is gone."""
    roll = Roll()
    roll.hired[2].become_ready()
    roll.clock.advance(20)
    roll.roster._staff.rolling.ended("a worker did not come up")
    legacy = roll.roster.stand_down()
    assert roll.hired[1].calls[1:] == [("drain", 60.0, 5.0), "stand by"]

    successor = Bench()
    successor.source.leave(1, generation=1)
    successor.source.leave(2, generation=1)
    successor.source.leave(3, generation=2)
    successor.source.adoptions[2] = "draining"
    successor.run(successor.roster.promote(2, legacy))
    assert successor.roster.describe()["last_roll"]["outcome"] == "a worker did not come up"
    old = successor.source.adopted[1]
    assert old.calls == [100, ("adopt", 2), ("drain", 40.0, 0.0)]
    assert successor.hired == []
    old.emptied()
    successor.hired[0].become_ready()
    successor.source.adopted[0].emptied()

    described = successor.roster.describe()
    assert [(one["slot"], one["generation"]) for one in described["workers"]] == [(2, 2), (3, 2)]
    assert described["roll"] is None


def test_a_roll_whose_control_plane_was_killed_goes_on():
    """It shows in the generations."""
    bench = Bench()
    bench.source.leave(1, generation=1)
    bench.source.leave(3, generation=2)
    start(bench.roster.start(), "start")
    assert [(worker.slot, worker.generation) for worker in bench.hired] == [(2, 2)]


def test_a_drain_goes_on_when_it_is_taken_back():
    """With what is left of its time."""
    roll = Roll()
    roll.hired[2].become_ready()
    roll.clock.advance(20)
    roll.roster.stand_down()
    roll.clock.advance(10)
    roll.run(roll.roster.reclaim(3))

    assert roll.hired[1].calls[-1] == ("drain", 30.0, 0.0)


def test_the_end_comes_in_the_middle_of_a_roll():
    """All are ended, whatever they do."""
    roll = Roll()
    roll.hired[2].become_ready()
    for worker in roll.hired:
        worker.left = 0
    assert roll.run(roll.roster.drain(1.0)) == 0
    roll.run(roll.roster.shutdown(1.0))
    roll.clock.advance(1000)

    assert roll.slots() == []
    assert len(roll.hired) == 3
    assert roll.clock.getDelayedCalls() == []


def test_one_worker_can_be_replaced():
    """By its number; its successor is started at once."""
    bench = Bench().up()
    assert bench.roster.retire(2)
    assert not bench.roster.retire(2)
    assert not bench.roster.retire(9)

    assert bench.slots("draining") == [2]
    assert [worker.slot for worker in bench.hired] == [1, 2, 3]


def test_one_that_is_unfit_is_replaced_quickly():
    """Nobody can use it."""
    bench = Bench().up()
    bench.hired[0].watcher.worker_unfit(bench.hired[0])

    assert bench.hired[0].calls[-1] == ("drain", 2.0, 0.0)
    assert len(bench.hired) == 3


def test_the_number_can_change():
    """More are started, fewer are drained."""
    bench = Bench().up()
    bench.roster.resize(3)
    bench.hired[2].become_ready()
    assert bench.slots("ready") == [1, 2, 3]
    bench.roster.resize(1)

    assert bench.slots("ready") == [1]


def test_all_are_configured_again():
    """What one can't take is told under its name."""
    bench = Bench().up()
    bench.hired[0].stale = ("threads",)
    bench.hired[1].adoption = InvalidConfiguration("no such file")

    assert bench.run(bench.roster.reconfigure()) == {
        "worker 1": ("threads",),
        "worker 2": ("its whole configuration",),
    }
    assert bench.roster.is_stale


def test_a_configuration_that_can_t_be_made_is_the_last_one():
    """A certificate that can't be read today must not cost a worker."""
    bench = Bench().up()
    bench.clock.advance(100)

    def broken():
        raise ValueError("can't read the certificate")

    bench.roster._staff._configuration = broken
    bench.hired[0].die()

    assert bench.hired[2].calls[0].configuration == b"configuration"


def test_nothing_is_inherited_that_nobody_has_left():
    """The defaults are those of a fresh start."""
    assert Legacy() == Legacy(generation=0, roll="", drains={}, log_offsets={})
