"""The promises of docs/zero-downtime.md, in a user's words: what goes wrong, and goes on: U8 to U10."""

from __future__ import annotations

import contextlib
import os
import re
import signal

import psycopg
import pytest
from succession import (
    GONE_S,
    Connecting,
    connect,
    drain_has_begun,
    login_and_stay,
    refused,
    running_fleet,
    serves,
    succeed,
    until,
)

from storm.fleet import FleetError


@pytest.fixture(scope="module")
def fleet():
    """A server that is taken over by one test after the other."""
    with running_fleet() as running:
        yield running


def assert_nothing_has_happened(fleet, incumbent, session) -> None:
    """The incumbent serves, its sessions live, and the next takeover is as good as any."""
    assert fleet.serving is incumbent
    assert fleet.named_by_pidfile() == incumbent.pid
    assert session.execute("SELECT 42").fetchone() == (42,)
    assert serves(fleet)
    assert len(fleet.control_planes_alive()) == 1


@pytest.mark.parametrize(
    ("options", "env", "line"),
    [
        (["--tls=maybe"], {}, "'maybe' is not one of off, prefer, require"),
        (["--cert=/nowhere.crt", "--key=/nowhere.key"], {}, "can't read /nowhere.crt"),
        (["--data-dir=another"], {}, "data_dir"),
        (["--host=203.0.113.7"], {}, "can't listen on 203.0.113.7"),
        (["--workers=0"], {}, "workers"),
        ([], {"DUCKGRES_MAX_CONNECTIONS": "none"}, "DUCKGRES_MAX_CONNECTIONS"),
    ],
)
def test_a_newcomer_that_can_t_start_changes_nothing(fleet, options, env, line):
    """U8: one line says why, and the incumbent goes on with everything; then a good one takes over."""
    with contextlib.closing(connect(fleet)) as session:
        incumbent = fleet.serving
        told = refused(fleet, fleet.launch(*options, environment=env))
        assert line in told
        assert_nothing_has_happened(fleet, incumbent, session)
        assert "taken over" not in incumbent.words()


def test_a_newcomer_that_can_t_be_imported_changes_nothing(fleet, tmp_path):
    """U8: a release that is broken ends before it has said a word to the incumbent."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['duckgres_tx.handover.newcomer'] = None\n", encoding="utf-8"
    )
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with contextlib.closing(connect(fleet)) as session:
        incumbent = fleet.serving
        newcomer = fleet.launch(environment={"PYTHONPATH": path})
        fleet.wait_until_gone(newcomer, 30)
        assert newcomer.status == 1
        assert_nothing_has_happened(fleet, incumbent, session)
    succeed(fleet)


def test_two_newcomers_at_once(fleet):
    """U8: exactly one takes over, the other is told that it came too late; nobody notices."""
    with Connecting(fleet) as connecting:
        incumbent = fleet.serving
        both = [fleet.launch(), fleet.launch()]
        ready = []

        def decided() -> bool:
            for newcomer in both:
                newcomer.look()
                with contextlib.suppress(FleetError):
                    if newcomer not in ready and not newcomer.gone_at and fleet.is_ready(newcomer):
                        ready.append(newcomer)
            return len(ready) + sum(bool(newcomer.gone_at) for newcomer in both if newcomer not in ready) == 2

        until(decided, 60, "decision")
        fleet.wait_until_gone(incumbent, GONE_S)
    assert connecting.failures == []
    if len(ready) == 1:
        (loser,) = [newcomer for newcomer in both if newcomer not in ready]
        # it came during the other's takeover, or at its very end
        assert re.search(r"is taking over at this moment|has just taken over: try again", refused(fleet, loser))
    else:
        # the second one came when the first had finished, and took over from it
        fleet.wait_until_gone(ready[0], GONE_S)
        assert ready[0].status == 0
    until(lambda: len(fleet.control_planes_alive()) == 1, GONE_S, "single control plane")
    assert serves(fleet)


def test_a_newcomer_that_dies_after_the_takeover_is_rolled_back():
    """U9: the incumbent stands by for a moment, takes everything back, and can be taken over again."""
    with running_fleet(env={"DUCKGRES_TAKEOVER_STANDBY": "5s"}) as fleet, contextlib.closing(connect(fleet)) as session:
        incumbent = fleet.serving
        newcomer = fleet.take_over()
        with contextlib.closing(connect(fleet)) as later:
            newcomer.send(signal.SIGKILL)
            fleet.wait_until_gone(newcomer, 10)
            fleet.serving = incumbent
            assert serves(fleet)
            assert later.execute("SELECT 42").fetchone() == (42,)
        assert session.execute("SELECT 42").fetchone() == (42,)
        until(lambda: fleet.named_by_pidfile() == incumbent.pid, 10, "pidfile of the one that serves")
        assert len(fleet.control_planes_alive()) == 1
        succeed(fleet)
        assert session.execute("SELECT 42").fetchone() == (42,)


def test_another_takeover_while_the_last_one_is_hardly_over(fleet):
    """U10: four in a row, each as soon as the one before says that it is ready; no one waits for anybody's end."""
    with contextlib.closing(connect(fleet)) as session:
        for _ in range(4):
            fleet.take_over()
        assert session.execute("SELECT 42").fetchone() == (42,)
    until(lambda: len(fleet.control_planes_alive()) == 1, GONE_S, "single control plane")
    assert fleet.named_by_pidfile() == fleet.serving.pid


def test_a_takeover_while_a_worker_drains():
    """U10: a roll that waits for a long transaction is taken over, and finished by the next control plane."""
    with running_fleet(env={"DUCKGRES_DRAIN_GRACE": "500ms", "DUCKGRES_DRAIN_TIMEOUT": "60s"}) as fleet:
        old = fleet.workers_alive()
        with psycopg.connect(fleet.dsn(sslmode="disable")) as busy:
            busy.execute("CREATE TABLE u10 AS SELECT 1 AS x")
            idle = login_and_stay(fleet)
            fleet.serving.send(signal.SIGUSR2)
            drain_has_begun(fleet, idle)
            for _ in range(2):
                succeed(fleet)
            busy.execute("INSERT INTO u10 VALUES (2)")
            busy.commit()
            until(lambda: set(fleet.workers_alive()).isdisjoint(old), 30, "end of the old workers")
        until(lambda: len(fleet.workers_alive()) == 2, 20, "two workers")
        with connect(fleet) as session:
            assert session.execute("SELECT sum(x) FROM u10").fetchone() == (3,)
