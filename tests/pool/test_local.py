"""A standalone server's one worker behaves as a process would."""

from __future__ import annotations

import os
import socket

import pytest
from pairs import result_of
from test_link import FakeDesk, FakeHost
from twisted.internet.defer import Deferred

from duckgres_tx.errors import PgError
from duckgres_tx.pool.commands import Draining, NotConfigured
from duckgres_tx.pool.local import LocalControlPlane, LocalWorker, OneWorker
from duckgres_tx.pool.servers import WorkerStartFailed
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.session.settings import WorkerSettings


def run(coroutine):
    """The result of a coroutine that doesn't wait."""
    return result_of(Deferred.fromCoroutine(coroutine))


@pytest.fixture
def one():
    """A crew of one, its worker and its host."""
    host, worker = FakeHost(), LocalWorker()
    host.drained.callback(2)

    def make_host(settings):
        host.settings = settings
        return host

    return OneWorker(worker, lambda: WorkerSettings(data_dir="/now"), make_host), worker, host


def test_it_is_ready_when_it_has_started(one):
    """Not before."""
    crew, worker, _ = one
    assert list(crew.ready()) == []
    with pytest.raises(NotConfigured):
        run(worker.cancel(1, b""))
    run(crew.start())

    assert list(crew.ready()) == [worker]


def test_a_host_that_can_t_start_fails_the_start(one):
    """With its own words, on one line."""
    crew, _, host = one
    host.failure = ValueError("no such\nlibrary")

    with pytest.raises(WorkerStartFailed, match=r"^no such library$"):
        run(crew.start())


def test_the_host_gets_a_duplicate(one):
    """As a process would, so that the caller closes its own in either case."""
    crew, worker, host = one
    run(crew.start())
    ours, theirs = socket.socketpair()
    with ours, theirs:
        run(worker.accept(AcceptedConnection(fd=theirs.fileno(), backend_pid=5, prefix=b"x")))
        (connection,) = host.accepted
        assert connection.fd != theirs.fileno()
        assert (connection.backend_pid, connection.prefix) == (5, b"x")
        os.close(connection.fd)


def test_a_draining_one_takes_refusals_only(one):
    """As a process does."""
    crew, worker, host = one
    run(crew.start())
    assert run(crew.drain(1.0)) == 2
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(Draining):
            run(worker.accept(AcceptedConnection(fd=theirs.fileno(), backend_pid=5)))
        refusal = PgError("57P03", "no")
        run(worker.accept(AcceptedConnection(fd=theirs.fileno(), backend_pid=5, refusal=refusal)))
        os.close(host.accepted[0].fd)
    assert list(crew.ready()) == []


def test_it_is_shut_down_once(one):
    """And is not there afterwards."""
    crew, _, host = one
    run(crew.start())
    run(crew.shutdown(1.0))
    run(crew.shutdown(1.0))

    assert host.ended
    assert list(crew.ready()) == []


def test_questions_and_news_go_straight_to_the_desk():
    """Without any link."""
    desk, worker = FakeDesk(), LocalWorker()
    control = LocalControlPlane(desk, worker)
    assert run(control.claim_database("mine")) is True
    assert run(control.release_database("x")) == 3
    ours, theirs = socket.socketpair()
    with ours:
        run(control.relay_connection(theirs.detach(), b"p", "h", 1))
    control.session_opened(1, "u", "d")
    control.session_closed(1)
    control.database_closed("d")
    control.login_failed("h")
    control.login_succeeded("h")
    control.cancel_elsewhere(1, b"k")

    assert [item[0] for item in desk.news] == [
        "claim",
        "relay",
        "session_opened",
        "session_closed",
        "database_closed",
        "login_failed",
        "login_succeeded",
        "cancel_elsewhere",
    ]
