"""Connections are opened ahead of the sessions that begin like the last ones, each for one session."""

from __future__ import annotations

from types import SimpleNamespace

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from duckgres_tx.engine.native_threads import DuckDBError
from duckgres_tx.session.ready_connections import FEW, MAX_READY, PATIENCE, ReadyConnections


@define(eq=False)
class Job:
    """An opening, and the connection that comes of it."""

    script: str
    patient: bool
    opened: Deferred = field(factory=Deferred)

    def open(self):
        """Done: the connection is this job itself."""
        self.opened.callback(self)


@define
class World:
    """Stands in for the executor and its threads."""

    jobs: list[Job] = field(factory=list)
    discarded: list[Job] = field(factory=list)

    @property
    def threads(self):
        """Its own."""
        return self

    def connect(self, database, script, *, patient=False):
        """Remember."""
        self.jobs.append(Job(script, patient))
        return self.jobs[-1]

    def finish(self, job):
        """Fires when the test says."""
        return job.opened

    def discard(self, connection):
        """Remember."""
        self.discarded.append(connection)

    def open_all(self):
        """What was submitted is done."""
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job.open()
        return jobs


class ReadyConnectionsTests(SynchronousTestCase):
    """One instance's."""

    def setUp(self):
        """None is open."""
        self.world = World()
        self.database = SimpleNamespace(closed=False)
        self.ready = ReadyConnections(self.world, self.database)

    def connect(self, script="s"):
        """A session's connection: at once, or when it is open."""
        connecting = Deferred.fromCoroutine(self.ready.connect(script))
        if not connecting.called:
            self.world.jobs.pop(0).open()
        return self.successResultOf(connecting)

    def test_the_first_waits_and_those_after_it_do_not(self):
        """And no connection is handed out twice."""
        first = self.connect()
        opened = self.world.open_all()
        assert len(opened) == MAX_READY
        assert not first.patient
        assert all(job.patient for job in opened)
        others = [self.successResultOf(Deferred.fromCoroutine(self.ready.connect("s"))) for _ in range(MAX_READY)]
        assert len({first, *others}) == MAX_READY + 1
        assert set(others) == set(opened)

    def test_they_are_made_up_for_a_few_at_a_time(self):
        """One by one each would find the caches cold."""
        self.connect()
        self.world.open_all()
        for _ in range(MAX_READY - FEW - 1):
            self.connect()
        assert self.world.jobs == []
        self.connect()
        assert len(self.world.jobs) == MAX_READY - FEW
        self.connect()
        assert len(self.world.jobs) == MAX_READY - FEW

    def test_who_begins_otherwise_gets_a_connection_of_its_own(self):
        """What is set up by another script is no use, and stays for those who want it."""
        self.connect()
        self.world.open_all()
        assert self.connect("other").script == "other"
        assert self.world.jobs == []
        assert self.connect().script == "s"

    def test_when_all_begin_otherwise_those_to_come_do_so_too(self):
        """The old ones are let go."""
        self.connect()
        old = self.world.open_all()
        for _ in range(PATIENCE):
            assert self.connect("other").script == "other"
        assert self.world.discarded == old
        assert {job.script for job in self.world.open_all()} == {"other"}
        assert self.connect("other").script == "other"
        assert self.world.jobs == []

    def test_what_comes_too_late_is_let_go(self):
        """It was ordered when another script was expected."""
        self.connect()
        late, self.world.jobs = self.world.jobs, []
        for _ in range(PATIENCE):
            self.connect("other")
        self.world.jobs = []
        for job in late:
            job.open()
        assert self.world.discarded == late

    def test_nothing_is_opened_on_an_instance_that_closes(self):
        """And what was on its way is let go."""
        self.connect()
        late, self.world.jobs = self.world.jobs, []
        self.ready.close()
        self.database.closed = True
        self.connect()
        assert self.world.jobs == []
        for job in late:
            job.open()
        assert self.world.discarded == late

    def test_a_failure_is_told_to_the_session_that_waits(self):
        """What was opened ahead in vain is nobody's error."""
        self.connect()
        jobs, self.world.jobs = self.world.jobs, []
        for job in jobs:
            job.opened.errback(DuckDBError("IO", "IO Error: disk full"))
        connecting = Deferred.fromCoroutine(self.ready.connect("s"))
        self.world.jobs.pop(0).opened.errback(DuckDBError("IO", "IO Error: disk full"))
        self.failureResultOf(connecting, DuckDBError)
        assert self.ready._coming == 0

    def test_a_bug_is_logged(self):
        """An opening that fails for no reason of DuckDB's."""
        self.connect()
        self.world.jobs.pop().opened.errback(ZeroDivisionError())
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
