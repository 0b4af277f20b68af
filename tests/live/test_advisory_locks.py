"""Advisory locks between sessions: what migration tools rely on so that only one of them runs."""

from __future__ import annotations

import threading
import time

import psycopg
import pytest


@pytest.fixture
def two(server):
    """Two sessions in autocommit mode."""
    with (
        psycopg.connect(server.dsn(), autocommit=True) as one,
        psycopg.connect(server.dsn(), autocommit=True) as other,
    ):
        yield one, other


def _value(connection, sql: str) -> object:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]


def test_a_lock_is_for_one_session_until_it_gives_it_back(two):
    """The other one waits, and goes on at once."""
    one, other = two
    one.execute("SELECT pg_advisory_lock(1)")
    assert _value(other, "SELECT pg_try_advisory_lock(1)") is False
    freed: list[float] = []

    def give_back() -> None:
        freed.append(time.monotonic())
        one.execute("SELECT pg_advisory_unlock(1)")

    timer = threading.Timer(0.5, give_back)
    timer.start()
    other.execute("SELECT pg_advisory_lock(1)")
    timer.join()
    assert time.monotonic() >= freed[0]
    assert _value(one, "SELECT pg_try_advisory_lock_shared(1)") is False


def test_shared_locks_go_together_and_keep_others_out(two):
    """Readers and a writer."""
    one, other = two
    assert _value(one, "SELECT pg_try_advisory_lock_shared(3, 4)") is True
    assert _value(other, "SELECT pg_try_advisory_lock_shared(3, 4)") is True
    assert _value(other, "SELECT pg_try_advisory_lock(3, 4)") is False
    assert _value(other, "SELECT pg_try_advisory_lock(4, 3)") is True


@pytest.mark.parametrize(
    ("stop", "why"),
    [("SET statement_timeout = '400ms'", "statement timeout"), ("", "user request")],
    ids=["timeout", "cancel"],
)
def test_who_waits_can_be_stopped(two, stop, why):
    """By the timeout, and by a cancel request; the session goes on."""
    one, other = two
    one.execute("SELECT pg_advisory_lock(5)")
    if stop:
        other.execute(stop)
    else:
        threading.Timer(0.4, other.cancel).start()
    with pytest.raises(psycopg.errors.QueryCanceled, match=f"canceling statement due to {why}"):
        other.execute("SELECT pg_advisory_lock(%s)", (5,))
    assert _value(other, "SELECT 1") == 1


def test_the_end_of_a_session_frees_its_locks(server):
    """However it ends."""
    with psycopg.connect(server.dsn(), autocommit=True) as other:
        one = psycopg.connect(server.dsn(), autocommit=True)
        one.execute("SELECT pg_advisory_lock(6)")
        one.close()
        other.execute("SET statement_timeout = '20s'")
        other.execute("SELECT pg_advisory_lock(6)")


def test_a_transactions_lock_ends_with_it(server, two):
    """With its rollback as with its commit."""
    _, other = two
    with psycopg.connect(server.dsn()) as one:
        for end in (one.rollback, one.commit):
            one.execute("SELECT pg_advisory_xact_lock(7)")
            assert _value(other, "SELECT pg_try_advisory_lock(7)") is False
            end()
            assert _value(other, "SELECT pg_try_advisory_lock(7), pg_advisory_unlock(7)") is True


def test_two_who_wait_for_each_other_do_not_wait_for_ever(two):
    """40P01 to the one who closes the circle; the other gets its lock."""
    one, other = two
    one.execute("SELECT pg_advisory_lock(10)")
    other.execute("SELECT pg_advisory_lock(11)")
    waiting = threading.Thread(target=other.execute, args=("SELECT pg_advisory_lock(10)",))
    waiting.start()
    time.sleep(0.3)
    with pytest.raises(psycopg.errors.DeadlockDetected):
        one.execute("SELECT pg_advisory_lock(11)")
    one.execute("SELECT pg_advisory_unlock_all()")
    waiting.join(20)
    assert not waiting.is_alive()


def test_databases_have_locks_of_their_own(server, two):
    """The same key in another database is another lock."""
    one, _ = two
    one.execute("CREATE DATABASE lock_elsewhere")
    one.execute("SELECT pg_advisory_lock(12)")
    with psycopg.connect(server.dsn(dbname="lock_elsewhere"), autocommit=True) as elsewhere:
        assert _value(elsewhere, "SELECT pg_try_advisory_lock(12)") is True
    one.execute("SELECT pg_advisory_unlock_all()")
