"""What duckgres' own tests ask of a control plane, by their names, and more strictly: not one connection may fail."""

from __future__ import annotations

import concurrent.futures
import contextlib
import signal
import time

import psycopg
import pytest
import raw
from succession import (
    LONG_ANSWER,
    LONG_COUNT,
    Asking,
    Connecting,
    connect,
    counting,
    ended_how,
    is_cut,
    login,
    login_and_stay,
    refused,
    roll_is_done,
    running_fleet,
    serves,
    succeed,
    until,
    worker_of,
)


@pytest.fixture(scope="module")
def fleet():
    """A server that is taken over by one test after the other."""
    with running_fleet() as running:
        yield running


def test_control_plane_basic(fleet):
    """A query through the control plane."""
    with connect(fleet) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_handover_preserves_active_query(fleet):
    """A query that runs during a takeover gives its answer, and its connection goes on."""
    # a newcomer stands back behind it, on all processors
    statement, answer = counting(1_200_000_000)
    with contextlib.closing(connect(fleet)) as connection:
        with Asking(connection, statement) as asking:
            time.sleep(0.3)
            succeed(fleet)
            assert asking.is_running, "the query was over before the takeover"

        assert asking.answer == answer
        assert connection.execute("SELECT 42").fetchone() == (42,)


def test_handover_new_connections(fleet):
    """Right after a takeover a new connection is served."""
    fleet.take_over()

    assert serves(fleet)


def test_handover_new_connections_during_transition(fleet):
    """Connects all the time: each of them is served."""
    with Connecting(fleet, threads=4) as connecting:
        time.sleep(0.5)
        succeed(fleet)
        time.sleep(0.5)

    assert connecting.failures == []
    assert len(connecting.seconds) > 20


def test_handover_concurrent_connections(fleet):
    """Eight sessions at work: no errors."""
    statement = "SELECT count(*) FROM range(60000000) t(i) WHERE (i * 7) % 11 = 3"
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(contextlib.closing(connect(fleet))) for _ in range(8)]
        asked = [stack.enter_context(Asking(session, statement)) for session in sessions]
        succeed(fleet)

    assert [asking.answer for asking in asked] == [((60_000_000 - 2 + 10) // 11,)] * 8


def test_double_usr1_ignored(fleet):
    """The second signal comes while the first one's takeover is under way: one successor is started, not two."""
    incumbent = fleet.serving
    incumbent.send(signal.SIGUSR1)
    time.sleep(0.1)
    incumbent.send(signal.SIGUSR1)
    fleet.wait_until_gone(incumbent, 60)

    successor = fleet.adopt_successor()
    assert serves(fleet)
    time.sleep(1)
    assert fleet.control_planes_alive() == [successor.pid]
    # the successor writes into the log of the one that has started it
    assert incumbent.words().count("ready: ") == 2


def test_handover_child_crash_recovery(fleet):
    """A newcomer whose configuration is broken ends with a line that says so; the incumbent serves as if nothing had happened."""
    broken = fleet.root / "broken.yaml"
    broken.write_text("workers: [this is not a number\n", encoding="utf-8")
    with contextlib.closing(connect(fleet)) as session:
        assert "is not YAML" in refused(fleet, fleet.launch(f"--config={broken}"))
        assert serves(fleet)
        assert is_cut(session) == ""


def test_handover_child_crash_then_retry(fleet):
    """After that, a good one takes over."""
    refused(fleet, fleet.launch("--cert=/nowhere.crt", "--key=/nowhere.key"))

    succeed(fleet)

    assert serves(fleet)


def test_handover_drains_before_exit(fleet):
    """duckgres' old control plane lives as long as its last client. Ours goes within seconds, and the client stays."""
    with contextlib.closing(connect(fleet)) as session:
        succeed(fleet)
        assert session.execute("SELECT 42").fetchone() == (42,)


def test_upgrade_with_max_workers():
    """With all workers that are allowed, a takeover needs none beyond them: the same processes serve on."""
    with running_fleet(workers=3) as fleet:
        workers = sorted(fleet.workers_alive())
        succeed(fleet)
        assert sorted(fleet.workers_alive()) == workers
        assert len(workers) == 3


def test_concurrent_first_connections():
    """Five clients at once are the first of a server."""
    with running_fleet(workers=2) as fleet, concurrent.futures.ThreadPoolExecutor(5) as threads:

        def first(_: int) -> tuple[int, ...]:
            with connect(fleet) as connection:
                return connection.execute("SELECT 1").fetchone()

        assert list(threads.map(first, range(5))) == [(1,)] * 5


def test_boolean_predicates_and_merge_in_control_plane(fleet):
    """duckgres asks it of DuckLake, which is not here yet; the statements are asked of an ordinary database, after a takeover."""
    succeed(fleet)
    with connect(fleet) as connection:
        connection.execute("CREATE TABLE flags (id integer, good boolean)")
        connection.execute("INSERT INTO flags VALUES (1, true), (2, false), (3, NULL)")
        assert connection.execute("SELECT id FROM flags WHERE good = true").fetchall() == [(1,)]
        assert connection.execute("SELECT id FROM flags WHERE NOT good").fetchall() == [(2,)]
        connection.execute(
            "MERGE INTO flags USING (VALUES (2, true), (4, true)) new(id, good) ON flags.id = new.id "
            "WHEN MATCHED THEN UPDATE SET good = new.good WHEN NOT MATCHED THEN INSERT VALUES (new.id, new.good)"
        )
        assert connection.execute("SELECT id FROM flags WHERE good ORDER BY id").fetchall() == [(1,), (2,), (4,)]


# ---- what it asked when it passed descriptors as this server does


@pytest.fixture(scope="module")
def rolling():
    """A server whose workers are rolled by one test after the other."""
    with running_fleet(env={"DUCKGRES_DRAIN_GRACE": "500ms", "DUCKGRES_DRAIN_TIMEOUT": "20s"}) as running:
        yield running


def roll(fleet, timeout_s: float = 60) -> None:
    """Have all workers replaced, and wait until they are."""
    said = len(fleet.words())
    fleet.serving.send(signal.SIGUSR2)
    until(lambda: roll_is_done(fleet, said), timeout_s, "end of the roll")


def test_rolling_update_preserves_active_query(rolling):
    """A query that runs during a roll gives its answer before its worker goes, and its session goes on in the new worker."""
    with login(rolling) as client:
        old = rolling.workers_alive()
        client.send(raw.query(LONG_COUNT))
        time.sleep(0.3)
        roll(rolling)

        assert [body for kind, body in client.until() if kind == "D"] == [raw.text_row(LONG_ANSWER[0])]
        assert set(rolling.workers_alive()).isdisjoint(old)

        client.send(raw.query("SELECT 42"))
        assert [body for kind, body in client.until() if kind == "D"] == [raw.text_row(42)]


def test_usr2_during_rolling_update(rolling):
    """The second signal is not lost and does no harm: it is said what becomes of it, and in the end all workers are new."""
    old = rolling.workers_alive()
    said = len(rolling.words())
    rolling.serving.send(signal.SIGUSR2)
    until(lambda: "roll" in rolling.words()[said:], 10, "word of the roll")
    rolling.serving.send(signal.SIGUSR2)
    until(lambda: "another one follows this one" in rolling.words()[said:], 10, "word of the second roll")
    until(lambda: rolling.words()[said:].count("roll: done") >= 2, 60, "end of both rolls")

    assert set(rolling.workers_alive()).isdisjoint(old)
    assert len(rolling.workers_alive()) == 2
    assert serves(rolling)


def test_handover_then_normal_operation(rolling):
    """After a takeover everything works as before: queries, transactions, errors, cancels, a roll."""
    succeed(rolling)
    with connect(rolling, sslmode="require") as connection:
        connection.execute("CREATE OR REPLACE TABLE normal AS SELECT 5 AS x")
        with connection.transaction():
            connection.execute("INSERT INTO normal VALUES (6)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM abnormal")
        with Asking(connection, "SELECT pg_sleep(60)") as asking:
            time.sleep(0.3)
            connection.cancel_safe()
        assert isinstance(asking.error, psycopg.errors.QueryCanceled)
        assert connection.execute("SELECT sum(x) FROM normal").fetchone() == (11,)
    roll(rolling)
    with connect(rolling) as connection:
        assert connection.execute("SELECT sum(x) FROM normal").fetchone() == (11,)


def test_handover_old_worker_retires_on_disconnect(rolling):
    """A worker that is being replaced ends as soon as its last client has gone, long before the timeout."""
    client = login_and_stay(rolling)
    worker = worker_of(rolling, client.socket)
    with contextlib.closing(connect(rolling, sslmode="disable")) as busy, busy.transaction():
        busy.execute("SELECT 1")
        said = len(rolling.words())
        rolling.serving.send(signal.SIGUSR2)
        assert ended_how(client, 20) == "57P01"
        time.sleep(0.5)
        assert worker in rolling.workers_alive()
    client.socket.close()
    until(lambda: worker not in rolling.workers_alive(), 10, "end of the old worker")
    until(lambda: roll_is_done(rolling, said), 30, "end of the roll")
