"""Clients that are stopped, vanish, read or write slowly, as processes of their own: bounds hold, deadlines fire, others are served."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import phases
import pytest
import raw
from crowd import BY_NAME, LivePlace, crowd
from servers import wait_until

BEFORE_LOGIN = [phase.__name__ for phase in phases.BEFORE_LOGIN]
# What a server may take for a dozen clients, one of which has asked for half a gigabyte that it doesn't read.
MOST_MEMORY = 128 << 20
ESTABLISHED, CLOSE_WAIT = "01", "08"


def held(server, ports):
    """Those of these clients' ports whose connections the server has not closed."""
    found = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, here, there, state, *_ = line.split()
        if int(here[9:], 16) == server.port and state in {ESTABLISHED, CLOSE_WAIT}:
            found.add(int(there[9:], 16))
    return found.intersection(ports)


def sockets(server):
    """How many the server's processes have open."""
    count = 0
    for path in (path for pid in server.pids() for path in Path(f"/proc/{pid}/fd").iterdir()):
        # it may be closed while it is looked at
        with contextlib.suppress(FileNotFoundError):
            count += str(path.readlink()).startswith("socket:")
    return count


def memory(server):
    """What its processes hold, in bytes."""
    statuses = [Path(f"/proc/{pid}/status").read_text(encoding="ascii") for pid in server.pids()]
    return sum(int(text.partition("VmRSS:")[2].split()[0]) for text in statuses) << 10


def others_are_served(server):
    """In plain text and under TLS; by whichever worker has their database."""
    for tls in (False, True):
        client = LivePlace((server.host, server.port), server.password, tls).session()
        client.send(raw.query("SELECT 7 AS n"))
        assert client.until()[1] == ("D", raw.text_row(7))
        client.socket.close()


@pytest.fixture
def calm(impatient_server):
    """The server; in the end it has as many sockets as in the beginning, and nobody's session."""
    others_are_served(impatient_server)
    before = sockets(impatient_server)
    yield impatient_server
    wait_until(lambda: sockets(impatient_server) <= before, 30, f"end of all but {before} sockets")
    others_are_served(impatient_server)


def test_who_is_stopped_holds_nobody_up(calm):
    """Neither before its login nor in the middle of anything; whoever has a deadline is ended at it, and the rest goes on where it was."""
    before = memory(calm)
    options = "-c idle_in_transaction_session_timeout=2s -c statement_timeout=4s"
    with crowd(calm, list(BY_NAME), options=options) as stopped:
        stopped.stop()
        others_are_served(calm)
        limited = {"in_a_block", "with_a_cursor", *BEFORE_LOGIN}
        ports = {stopped.ports[name] for name in limited}
        wait_until(lambda: not held(calm, ports), 30, "end of those who have a deadline")
        others_are_served(calm)
        assert memory(calm) - before < MOST_MEMORY
        others = {port for name, port in stopped.ports.items() if name not in limited}
        assert held(calm, others) == others

        stopped.go_on()
        assert stopped.read_on("in_a_block").sqlstates == ["25P03"]
        assert stopped.read_on("running").sqlstates == ["57014"]
        assert stopped.read_on("copying_in").sqlstates == ["57014"]
        for name, kind in (("reading_nothing", "D"), ("copying_out", "d")):
            rest = stopped.read_on(name)
            assert rest.kinds[kind] == phases.ROWS or rest.sqlstates == ["57014"]
            assert not rest.ended


@pytest.mark.parametrize("tls", [False, True])
def test_who_vanishes_leaves_nothing(calm, tls):
    """In the middle of whatever it was at, under TLS and when its session is relayed too."""
    with crowd(calm, list(BY_NAME), tls=tls) as vanishing:
        vanishing.kill()
        wait_until(lambda: not held(calm, vanishing.ports.values()), 30, "end of all")
        others_are_served(calm)


def test_who_reads_slowly_gets_all(calm):
    """A little at a time; others are served as ever."""
    place = LivePlace((calm.host, calm.port), calm.password, tls=False)
    client = place.session()
    take = client.socket.recv

    def slowly(count):
        time.sleep(0.001)
        return take(min(count, 20000))

    client.socket = Wrapped(client.socket, recv=slowly)
    client.send(raw.query(phases.LONG))
    others_are_served(calm)
    rows = [body for kind, body in client.until() if kind == "D"]
    assert rows[::20000] == [raw.text_row(number, "x" * 100) for number in range(0, phases.ROWS, 20000)]
    assert len(rows) == phases.ROWS
    client.socket.close()


class Wrapped:
    """A socket with a manner of its own."""

    def __init__(self, real, **manners):
        self.real = real
        self.__dict__.update(manners)

    def __getattr__(self, name):
        return getattr(self.real, name)


def test_who_writes_slowly_is_understood(calm):
    """A byte at a time, and a row at a time while others are served."""
    place = LivePlace((calm.host, calm.port), calm.password, tls=False)
    client = place.stranger()
    plain = client.socket
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(data):
        for at in range(len(data)):
            plain.sendall(data[at : at + 1])

    client.socket = Wrapped(plain, sendall=send)
    client.login("postgres", calm.password)
    client.send(raw.query("CREATE TEMP TABLE slow (a int, t text)"))
    client.until()
    client.send(raw.query("COPY slow FROM STDIN"), raw.frame(b"d", b"1\tone\n2\ttw"))
    others_are_served(calm)
    client.send(raw.frame(b"d", b"o\n"), raw.frame(b"c"))
    assert ("C", b"COPY 2\0") in client.until()
    client.socket.close()


def test_who_writes_too_slowly_to_log_in_is_hung_up_on(calm):
    """A byte now and then is no reason to wait for the next one."""
    client = LivePlace((calm.host, calm.port), calm.password, tls=False).stranger()
    over = threading.Event()

    def drip():
        for byte in raw.startup({"user": "postgres", "database": "postgres", "application_name": "x" * 600}):
            if over.wait(0.2):
                return
            try:
                client.send(bytes([byte]))
            except OSError:
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        with pytest.raises((EOFError, ConnectionError)):
            client.read()
    finally:
        over.set()
        dripping.join(30)
        client.socket.close()
