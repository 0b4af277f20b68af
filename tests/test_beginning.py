"""How a process comes to have a server, or says why it hasn't."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pairs import has_no_result, result_of
from theatre import FakeServer, FakeSignposts, Reactor
from twisted.internet.defer import Deferred

from duckgres_tx import beginning as beginning_module
from duckgres_tx.beginning import Beginning, NoServer
from duckgres_tx.config import Config
from duckgres_tx.handover.activation import Passed
from duckgres_tx.handover.candidacy import ToldOff
from duckgres_tx.pool.servers import WorkerStartFailed


class FakeCandidacy:
    """A takeover in the test's hands."""

    made: FakeCandidacy

    def __init__(self, reactor, path, directories, build, signposts, lose) -> None:
        self.path, self.build, self.lose = path, build, lose
        self.outcome, self.told, self.incumbent = Deferred(), [], 1234
        FakeCandidacy.made = self

    def take_over(self):
        return self.outcome

    def stop(self):
        self.told.append("stop")

    async def dismiss(self):
        self.told.append("dismiss")


class Place:
    """A process, and what it has."""

    def __init__(self, monkeypatch, tmp_path, *, afresh: bool = True, handover=None) -> None:
        self.config = Config(data_dir=tmp_path, handover=handover, workers=2)
        self.server = FakeServer("x")
        self.signs, self.superseded, self.discarded = [], [], []
        self.signposts = FakeSignposts("us", self.signs)
        self.office = SimpleNamespace(last_takeover=None)
        self.prepared = SimpleNamespace(config=self.config, discard=lambda: self.discarded.append(1))
        incumbency = SimpleNamespace(superseded=lambda: self.superseded.append(1))
        premises = SimpleNamespace(signposts=self.signposts, office=self.office, incumbency=incumbency)
        launch = SimpleNamespace(config=self.config, directories=("/d", "/r"))
        self.beginning = Beginning(Reactor(), launch, premises, self.prepared if afresh else None, Passed(), ())
        monkeypatch.setattr(beginning_module, "Candidacy", FakeCandidacy)
        monkeypatch.setattr(beginning_module, "occupy", lambda config, offers, locks: self.prepared)
        monkeypatch.setattr(beginning_module, "settle", lambda prepared, passed: ("unwanted",))
        monkeypatch.setattr(beginning_module.control_plane, "build", self._build)

    def _build(self, reactor, prepared, superseded):
        self.tell_superseded = superseded
        return self.server

    def begin(self) -> Deferred:
        return Deferred.fromCoroutine(self.beginning.begin())


@pytest.fixture
def place(monkeypatch, tmp_path):
    """Make one; what it opened is closed."""
    made = []

    def make(**how):
        made.append(Place(monkeypatch, tmp_path, **how))
        return made[-1]

    yield make
    for one in made:
        one.server.close()


def reason(begun: Deferred) -> str:
    """Why there is no server."""
    with pytest.raises(NoServer) as caught:
        result_of(begun)
    return str(caught.value)


def test_a_start_is_seen_from_outside_before_it_is_done(place):
    """Whoever asks hears that it starts."""
    made = place()
    made.server.slow["start"] = Deferred()
    begun = made.begin()
    assert (made.signs, made.server.did) == (["us"], ["start"])
    assert made.beginning.server is made.server
    made.server.slow["start"].callback(None)

    assert result_of(begun) is made.server
    assert made.server.did == ["start", "open"]
    assert not made.beginning.took_over
    result_of(Deferred.fromCoroutine(made.beginning.dismiss_predecessor()))
    made.beginning.discard()
    assert made.discarded == []


@pytest.mark.parametrize(
    ("error", "line"),
    [(WorkerStartFailed("no such extension"), "no such extension"), (ZeroDivisionError(), "an unexpected error")],
)
def test_a_start_that_fails_says_why(place, error, line):
    """What there is of a server has to be stopped."""
    made = place()
    made.server.fails["start"] = error

    assert line in reason(made.begin())
    assert made.beginning.server is made.server


def test_a_start_can_be_called_off(place):
    """It is cancelled."""
    made = place()
    made.server.slow["start"] = Deferred()
    begun = made.begin()
    made.beginning.call_off(begun)

    assert reason(begun) == "was told to stop while it was starting"
    assert "open" not in made.server.did


def test_a_server_without_handover_socket_serves_all_the_same(place, tmp_path):
    """Unless somebody wants to have it there."""
    made = place()
    made.signposts.fails = True
    assert result_of(made.begin()) is made.server

    wanted = place(handover=tmp_path / "x.sock")
    wanted.signposts.fails = True
    assert reason(wanted.begin()) == "/run/x.sock: Permission denied"


def test_a_process_that_never_had_a_server_lets_go_of_what_was_prepared(place):
    """Sockets that were bound before it became a daemon."""
    made = place()
    made.beginning.discard()

    assert made.discarded == [1]


def test_a_takeover_makes_the_server_when_it_is_let(place, tmp_path):
    """And tells of it."""
    made = place(afresh=False, handover=tmp_path / "x.sock")
    begun = made.begin()
    candidacy = FakeCandidacy.made
    assert candidacy.path == tmp_path / "x.sock"
    assert made.beginning.server is None
    takings = SimpleNamespace(offers=SimpleNamespace(sockets=[], lent=frozenset()), locks={})
    assert candidacy.build(takings) is made.server
    assert has_no_result(begun)
    candidacy.outcome.callback(made.server)

    assert result_of(begun) is made.server
    assert made.beginning.took_over
    assert made.beginning.unwanted == ("unwanted",)
    assert made.office.last_takeover.detail == "from process 1234"
    result_of(Deferred.fromCoroutine(made.beginning.dismiss_predecessor()))
    assert candidacy.told == ["dismiss"]


def test_a_takeover_that_comes_to_nothing_leaves_no_server(place):
    """It has been undone already."""
    made = place(afresh=False)
    begun = made.begin()
    takings = SimpleNamespace(offers=SimpleNamespace(sockets=[], lent=frozenset()), locks={})
    FakeCandidacy.made.build(takings)
    FakeCandidacy.made.outcome.errback(ToldOff("the running server is stopping"))

    assert reason(begun) == "the running server is stopping"
    assert made.beginning.server is None
    made.beginning.discard()
    assert made.discarded == []


def test_a_takeover_is_called_off_in_its_own_way(place):
    """It may have to give something back."""
    made = place(afresh=False)
    begun = made.begin()
    made.beginning.call_off(begun)
    assert FakeCandidacy.made.told == ["stop"]
    assert has_no_result(begun)
    FakeCandidacy.made.outcome.errback(ToldOff("was told to stop"))

    assert reason(begun) == "was told to stop"


def test_whoever_is_superseded_says_so(place):
    """By the workers, or by the server that it has taken over from."""
    made = place(afresh=False)
    begun = made.begin()
    FakeCandidacy.made.lose()
    assert made.superseded == [1]
    FakeCandidacy.made.outcome.errback(ToldOff("x"))
    reason(begun)
