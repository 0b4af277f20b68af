"""The promises of docs/zero-downtime.md, in a user's words: what clients keep through takeovers: U1 to U7."""

from __future__ import annotations

import contextlib
import signal
import struct
import time

import psycopg
import pytest
import raw
from succession import (
    GONE_S,
    LONG_ANSWER,
    LONG_COUNT,
    Asking,
    Connecting,
    connect,
    login,
    raw_client,
    running_fleet,
    succeed,
)


@pytest.fixture(scope="module")
def fleet():
    """A server that is taken over by one test after the other."""
    with running_fleet() as running:
        yield running


def test_no_connect_is_refused_or_reset(fleet):
    """U1: clients connect all the time while the control plane is replaced three times in a row."""
    with Connecting(fleet, threads=4, pause_s=0.01) as connecting:
        for _ in range(3):
            fleet.take_over()
        time.sleep(0.5)

    assert connecting.failures == []
    assert len(connecting.seconds) > 50


def test_who_waits_to_be_accepted_is_served(fleet):
    """U1: connections that the kernel has accepted and the incumbent hasn't yet, because it stands still, lose nothing by a takeover."""
    incumbent = fleet.serving
    incumbent.send(signal.SIGSTOP)
    waiting = [raw_client(fleet) for _ in range(20)]
    newcomer = fleet.launch()
    time.sleep(1)
    incumbent.send(signal.SIGCONT)
    fleet.wait_until_ready(newcomer, 60)
    for client in waiting:
        client.login(fleet.parameters["user"], fleet.password)
        client.socket.close()


def test_plain_sessions_survive(fleet):
    """U2: idle sessions in plain text are there after three takeovers, with all that they have set."""
    with contextlib.closing(connect(fleet, sslmode="disable")) as session:
        session.execute("SET application_name = 'survivor'")
        for _ in range(3):
            fleet.take_over()
        assert session.execute("SHOW application_name").fetchone() == ("survivor",)


def test_tls_sessions_survive_and_the_incumbent_goes(fleet):
    """U3: sessions over TLS too, and the process that accepted them is gone within seconds all the same."""
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(contextlib.closing(connect(fleet, sslmode="require"))) for _ in range(5)]
        began = time.monotonic()
        incumbent = succeed(fleet)
        # its standby of half a second, and the five seconds for what is in flight
        assert incumbent.gone_at - fleet.serving.ready_at < 0.5 + 5 + 1
        assert time.monotonic() - began < GONE_S
        assert [session.execute("SELECT 1").fetchone() for session in sessions] == [(1,)] * 5


def test_open_transactions_and_running_queries_survive(fleet):
    """U4: a transaction goes on to its commit, a query to its answer, plain and over TLS, without any window of time."""
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(psycopg.connect(fleet.dsn(sslmode=sslmode))) for sslmode in ("disable", "require")]
        idle[0].execute("CREATE TABLE IF NOT EXISTS u4 (x integer)")
        idle[0].commit()
        for number, session in enumerate(idle):
            session.execute("INSERT INTO u4 VALUES (%s)", [number])
        busy = stack.enter_context(contextlib.closing(connect(fleet, sslmode="require")))
        with Asking(busy, LONG_COUNT) as asking:
            time.sleep(0.2)
            succeed(fleet)
        assert asking.answer == LONG_ANSWER
        for session in idle:
            session.commit()
        assert busy.execute("SELECT count(*) FROM u4").fetchone() == (2,)


@pytest.mark.parametrize("tls", [False, True])
def test_what_a_session_holds_survives(fleet, tls):
    """U5: temporary tables, prepared statements, and a portal that is half read; and a cursor, where there are cursors."""
    client = login(fleet, tls=tls)
    client.send(raw.query("CREATE TEMP TABLE held AS SELECT i FROM range(100) t(i)"))
    client.until()
    client.send(raw.parse("kept", "SELECT sum(i)::bigint + $1::bigint FROM held"), raw.sync())
    client.until()
    client.send(raw.query("BEGIN"))
    client.until()
    client.send(
        raw.parse("rows", "SELECT i FROM range(10) t(i)"), raw.bind("half", "rows"), raw.execute("half", 4), raw.sync()
    )
    assert [kind for kind, _ in client.until()] == ["1", "2", "D", "D", "D", "D", "s", "Z"]
    client.send(raw.query("DECLARE c CURSOR FOR SELECT i FROM range(10) t(i)"))
    has_cursors = client.until()[0][0] == "C"

    succeed(fleet)

    if has_cursors:
        client.send(raw.execute("half"), raw.sync())
        assert [kind for kind, _ in client.until()] == ["D"] * 6 + ["C", "Z"]
        client.send(raw.query("FETCH 3 FROM c"))
        assert [kind for kind, _ in client.until()] == ["T", "D", "D", "D", "C", "Z"]
    client.send(raw.query("ROLLBACK"))
    client.until()
    client.send(raw.bind("", "kept", [b"50"]), raw.execute(), raw.sync())
    answers = client.until()
    assert answers[1] == ("D", struct.pack("!hi", 1, 4) + b"5000")
    client.socket.close()


def test_a_portal_that_is_half_read_survives(fleet):
    """U5: by itself, so that nothing else has a say in it."""
    client = login(fleet)
    client.send(raw.query("BEGIN"))
    client.until()
    client.send(
        raw.parse("rows", "SELECT i FROM range(10) t(i)"), raw.bind("half", "rows"), raw.execute("half", 4), raw.sync()
    )
    client.until()
    succeed(fleet)
    client.send(raw.execute("half"), raw.sync())
    assert [kind for kind, _ in client.until()] == ["D"] * 6 + ["C", "Z"]
    client.socket.close()


def test_who_is_in_the_middle_of_its_first_packet_survives(fleet):
    """U6: half a StartupMessage is read by one control plane and half by the next."""
    message = raw.startup({"user": fleet.parameters["user"], "database": "postgres"})
    halves = []
    for cut in (1, 4, 7, 20, len(message) - 1):
        client = raw_client(fleet)
        client.send(message[:cut])
        halves.append((client, cut))
    silent = raw_client(fleet)
    time.sleep(0.3)

    succeed(fleet)

    for client, cut in halves:
        client.send(message[cut:])
        kind, body = client.read()
        assert (kind, int.from_bytes(body[:4])) == ("R", 10), f"cut at {cut}"
        client.socket.close()
    silent.login(fleet.parameters["user"], fleet.password)
    silent.socket.close()


def test_who_is_in_the_middle_of_tls_or_authentication_survives(fleet):
    """U6: after the answer to SSLRequest, and between the two halves of SCRAM."""
    before_tls = raw_client(fleet)
    before_tls.send(raw.SSL_REQUEST)
    assert before_tls.socket.recv(1) == b"S"
    in_scram = raw_client(fleet)
    in_scram.send(raw.startup({"user": fleet.parameters["user"], "database": "postgres"}))
    scram = raw.ScramClient(["SCRAM-SHA-256"], fleet.parameters["user"], fleet.password)
    assert in_scram.read()[0] == "R"
    first = scram.get_client_first().encode()
    in_scram.send(raw.frame(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
    scram.set_server_first(in_scram.read()[1][4:].decode())

    succeed(fleet)

    in_scram.send(raw.frame(b"p", scram.get_client_final().encode()))
    assert in_scram.until()[-1] == ("Z", b"I")
    in_scram.socket.close()
    before_tls.wrap_tls()
    before_tls.login(fleet.parameters["user"], fleet.password)
    before_tls.socket.close()


@pytest.mark.parametrize("tls", [False, True])
def test_cancel_works_across_generations(fleet, tls):
    """U7: a session of one control plane is cancelled through the third one after it, and meanwhile."""
    session = login(fleet, tls=tls)

    def cancel_it() -> None:
        session.send(raw.query("SELECT pg_sleep(60)"))
        time.sleep(0.3)
        asker = raw_client(fleet)
        if tls:
            assert asker.start_tls() == b"S"
        asker.send(raw.cancel_request(session.backend_pid, session.secret_key))
        assert asker.socket.recv(1) == b""
        asker.socket.close()
        answers = session.until()
        assert [raw.error_fields(body)["C"] for kind, body in answers if kind == "E"] == ["57014"]

    cancel_it()
    for _ in range(3):
        newcomer = fleet.launch()
        while not fleet.is_ready(newcomer):
            cancel_it()
        cancel_it()
    session.socket.close()
