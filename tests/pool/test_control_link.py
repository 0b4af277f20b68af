"""What a worker asks and tells while its control planes come and go."""

from __future__ import annotations

import os
import socket

import pytest
from pairs import has_no_result, result_of
from test_employment import Bench
from twisted.internet.defer import Deferred

from duckgres_tx.errors import PgError
from duckgres_tx.pool.commands import SessionOpened
from duckgres_tx.pool.control_link import ANSWER_TIMEOUT_S, BOSS_TIMEOUT_S
from duckgres_tx.session.control_plane import AcceptedConnection, AskAgain


class Scene(Bench):
    """A worker that was configured once."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.connect(1)
        self.first.configure()
        self.clock = self.employment._clock

    def claim(self, name="mine"):
        """Ask for a database."""
        return Deferred.fromCoroutine(self.control.claim_database(name))

    def relay(self):
        """Ask for a relay; the worker keeps nothing of the pair."""
        ours, theirs = socket.socketpair()
        ours.close()
        return Deferred.fromCoroutine(self.control.relay_connection(theirs.detach(), b"startup", "10.0.0.1", 5))


@pytest.fixture
def scene():
    """A worker and its boss; no descriptor may leak."""
    before = set(os.listdir("/proc/self/fd"))
    made = Scene()
    yield made
    # what other tests have left may be closed meanwhile, by a native thread or with its garbage
    assert set(os.listdir("/proc/self/fd")) <= before
    assert made.clock.getDelayedCalls() == []


def refused(question):
    """The SQLSTATE of a question that has failed."""
    with pytest.raises(PgError) as caught:
        result_of(question)
    return caught.value.sqlstate


def test_questions_wait_for_a_boss_and_give_up(scene):
    """Clients hear that they may come again."""
    scene.first.pair.left.lose()
    questions = [scene.claim(), Deferred.fromCoroutine(scene.control.release_database("x")), scene.relay()]
    scene.clock.advance(BOSS_TIMEOUT_S - 1)
    assert all(map(has_no_result, questions))
    scene.clock.advance(1)

    assert [refused(question) for question in questions] == ["57P03"] * 3


def test_questions_are_answered_by_the_next_boss(scene):
    """A control plane that was killed and started again costs nobody an error."""
    scene.first.pair.left.lose()
    claim, relay = scene.claim(), scene.relay()
    scene.clock.advance(BOSS_TIMEOUT_S - 1)
    onlooker = scene.connect(2)
    onlooker.pair.carry()
    assert has_no_result(claim)
    onlooker.configure()
    onlooker.pair.carry()

    assert result_of(claim) is True
    assert result_of(relay) is None
    assert [item[0] for item in onlooker.news()] == ["claim", "relay"]


def test_only_the_word_of_who_is_in_charge_counts(scene):
    """A claim that the older one has granted is unknown to the newer one, so it is asked for again there."""
    claim = scene.claim()
    second = scene.connect(2)
    _, inventory = second.configure()
    scene.first.pair.carry()
    second.pair.carry()

    assert inventory.databases == ()
    assert result_of(claim) is True
    assert second.news() == [("claim", "mine")]
    _, inventory = scene.connect(3).configure()
    assert inventory.databases == ("mine",)


def test_a_boss_that_dies_before_it_answers(scene):
    """The question waits for the next one."""
    claim = scene.claim()
    scene.first.pair.left.lose()
    assert has_no_result(claim)
    second = scene.connect(2)
    second.configure()
    second.pair.carry()

    assert result_of(claim) is True


def test_a_boss_that_doesn_t_answer(scene):
    """It hangs, and nobody takes its place."""
    claim = scene.claim()
    scene.clock.advance(ANSWER_TIMEOUT_S)

    assert refused(claim) == "57P03"


@pytest.mark.parametrize("how", ["replaced", "dead"])
def test_a_relay_is_asked_for_again_with_another_pair(scene, how):
    """The first may have reached the owner all the same."""
    relay = scene.relay()
    if how == "replaced":
        scene.connect(2).configure()
    else:
        scene.first.pair.left.lose()

    with pytest.raises(AskAgain):
        result_of(relay)
    scene.first.pair.left.waiting.clear()
    scene.first.pair.right.waiting.clear()


def test_news_without_a_boss_are_dropped(scene):
    """The next one gets an inventory."""
    control = scene.control
    control.begin(AcceptedConnection(-1, 7), scene.first.end)
    scene.first.pair.left.lose()
    control.session_opened(7, "me", "mine")
    control.login_failed("10.0.0.1")
    control.database_closed("mine")
    control.session_closed(7)

    assert control.live == {}


def test_a_session_that_came_from_another_is_introduced(scene, monkeypatch):
    """The boss learns where the client is and whether it counts; of those that it has handed over itself it knows that."""
    told = []
    second = scene.connect(2)
    second.configure()
    monkeypatch.setattr(second.end, "tell", lambda news, **arguments: told.append((news, arguments)))
    control = scene.control
    control.begin(AcceptedConnection(-1, 7, "10.0.0.1", relayed=True), scene.first.end)
    control.begin(AcceptedConnection(-1, 8, "10.0.0.2"), second.end)
    for pid in (7, 8, 7):
        control.session_opened(pid, "me", "mine")

    names = {"user": "me", "database": "mine"}
    assert told == [
        (SessionOpened, {"backend_pid": 7, "remote_host": "10.0.0.1", "admitted": False, **names}),
        (SessionOpened, {"backend_pid": 8, **names}),
        (SessionOpened, {"backend_pid": 7, **names}),
    ]


def test_what_is_in_the_inventory_needs_no_introduction(scene, monkeypatch):
    """A client that was logging in at the takeover is known to both."""
    told = []
    scene.control.begin(AcceptedConnection(-1, 7, "10.0.0.1"), scene.first.end)
    second = scene.connect(2)
    second.configure()
    monkeypatch.setattr(second.end, "tell", lambda news, **arguments: told.append(arguments))
    scene.control.session_opened(7, "me", "mine")

    assert told == [{"backend_pid": 7, "user": "me", "database": "mine"}]
