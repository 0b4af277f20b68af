"""One process as twistd runs it: from its beginning to its end, whatever it is told meanwhile."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest
from pairs import has_no_result, result_of
from theatre import Reactor
from twisted.internet.defer import Deferred

from duckgres_tx import service as service_module
from duckgres_tx.beginning import NoServer
from duckgres_tx.courtesy import Courtesy
from duckgres_tx.handover.commands import Refused
from duckgres_tx.handover.incumbent import Phase
from duckgres_tx.service import DuckgresService


class FakeReactor(Reactor):
    """A reactor that only remembers whether it was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = 0

    def callWhenRunning(self, what):
        self.when_running = what

    def stop(self):
        self.stopped += 1


class FakeBeginning:
    """A start or a takeover in the test's hands."""

    def __init__(self, process) -> None:
        self.process, self.outcome, self.server = process, Deferred(), None
        self.took_over = False
        self.passed = SimpleNamespace(offers=SimpleNamespace(lent=frozenset()))
        self.unwanted = ()

    async def begin(self):
        return await self.outcome

    def call_off(self, beginning):
        self.process.did.append("call off")
        self.outcome.errback(NoServer("was told to stop"))

    def discard(self):
        self.process.did.append("discard nothing")

    async def dismiss_predecessor(self):
        self.process.did.append("dismiss")


class Process:
    """A service, and what it did to everything around it."""

    def __init__(self, monkeypatch) -> None:
        self.did, self.log = [], []
        self.reactor = FakeReactor()
        self.report = SimpleNamespace(
            take_over=lambda: self.did.append("take over"),
            succeeded=lambda: self.did.append("succeeded"),
            failed=lambda line: self.did.append(f"failed: {line}"),
        )
        self.incumbency = SimpleNamespace(
            phase=Phase.STARTING,
            opened=lambda server: self._phase(Phase.SERVING),
            stopped=lambda: self._phase(self.phase_when_stopped),
            when_reclaimed=lambda: self.reclaimed,
            stand_by_for=lambda seconds: self.did.append(f"stand by for {seconds}"),
        )
        self.phase_when_stopped = Phase.STOPPING
        self.reclaimed = Deferred()
        self.office = SimpleNamespace(
            opened=lambda server: None,
            roll=self._roll,
            succeed=self._succeed,
            reload_began=lambda: None,
            reload_ended=lambda outcome: None,
        )
        self.refuses = False
        premises = SimpleNamespace(
            signposts=SimpleNamespace(take_down=lambda: self.did.append("take down")),
            incumbency=self.incumbency,
            office=self.office,
            supervision=SimpleNamespace(serves=lambda own, unwanted: None, stops=lambda timeout_s: None),
        )
        self.workforce = SimpleNamespace(is_stale=False, roll=lambda reason: self.did.append(f"roll: {reason}"))
        self.stopping = Deferred()
        self.server = SimpleNamespace(
            crew=SimpleNamespace(kill=lambda: self.did.append("kill")),
            workforce=self.workforce,
            stop=self._stop_server,
            leave=self._leave_server,
            prepared=SimpleNamespace(
                config=SimpleNamespace(shutdown_timeout=30.0),
                listeners=SimpleNamespace(sockets=[]),
                psql_command=lambda: "psql",
                discard=lambda: self.did.append("discard"),
            ),
        )
        self.launch = SimpleNamespace(log_file=None, read_again=None, config=SimpleNamespace(roll_after_takeover=True))
        self.beginning = FakeBeginning(self)
        monkeypatch.setattr(service_module, "furnish", lambda *arguments: premises)
        monkeypatch.setattr(service_module, "Beginning", lambda *arguments: self.beginning)
        monkeypatch.setattr(service_module, "take_signals", lambda reactor, actions: self._take(actions))
        monkeypatch.setattr(service_module, "share_log_file", lambda path: None)
        monkeypatch.setattr(service_module.control_plane, "reconfigure", lambda server: self.did.append("reconfigure"))
        self.service = DuckgresService(self.reactor, self.launch, None, self.report, None, Courtesy())
        self.service.startService()
        self.reactor.when_running()

    def _phase(self, phase):
        self.incumbency.phase = phase

    def _take(self, actions):
        self.actions = actions

    def _roll(self, reason):
        if self.refuses:
            raise Refused("not now")
        self.did.append(f"roll: {reason}")
        return "rolling"

    async def _succeed(self):
        self.did.append("succeed")
        if self.refuses:
            raise Refused("not now")
        return 4711

    async def _stop_server(self, patient, in_a_hurry):
        self.did.append(f"stop, {'patiently' if patient else 'at once'}")
        self.in_a_hurry = in_a_hurry
        await self.stopping

    async def _leave_server(self):
        self.did.append("leave")

    def serve(self) -> None:
        """The beginning has succeeded."""
        self.beginning.server = self.server
        self.beginning.outcome.callback(self.server)
        self.did.clear()

    def signal(self, number) -> None:
        """One comes."""
        self.actions[number](number)

    def end(self) -> Deferred:
        """The reactor stops."""
        return self.service.stopService()


@pytest.fixture
def process(monkeypatch):
    """It has begun to begin."""
    return Process(monkeypatch)


def test_a_server_that_serves_is_reported(process):
    """To whoever waits for it."""
    assert process.did == ["take over"]
    process.beginning.server = process.server
    process.beginning.outcome.callback(process.server)

    assert process.did == ["take over", "succeeded"]
    assert process.incumbency.phase is Phase.SERVING


@pytest.mark.parametrize(
    ("took_over", "is_stale", "wanted", "rolls"),
    [(True, True, True, True), (True, True, False, False), (True, False, True, False), (False, True, True, False)],
)
def test_a_takeover_by_newer_code_replaces_the_workers(process, took_over, is_stale, wanted, rolls):
    """If there is anything to replace, and unless told otherwise."""
    process.beginning.took_over = took_over
    process.workforce.is_stale = is_stale
    process.launch.config.roll_after_takeover = wanted
    process.beginning.outcome.callback(process.server)

    assert ("roll: a takeover by newer code or settings" in process.did) == rolls


def test_a_beginning_that_fails_is_reported_and_ends_the_process(process):
    """With the line that says why."""
    process.beginning.outcome.errback(NoServer("no such extension"))
    assert process.did == ["take over", "failed: no such extension"]
    assert process.reactor.stopped == 1

    result_of(process.end())
    assert process.did[2:] == ["discard nothing", "take down"]


def test_a_start_that_failed_half_way_is_stopped(process):
    """Workers that were started end, without patience."""
    process.beginning.server = process.server
    process.beginning.outcome.errback(NoServer("no such extension"))
    process.stopping.callback(None)
    result_of(process.end())

    assert process.did[2:] == ["dismiss", "stop, at once", "discard", "take down"]


def test_a_stop_while_it_begins_calls_it_off(process):
    """And it ends as one that has failed."""
    process.signal(signal.SIGTERM)
    assert process.reactor.stopped == 1
    result_of(process.end())

    assert process.did == ["take over", "call off", "failed: was told to stop", "discard nothing", "take down"]
    assert process.reactor.stopped == 1


def test_a_server_is_stopped_patiently(process):
    """Who stands by for it is dismissed first; who asks twice can't wait; who asks a third time kills."""
    process.serve()
    process.signal(signal.SIGTERM)
    ended = process.end()
    assert process.did == ["dismiss", "stop, patiently"]
    assert not process.in_a_hurry.called
    process.signal(signal.SIGTERM)
    assert process.in_a_hurry.called
    assert "kill" not in process.did
    process.signal(signal.SIGTERM)
    assert process.did[-1] == "kill"
    process.stopping.callback(None)

    result_of(ended)
    assert process.did[-2:] == ["discard", "take down"]
    assert process.end() is ended


@pytest.mark.parametrize(("number", "kills"), [(signal.SIGINT, False), (signal.SIGQUIT, True)])
def test_a_server_is_stopped_at_once(process, number, kills):
    """By Ctrl-C, or without even ending the sessions."""
    process.serve()
    process.stopping.callback(None)
    process.signal(number)
    result_of(process.end())

    assert ("kill" in process.did) == kills
    assert "stop, at once" in process.did


@pytest.mark.parametrize("phase", [Phase.COMMITTED, Phase.STANDING_BY, Phase.LEFT])
def test_a_process_whose_server_another_one_has_only_leaves(process, phase):
    """It removes nothing but what still names it."""
    process.serve()
    process.incumbency.phase, process.phase_when_stopped = phase, Phase.LEFT
    result_of(process.end())

    assert process.did == ["leave", "take down"]


def test_a_process_that_is_outranked_while_it_stops_leaves_the_rest(process):
    """The sockets are another one's by then."""
    process.serve()
    ended = process.end()
    process.incumbency.phase = Phase.LEFT
    process.stopping.callback(None)

    result_of(ended)
    assert process.did == ["dismiss", "stop, patiently", "leave", "take down"]


def test_what_is_being_taken_back_is_waited_for(process):
    """For a while; then the server is stopped as it is."""
    process.serve()
    process.stopping.callback(None)
    process.incumbency.phase = Phase.RECLAIMING
    ended = process.end()
    assert has_no_result(ended)
    process.reactor.advance(6)

    result_of(ended)
    assert "stop, patiently" in process.did


def test_signals_ask_for_a_roll_or_a_successor(process):
    """What comes of it is in the log; the server goes on."""
    process.serve()
    process.signal(signal.SIGUSR2)
    process.signal(signal.SIGUSR1)
    process.refuses = True
    process.signal(signal.SIGUSR2)
    process.signal(signal.SIGUSR1)

    assert process.did == ["roll: SIGUSR2", "succeed", "succeed"]
    assert process.reactor.stopped == 0


def test_a_reload_needs_a_server(process, monkeypatch):
    """One that serves."""
    process.signal(signal.SIGHUP)
    asked = []
    monkeypatch.setattr(service_module, "Reloading", lambda *arguments: SimpleNamespace(ask=lambda: asked.append(1)))
    process.serve()
    process.incumbency.phase = Phase.STANDING_BY
    process.signal(signal.SIGHUP)
    assert asked == []
    process.incumbency.phase = Phase.SERVING
    process.signal(signal.SIGHUP)

    assert asked == [1]


def test_a_configuration_that_was_read_again_holds_everywhere(process):
    """For workers, and for the next takeover."""
    process.serve()
    process.service._reconfigure(SimpleNamespace(takeover_standby=2.0))

    assert process.did == ["reconfigure", "stand by for 2.0"]


def test_before_it_is_taken_over_who_stands_by_is_dismissed(process):
    """It would take our end for a failure."""
    process.serve()
    result_of(Deferred.fromCoroutine(process.incumbency.get_ready()))

    assert process.did == ["dismiss"]
