"""Clients that stop, vanish, don't read or write slowly, in every phase: bounds hold, deadlines fire, others are served, nothing is left."""

from __future__ import annotations

import socket
from contextlib import suppress
from types import SimpleNamespace

import pytest
import raw
from in_process import PASSWORD, in_process
from phases import (
    AFTER_LOGIN,
    BEFORE_LOGIN,
    LONG,
    ROWS,
    asked,
    copying_out,
    deep_in_a_pipeline,
    in_a_series,
    reading_nothing,
)

from duckgres_tx.session import connection
from duckgres_tx.session.inbox import MAX_READ_AHEAD_BYTES
from duckgres_tx.session.watch import watch

HANDSHAKE_S = 60.0
# What a session may hold for a client that doesn't read: the transport's, the engine's ring of buffers, what was under way.
MOST_UNREAD = 4 << 20


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One host for all; its clock stands still."""
    with in_process(
        str(tmp_path_factory.mktemp("misbehaving")), tls="prefer", handshake_timeout_s=HANDSHAKE_S
    ) as world:
        yield world


@pytest.fixture(autouse=True)
def _nobody(world):
    """What a test has failed with is none of the next one's."""
    yield
    for client in world._clients:
        client.socket.close()
    world._clients.clear()


def named(phases):
    """For parametrize."""
    return pytest.mark.parametrize("phase", phases, ids=lambda phase: phase.__name__)


def _others_are_served(world):
    other = world.session()
    other.send(raw.query("SELECT 7 AS n"))
    assert other.until()[1] == ("D", raw.text_row(7))
    other.socket.close()


def _nobody_is_left(world):
    """Interrupts are said again by the clock, so it has to go on."""

    def gone():
        world.reactor.advance(0.05)
        return not world.host.health().sessions

    world.reactor.until(gone, "the end of all sessions")
    assert not world.host._conversations
    world.reactor.until(lambda: not world.host.health().running)


@named(BEFORE_LOGIN)
def test_who_doesnt_log_in_is_hung_up_on(world, phase):
    """The time is for all of it, not for each step; others are served meanwhile."""
    client = phase(world)
    transport = client.socket.transport
    world.reactor.advance(HANDSHAKE_S - 1)
    assert not transport.ended
    _others_are_served(world)
    world.reactor.advance(2)
    world.reactor.until(lambda: transport.ended)
    _nobody_is_left(world)


@named(BEFORE_LOGIN + AFTER_LOGIN)
def test_who_vanishes_leaves_nothing(world, phase):
    """Whatever it was at, at once or after a while."""
    for turns in (0, 5):
        client = phase(world)
        for _ in range(turns):
            world.reactor.turn(0.01)
        client.socket.close()
        _nobody_is_left(world)
    _others_are_served(world)
    _nobody_is_left(world)


@named(AFTER_LOGIN)
def test_who_stops_holds_nobody_up(world, phase):
    """It neither reads nor writes nor hangs up: what is kept for it is bounded, and others are answered."""
    client = phase(world)
    transport = client.socket.transport
    for _ in range(30):
        world.reactor.turn(0.01)
    assert transport.most_unread < MOST_UNREAD
    _others_are_served(world)

    client.socket.close()
    _nobody_is_left(world)


@named((reading_nothing, copying_out, in_a_series, deep_in_a_pipeline))
def test_who_doesnt_read_is_ended_all_the_same(world, phase):
    """What it is told can't be delivered: the end comes after a moment."""
    client = phase(world)
    for _ in range(10):
        world.reactor.turn(0.01)
    (conversation,) = world.host._conversations
    conversation.leave(now=True)
    world.reactor.until(lambda: _passes(world) and client.socket.transport.ended)
    _nobody_is_left(world)


def _passes(world):
    world.reactor.advance(connection.CLOSE_TIMEOUT_S / 10)
    return True


def test_who_reads_late_gets_all(world):
    """In order, and as much as there was."""
    client = reading_nothing(world)
    for _ in range(30):
        world.reactor.turn(0.01)
    rows = [body for kind, body in client.until() if kind == "D"]
    assert len(rows) == ROWS
    assert rows[::20000] == [raw.text_row(number, "x" * 100) for number in range(0, ROWS, 20000)]
    client.socket.close()
    _nobody_is_left(world)


def test_a_pipeline_in_which_both_sides_only_write(world):
    """The server stops reading before it holds too much, and neither waits for the other for ever."""
    client = world.session()
    transport = client.socket.transport
    series = raw.bind("", "q", [b"z" * 500]) + raw.execute() + raw.sync()
    client.send(raw.parse("q", "SELECT repeat('y', 1000) AS t WHERE $1::text <> ''"), raw.sync())
    client.until()
    count = 2000
    client.send(series * count)
    for _ in range(50):
        world.reactor.turn(0.01)
    assert transport.most_unread < MOST_UNREAD
    (conversation,) = world.host._conversations
    assert transport.undelivered
    assert conversation._inbox._frames.buffered_bytes <= MAX_READ_AHEAD_BYTES + 2 * 65536

    row = raw.text_row("y" * 1000)
    for _ in range(count):
        assert [kind for kind, body in client.until() if body == row or kind != "D"] == ["2", "D", "C", "Z"]
    client.socket.close()
    _nobody_is_left(world)


def test_portals_in_turn_with_much_left_in_each(world):
    """What is left of one gives way to the next, to a file and not to memory."""
    client = world.session()
    client.send(raw.query("BEGIN"))
    client.until()
    names = ["a", "b", "c"]
    client.send(raw.parse("q", LONG), *[raw.bind(name, "q") for name in names], raw.sync())
    client.until()
    for start in (0, 100):
        client.send(*[raw.execute(name, 100) for name in names], raw.sync())
        rows = [body for kind, body in client.until() if kind == "D"]
        assert rows == [raw.text_row(number, "x" * 100) for number in range(start, start + 100)] * 3
    client.send(raw.execute("b"), raw.sync())
    assert sum(kind == "D" for kind, _ in client.until()) == ROWS - 200
    client.socket.close()
    _nobody_is_left(world)


def test_who_writes_byte_by_byte_is_understood(world):
    """From the first byte on."""
    client = world.client()
    plain = client.socket

    def send(data):
        for at in range(len(data)):
            plain.sendall(data[at : at + 1])

    client.socket = SimpleNamespace(sendall=send, recv=plain.recv, close=plain.close)
    client.login("postgres", PASSWORD)
    client.send(raw.parse("", "SELECT $1::int4 AS n"), raw.bind("", "", [b"7"]), raw.execute(), raw.sync())
    assert ("D", raw.text_row(7)) in client.until()
    client.send(raw.query("CREATE TEMP TABLE b (a int)"))
    client.until()
    client.send(raw.query("COPY b FROM STDIN"), raw.frame(b"d", b"1\n2"), raw.frame(b"d", b"2\n"), raw.frame(b"c"))
    assert ("C", b"COPY 2\0") in client.until()
    client.socket.close()
    _nobody_is_left(world)


def test_a_client_that_is_stopped_in_a_transaction_has_its_time(world):
    """As one has that has nothing to say."""
    client = asked(world, "SET idle_in_transaction_session_timeout = '10s'; BEGIN")
    (conversation,) = world.host._conversations
    world.reactor.advance(9)
    watch(conversation, world.reactor.seconds())
    assert not client.socket.transport.ended
    world.reactor.advance(2)
    world.reactor.until(lambda: client.socket.transport.unread)
    kind, body = client.read()
    assert (kind, raw.error_fields(body)["C"]) == ("E", "25P03")
    _nobody_is_left(world)


def test_a_peer_that_is_gone_without_a_word_is_asked_by_the_kernel():
    """No FIN will come of it, neither when it is idle nor when something is on its way to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        served, _ = listener.accept()
        with served:
            connection.configure_socket(served)
            options = {
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): connection.KEEPALIVE_IDLE_S,
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): connection.KEEPALIVE_INTERVAL_S,
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): connection.KEEPALIVE_PROBES,
                (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): connection.USER_TIMEOUT_MS,
            }
            assert {option: served.getsockopt(*option) for option in options} == options


def test_reading_goes_on_after_a_pause_that_the_end_has_overtaken(world):
    """A client that hangs up while it isn't read from."""
    client = deep_in_a_pipeline(world)
    for _ in range(10):
        world.reactor.turn(0.01)
    with suppress(ConnectionError):
        client.send(raw.terminate())
    client.socket.close()
    _nobody_is_left(world)
