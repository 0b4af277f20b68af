"""The transaction, both sides of it: whatever happens, whenever it happens, one server is left, and it has everything."""

from __future__ import annotations

import os
import socket

import pytest
from pairs import result_of
from theatre import HandledPair, Stage, Watch
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectError

from duckgres_tx.handover import predecessor
from duckgres_tx.handover.candidacy import ToldOff
from duckgres_tx.handover.commands import Commit, OutOfTurn, Prepare, Serving
from duckgres_tx.handover.descriptors import inode_of
from duckgres_tx.handover.incumbent import Phase
from duckgres_tx.handover.newcomer import Stage as NewcomerStage
from duckgres_tx.handover.serving import HeldConnection, Outranked
from duckgres_tx.pool.link import Link
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.preparation import CannotStart


@pytest.fixture
def stage(monkeypatch):
    """A serving incumbent, and a newcomer that has not begun. No descriptor may be left open."""
    before = set(os.listdir("/proc/self/fd"))
    made = Stage(monkeypatch)
    yield made
    made.close()
    # what other tests have left may be closed meanwhile, by a native thread or with its garbage
    assert set(os.listdir("/proc/self/fd")) <= before


def test_the_newcomer_serves_and_the_incumbent_leaves(stage):
    """Each step in its order; nobody notices."""
    stage.begin()
    stage.carry()

    assert stage.outcome == [stage.new]
    assert stage.old.did == ["hold", "settle", "held", "stand down", "relieve"]
    assert stage.new.did == ["survey", "take charge", "open"]
    assert (stage.new.promoted, stage.new.told) == (5, b'{"pid": 7}')
    assert stage.signs == ["newcomer", f"abandoned to {os.getpid()}"]
    assert (stage.incumbency.phase, stage.candidacy.stage) == (Phase.STANDING_BY, NewcomerStage.SERVING)
    stage.run(2.5)
    assert stage.left == []
    stage.run(1.5)
    assert (stage.left, stage.incumbency.phase) == (["old"], Phase.LEFT)
    assert stage.candidacy.stage is NewcomerStage.ALONE
    stage.pair.cut()
    stage.run(5)
    assert (stage.old.accepts, stage.new.accepts) == (False, True)
    assert stage.lost == []


def test_descriptors_arrive_as_what_they_are(stage):
    """Listeners and locks by their names; what a newer server sends beside is closed."""
    stage.new.slow["survey"] = Deferred()
    stage.begin()
    stage.carry()
    got = [inode_of(listener.fileno()) for listener in stage.takings.offers.sockets]

    assert got == [inode_of(stage.old.listener.fileno())]
    # the server has made duplicates of the locks
    assert stage.takings.locks == {}


def test_clients_that_wait_go_along(stage):
    """With all that is known of them, and not before the incumbent has let go of them."""
    first, inode = stage.client()
    second, other = stage.client()
    stage.begin()
    while not stage.outcome:
        assert stage.new.taken == []
        stage.pair.carry_some(1)

    assert [inode_of(connection.fd) for connection in stage.new.taken] == [inode, other]
    (admitted, half_open) = stage.new.taken
    assert (admitted.prefix, admitted.remote_host, admitted.remote_port, admitted.age_s) == (
        b"prefix",
        "10.0.0.1",
        5,
        1.5,
    )
    assert (admitted.admitted, half_open.admitted) == (True, False)
    assert stage.old.given == [1, 1]
    first.close()
    second.close()


def test_a_client_that_comes_too_late_is_passed_on(stage):
    """A worker that didn't take it, say."""
    stage.begin()
    stage.carry()
    client, inode = stage.client()
    late = HeldConnection(stage.old.clients[0].fileno(), b"late", "", 0, 0.0, admitted=True)
    passed = Deferred.fromCoroutine(stage.old.pass_on(late))
    stage.carry()

    assert result_of(passed) is True
    assert inode_of(stage.new.taken[0].fd) == inode
    stage.pair.cut()
    assert result_of(Deferred.fromCoroutine(stage.old.pass_on(late))) is False
    client.close()


def test_who_stands_by_is_dismissed_before_the_next_takeover(stage):
    """Nothing is sent before it has left: it would take the end of its successor for a failure."""
    dismissed = Deferred()
    stage.incumbency.get_ready = lambda: dismissed
    stage.begin()
    stage.carry()
    assert stage.incumbency.phase is Phase.GREETED
    assert stage.takings.offers.sockets == []
    dismissed.callback(None)
    stage.carry()

    assert stage.outcome == [stage.new]


def test_one_that_stands_by_can_be_dismissed(stage):
    """It leaves at once."""
    stage.begin()
    stage.carry()
    dismissed = Deferred.fromCoroutine(stage.candidacy.dismiss())
    stage.carry()

    assert result_of(dismissed) is None
    assert stage.left == ["old"]
    assert stage.candidacy.stage is NewcomerStage.ALONE
    result_of(Deferred.fromCoroutine(stage.candidacy.dismiss()))


# ---- before it is committed, nothing is given up


def assert_nothing_has_happened(stage) -> None:
    """The incumbent serves, and can be taken over."""
    stage.run(3)
    assert stage.incumbency.phase is Phase.SERVING
    assert stage.old.accepts
    assert "stand down" not in stage.old.did
    assert stage.signs == ["incumbent"]
    assert not stage.new.accepts
    assert stage.left == []
    stage.another_newcomer()
    stage.build_fails = None
    stage.begin()
    stage.carry()
    assert stage.outcome == [stage.new]


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda stage: setattr(stage, "build_fails", CannotStart("port 1 is in use")), "port 1 is in use"),
        (lambda stage: stage.new.fails.update(survey=WorkerStartFailed("worker 1 hangs")), "worker 1 hangs"),
        (lambda stage: stage.old.fails.update(settle=ZeroDivisionError()), "process 1234.* failed"),
        (lambda stage: stage.old.fails.update(held=ZeroDivisionError()), "process 1234.* failed"),
    ],
    ids=["occupy", "survey", "settle", "held"],
)
def test_a_step_that_fails_is_told_and_changes_nothing(stage, break_it, why):
    """Whichever side it fails on."""
    break_it(stage)
    stage.begin()
    stage.run(1)

    with pytest.raises(ToldOff, match=why):
        stage.outcome[0].raiseException()
    stage.old.fails.clear()
    assert_nothing_has_happened(stage)


@pytest.mark.parametrize(("side", "step"), [("new", "survey"), ("old", "settle")])
def test_a_newcomer_that_takes_too_long_is_given_up(stage, side, step):
    """By itself, and by the incumbent."""
    getattr(stage, side).slow[step] = Deferred()
    stage.begin()
    stage.run(14)
    assert stage.outcome == []
    stage.run(2)

    assert "did not hand over within 15 s" in stage.told_off() or "takes too long" in stage.told_off()
    getattr(stage, side).slow.pop(step).callback(None)
    assert_nothing_has_happened(stage)


def test_an_incumbent_that_does_not_answer_is_told(stage):
    """It is stopped, say; the newcomer leaves nothing."""
    stage.connects = False
    stage.begin()
    stage.reactor.run(6)

    assert "does not answer" in stage.told_off()


def test_a_newcomer_that_hangs_is_given_up(stage):
    """It never asks for the next step."""
    stage.begin()
    stage.pair.carry_some(2)
    stage.reactor.run(20)
    assert stage.incumbency.phase is Phase.SERVING


def test_the_operator_may_stop_the_newcomer(stage):
    """It undoes everything."""
    stage.new.slow["survey"] = Deferred()
    stage.begin()
    stage.carry()
    stage.candidacy.stop()
    stage.carry()

    assert stage.told_off() == "was told to stop while it was starting"
    assert stage.new.did == ["survey", "undo"]
    assert_nothing_has_happened(stage)


def test_the_operator_may_stop_the_incumbent(stage):
    """The newcomer hears why it can't have it."""
    stage.new.slow["survey"] = Deferred()
    stage.begin()
    stage.carry()
    stage.incumbency.stopped()
    stage.carry()

    assert "goes on: the server is stopping" in stage.told_off()
    assert stage.incumbency.phase is Phase.STOPPING
    assert stage.left == []


def test_who_comes_second_is_told_so(stage):
    """Exactly one wins."""
    stage.new.slow["survey"] = Deferred()
    stage.begin()
    stage.carry()
    first = stage.pair
    second = stage.make_candidacy()
    outcome = []
    second.take_over().addErrback(outcome.append)
    stage.carry()

    assert "is taking over at this moment" in str(outcome[0].value)
    stage.pair = first
    stage.new.slow["survey"].callback(None)
    stage.carry()
    assert stage.outcome == [stage.new]


def refusal(stage, directories=None) -> str:
    """What a newcomer is told."""
    if directories is not None:
        stage.candidacy = stage.make_candidacy(directories)
    stage.begin()
    stage.carry()
    assert stage.new.did == []
    return stage.told_off()


def test_other_directories_are_told(stage):
    """They would not be the same server."""
    assert refusal(stage, ("/other", "/srv/data/run")) == "the running server's data_dir is /srv/data, not /other"


def test_another_runtime_directory_is_told(stage):
    """The workers could not be found."""
    assert refusal(stage, ("/srv/data", "/x")) == "the running server's runtime_dir is /srv/data/run, not /x"


def test_a_server_without_workers_can_t_be_taken_over(stage):
    """Its sessions are in its own process."""
    stage.old.has_workers = False
    assert "workers: 0" in refusal(stage)


def test_a_server_that_stops_can_t_be_taken_over(stage):
    """The newcomer may try again when it is gone."""
    stage.incumbency.stopped()
    assert refusal(stage) == "the running server is stopping: try again later"


def test_a_server_that_was_taken_over_can_t_be_again(stage):
    """The next one at this path is the one to ask."""
    stage.begin()
    stage.carry()
    stage.another_newcomer()
    assert refusal(stage) == "another server has just taken over: try again"


@pytest.mark.parametrize(("version", "oldest"), [(0, 0), (9, 2)])
def test_other_versions_are_told(stage, monkeypatch, version, oldest):
    """With both, so that an operator knows which release is needed."""
    monkeypatch.setattr(predecessor, "VERSION", version)
    monkeypatch.setattr(predecessor, "OLDEST_VERSION", oldest)

    line = refusal(stage)
    assert f"speaks version 1 to 1 of the handover protocol, and this one {oldest} to {version}" in line


def test_a_newer_version_that_knows_ours_is_welcome(stage, monkeypatch):
    """What both know is spoken."""
    monkeypatch.setattr(predecessor, "VERSION", 2)
    stage.begin()
    stage.carry()

    assert stage.outcome == [stage.new]


def test_steps_come_in_their_order(stage):
    """A newcomer that leaves one out is told so."""
    link = Link(lambda lost: None)
    pair = HandledPair(link, stage.incumbent_end())
    listener = stage.old.listener.fileno()
    for command, arguments in ((Prepare, {}), (Commit, {"document": listener}), (Serving, {})):
        answer = link.ask(command, **arguments)
        pair.carry()
        with pytest.raises(OutOfTurn):
            result_of(answer)
    pair.cut()
    assert stage.old.did == []


# ---- after it is committed, the newcomer serves, or gives it back


def commit(stage) -> None:
    """Up to the moment when the newcomer is in charge and takes its time."""
    stage.new.slow["take charge"] = Deferred()
    stage.begin()
    stage.carry()
    assert (stage.incumbency.phase, stage.candidacy.stage) == (Phase.COMMITTED, NewcomerStage.IN_CHARGE)


def assert_taken_back(stage, epoch: int = 6) -> None:
    """The incumbent serves, with an epoch that the newcomer can't have; and can be taken over again."""
    assert stage.incumbency.phase is Phase.SERVING
    assert stage.old.accepts
    assert stage.old.promoted == epoch
    assert stage.signs == ["incumbent"]
    assert not stage.new.accepts
    assert stage.left == []


def test_a_newcomer_that_can_t_take_charge_gives_back(stage):
    """And is told off with its own reason."""
    client, inode = stage.client()
    stage.new.fails["take charge"] = WorkerStartFailed("worker 2 can't serve")
    stage.begin()
    stage.run(1)

    assert stage.told_off() == "worker 2 can't serve"
    assert stage.new.did == ["survey", "take charge", "leave"]
    assert_taken_back(stage)
    assert inode_of(stage.old.clients[0].fileno()) == inode
    client.close()


def test_a_newcomer_that_can_t_say_that_it_serves_gives_back(stage):
    """The path of the handover socket isn't writable any more, say."""
    stage.new_signposts.fails = True
    stage.begin()
    stage.run(1)

    assert stage.told_off() == "/run/x.sock: Permission denied"
    assert_taken_back(stage)


def test_a_newcomer_that_doesn_t_serve_in_time_is_relieved(stage):
    """It hears of it, and accepts nobody."""
    commit(stage)
    stage.run(4.5)
    assert stage.incumbency.phase is Phase.COMMITTED
    stage.run(1)

    assert "goes on: it takes too long" in stage.told_off()
    assert_taken_back(stage)


def test_a_newcomer_that_is_relieved_does_not_open_its_door(stage):
    """Even if what it was doing ends as if it had been done."""
    stage.new.slow["take charge"] = Deferred(lambda cancelled: cancelled.callback(None))
    stage.begin()
    stage.carry()
    stage.candidacy.called_off("it is late")
    stage.run(1)

    assert "open" not in stage.new.did
    assert stage.signs == ["incumbent"]
    assert stage.told_off().endswith("goes on: it is late")


def test_a_newcomer_that_is_stopped_gives_back(stage):
    """By its operator."""
    commit(stage)
    stage.candidacy.stop()
    stage.run(1)

    assert stage.told_off() == "was told to stop while it was starting"
    assert_taken_back(stage)


@pytest.mark.parametrize("serving", [False, True])
def test_a_newcomer_that_dies_is_relieved(stage, serving):
    """While the incumbent stands by."""
    if serving:
        stage.begin()
        stage.carry()
    else:
        commit(stage)
    stage.pair.die(stage.pair.left)
    stage.new.accepts = False
    stage.reactor.run(1)

    assert_taken_back(stage)


@pytest.mark.parametrize("serving", [False, True])
def test_a_newcomer_that_hangs_is_relieved(stage, serving):
    """It answers no beat; when it goes on, it hears that it serves no more."""
    if serving:
        stage.begin()
        stage.carry()
        stage.run(0.1)
    else:
        commit(stage)
    stage.reactor.run(2)
    assert stage.incumbency.phase in (Phase.COMMITTED, Phase.STANDING_BY)
    stage.reactor.run(2)
    assert stage.incumbency.phase is Phase.SERVING

    stage.new.accepts = False
    assert_taken_back(stage)


def test_a_newcomer_that_served_hears_that_it_is_relieved(stage):
    """It leaves everything as it is."""
    stage.begin()
    stage.carry()
    stage.candidacy.called_off("it is late")

    assert stage.lost == ["new"]
    assert stage.candidacy.stage is NewcomerStage.OUTRANKED


def test_an_incumbent_that_was_stopped_itself_relieves_nobody(stage):
    """What it has not read yet may be an answer."""
    stage.begin()
    stage.carry()
    stage.reactor.advance(3600)
    stage.reactor.advance(3600)
    stage.carry()
    stage.run(4)

    assert stage.incumbency.phase is Phase.LEFT
    assert stage.old.promoted == 0


def test_standing_by_ends_with_a_sign_of_life(stage):
    """Who has just stopped answering is not left alone."""
    stage.begin()
    stage.carry()
    stage.run(2.6)
    stage.reactor.run(0.8)
    assert stage.incumbency.phase is Phase.STANDING_BY
    stage.reactor.run(3)

    assert stage.incumbency.phase is Phase.SERVING


def test_an_incumbent_that_can_t_take_back_at_once_tries_again(stage):
    """It serves meanwhile."""
    commit(stage)
    stage.old.fails["reclaim"] = WorkerStartFailed("worker 1 hangs")
    stage.pair.die(stage.pair.left)
    stage.reactor.run(3)
    assert stage.incumbency.phase is Phase.RECLAIMING
    assert stage.old.accepts

    stage.old.fails.clear()
    stage.reactor.run(1.5)

    assert_taken_back(stage)


def test_an_incumbent_that_is_outranked_leaves(stage):
    """A third server has taken charge of the workers meanwhile."""
    commit(stage)
    stage.old.fails["reclaim"] = Outranked("epoch 9")
    stage.pair.die(stage.pair.left)
    stage.reactor.run(1)

    assert (stage.incumbency.phase, stage.left) == (Phase.LEFT, ["old"])


@pytest.mark.parametrize("when", ["serving", "greeted", "standing by"])
def test_an_incumbent_whose_workers_obey_another_one_leaves(stage, when):
    """Whatever it is doing; and a newcomer hears of it."""
    if when == "greeted":
        stage.new.slow["survey"] = Deferred()
    if when != "serving":
        stage.begin()
        stage.carry()
    stage.incumbency.superseded()
    stage.run(1)

    assert stage.left == ["old"]
    if when == "greeted":
        assert "another server is in charge" in stage.told_off()


def test_an_incumbent_that_is_stopped_afterwards_just_leaves(stage):
    """The newcomer goes on without it."""
    stage.begin()
    stage.carry()
    stage.incumbency.stopped()
    stage.carry()
    stage.reactor.run(1)

    assert stage.left == ["old"]
    assert stage.candidacy.stage is NewcomerStage.ALONE
    assert stage.new.accepts


# ---- the incumbent dies


def test_a_newcomer_survives_an_incumbent_that_dies_before_it_has_given_anything(stage):
    """It starts as one does where a server has died."""
    stage.new.slow["survey"] = Deferred()
    stage.begin()
    stage.carry()
    Watch.made.die()
    stage.pair.die(stage.pair.right)

    assert stage.outcome == [stage.new]
    assert stage.new.did == ["survey", "start", "open"]
    assert stage.signs == ["newcomer"]
    assert stage.candidacy.stage is NewcomerStage.ALONE


def test_a_newcomer_whose_incumbent_died_before_it_connected_survives(stage, monkeypatch):
    """It lived a moment ago."""
    monkeypatch.setattr(predecessor, "connect", lambda *arguments: fail(ConnectError()))
    stage.begin()

    assert stage.outcome == [stage.new]
    assert stage.new.did == ["start", "open"]


def test_a_survivor_that_can_t_start_is_told_off(stage):
    """With the reason; what it has started is ended."""
    stage.new.slow["survey"] = Deferred()
    stage.new.fails["start"] = WorkerStartFailed("no such extension")
    stage.begin()
    stage.carry()
    Watch.made.die()
    stage.pair.die(stage.pair.right)

    assert stage.told_off() == "no such extension"
    assert stage.new.did == ["survey", "start", "undo"]


def test_a_newcomer_goes_on_when_the_incumbent_dies_after_it_has_committed(stage):
    """It is responsible for everything already, the clients that wait included."""
    client, inode = stage.client()
    commit(stage)
    Watch.made.die()
    stage.pair.die(stage.pair.right)
    stage.new.slow["take charge"].callback(None)
    stage.reactor.run(2)

    assert stage.outcome == [stage.new]
    assert inode_of(stage.new.taken[0].fd) == inode
    assert stage.candidacy.stage is NewcomerStage.ALONE
    client.close()


def test_a_link_that_is_dropped_by_a_living_incumbent_is_the_end(stage):
    """It takes everything back, so nobody else may serve."""
    commit(stage)
    stage.pair.cut()
    stage.run(2)

    assert "has dropped the connection" in stage.told_off()
    assert_taken_back(stage)


# ---- whenever it happens


# a whole takeover with one client has about 25 messages and descriptors
MESSAGES = 28


@pytest.mark.parametrize("breaks", ["link", "incumbent", "newcomer"])
@pytest.mark.parametrize("after", range(MESSAGES))
def test_whenever_it_breaks_one_server_is_left_with_everything(stage, breaks, after):
    """The link, or either process, after any number of messages: somebody accepts, and each client waits at exactly one."""
    client, inode = stage.client()
    stage.begin()
    stage.pair.carry_some(after)
    if breaks == "link":
        stage.pair.cut()
        stage.run(9)
        assert stage.incumbency.phase is Phase.SERVING
        assert (stage.old.accepts, stage.new.accepts) == (True, False)
        waits_at_old = [inode_of(waiting.fileno()) for waiting in stage.old.clients]
        waits_at_new = [inode_of(connection.fd) for connection in stage.new.taken]
        # a link breaks between two that live only if they have lost descriptors; then, at one message, nobody has it
        answer_lost = "relieve" in stage.old.did and "take" not in stage.new.did
        assert waits_at_old + waits_at_new == ([] if answer_lost else [inode])
    elif breaks == "incumbent":
        Watch.made.die()
        stage.pair.die(stage.pair.right)
        stage.run(9)
        assert stage.outcome == [stage.new]
        assert stage.new.accepts
    else:
        stage.pair.die(stage.pair.left)
        stage.reactor.run(9)
        assert stage.incumbency.phase is Phase.SERVING
        assert stage.old.accepts
    client.close()


# ---- what comes at the wrong time, or can't be told


def test_what_comes_after_the_end_is_closed(stage):
    """A descriptor that nobody wants any more must not stay open."""
    stage.candidacy.stop()
    ours, theirs = socket.socketpair()
    with pytest.raises(OutOfTurn, match="the newcomer is told off"):
        stage.candidacy.take_connection(HeldConnection(theirs.detach(), b"", "", 0, 0.0, admitted=True))
    assert ours.recv(1) == b""
    with pytest.raises(OutOfTurn, match="the newcomer is told off"):
        stage.candidacy.take_descriptor("listener", ours.detach())
    stage.candidacy._outcome.addErrback(stage.outcome.append)
    assert stage.told_off() == "was told to stop while it was starting"


def test_a_newcomer_that_can_t_take_a_client_is_given_up(stage, monkeypatch):
    """It may be out of descriptors; the client stays where it is."""
    client, inode = stage.client()
    stage.new.slow["survey"] = Deferred()
    stage.begin()
    stage.carry()
    monkeypatch.setattr(type(stage.candidacy), "take_connection", refuse)
    stage.new.slow.pop("survey").callback(None)
    stage.run(1)

    assert "given up" in stage.told_off() or "goes on" in stage.told_off()
    assert [inode_of(waiting.fileno()) for waiting in stage.old.clients] == [inode]
    client.close()


def refuse(candidacy, connection) -> None:
    """As a newcomer does that has too many."""
    os.close(connection.fd)
    raise ZeroDivisionError


def test_an_incumbent_that_can_t_be_watched_is_believed(stage, monkeypatch):
    """In another PID namespace; what its link says is all that there is."""

    def can_t(reactor, pid, ended):
        raise OSError(3, "No such process")

    monkeypatch.setattr(predecessor.ProcessWatch, "on", can_t)
    stage.begin()
    stage.carry()
    assert stage.outcome == [stage.new]
    stage.pair.die(stage.pair.right)
    stage.run(2)

    assert stage.candidacy.stage is NewcomerStage.ALONE


def test_an_unexpected_error_is_told_as_such(stage):
    """The log has the rest."""
    stage.new.fails["survey"] = ZeroDivisionError()
    stage.begin()
    stage.run(1)

    assert stage.told_off() == "an unexpected error, see the log"
    assert_nothing_has_happened(stage)


def test_an_incumbent_that_hangs_when_it_is_told_that_it_is_relieved(stage):
    """The newcomer waits a while with those that it was sent, and goes on: it has been heard, whenever that is."""
    client, _ = stage.client()
    stage.begin()
    while stage.candidacy.stage is not NewcomerStage.SERVING:
        stage.pair.carry_some(1)
    stage.reactor.advance(4.9)
    assert stage.new.taken == []
    stage.reactor.advance(0.2)

    assert stage.outcome == [stage.new]
    assert len(stage.new.taken) == 1
    client.close()


def test_an_incumbent_that_hangs_when_it_is_given_everything_back(stage):
    """The newcomer ends; its death is told by the kernel."""
    stage.new.fails["take charge"] = WorkerStartFailed("worker 2 can't serve")
    stage.begin()
    while "leave" not in stage.new.did:
        stage.pair.carry_some(1)
    stage.reactor.advance(2.1)

    assert stage.told_off() == "worker 2 can't serve"


def test_a_takeover_s_outcome_can_be_waited_for(stage):
    """By who has started the newcomer: its pid, or 0."""
    stage.new.fails["survey"] = WorkerStartFailed("worker 1 hangs")
    failed = stage.incumbency.when_decided()
    stage.begin()
    stage.run(1)
    assert result_of(failed) == 0
    succeeded = stage.incumbency.when_decided()
    stage.another_newcomer()
    stage.begin()
    stage.carry()

    assert result_of(succeeded) == os.getpid()
