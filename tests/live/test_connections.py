"""Connections come and go; nothing stays behind."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from pathlib import Path

import psycopg
import pytest
import raw


def _resources(pids: list[int]) -> list[tuple[int, int]]:
    """Open descriptors and threads of each process."""
    found = []
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        threads = int(next(line for line in status.splitlines() if line.startswith("Threads:")).split()[1])
        found.append((len(os.listdir(f"/proc/{pid}/fd")), threads))
    return found


def _settled(server, before, within_s: float = 30.0) -> bool:
    """Whether descriptors and threads fall back to what they were; threads may also have ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        now = _resources(server.pids())
        if all(
            fds <= old_fds and threads <= old + 1 for (fds, threads), (old_fds, old) in zip(now, before, strict=True)
        ):
            return True
        time.sleep(0.2)
    return False


def test_five_hundred_connects_leave_nothing(server):
    """Descriptors and threads of every process are what they were, for plain, TLS, failed and broken connects."""
    for sslmode in ("disable", "require"):
        psycopg.connect(server.dsn(sslmode=sslmode)).close()
    time.sleep(1)
    before = _resources(server.pids())
    for number in range(500):
        kind = number % 5
        if kind == 4:
            with socket.create_connection((server.host, server.port)) as connection:
                connection.sendall(struct.pack("!ii", 50, 196608))
        elif kind == 3:
            try:
                psycopg.connect(server.dsn(dbname="not_there"))
            except psycopg.OperationalError:
                continue
        else:
            with psycopg.connect(server.dsn(sslmode="require" if kind == 2 else "disable")) as connection:
                connection.execute("SELECT 1")

    assert _settled(server, before), f"{before} became {_resources(server.pids())}"


def test_a_reader_that_stops_reading_costs_little_memory_and_no_thread(server):
    """A client asks for gigabytes and reads nothing: the server holds a few buffers and goes on."""
    clients = []
    before = [_rss(pid) for pid in server.pids()]
    for _ in range(8):
        client = raw.RawClient((server.host, server.port))
        client.login(server.user, server.password)
        client.send(raw.query("SELECT i, repeat('x', 200) FROM range(100000000) t(i)"))
        clients.append(client)
    time.sleep(3)
    grown = sum(_rss(pid) for pid in server.pids()) - sum(before)
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    for client in clients:
        client.socket.close()

    assert grown < 8 * 4 * 1024 + 40 * 1024, f"{grown} KiB"


def _rss(pid: int) -> int:
    """Resident KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


def test_a_client_that_hangs_up_stops_its_query(server):
    """The query of a client that went away is interrupted: the worker's processors are idle soon."""
    client = raw.RawClient((server.host, server.port))
    client.login(server.user, server.password)
    client.send(raw.query("SELECT count(*) FROM range(1000000) a, range(100000000) b"))
    time.sleep(1)
    client.socket.close()
    time.sleep(2)
    before = sum(_ticks(pid) for pid in server.pids())
    time.sleep(2)

    assert sum(_ticks(pid) for pid in server.pids()) - before < 100


def _ticks(pid: int) -> int:
    """Processor time used, in clock ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_a_large_message_behind_a_running_statement_is_read_to_its_end(server, sslmode):
    """More than is read ahead: while the statement runs reading stops, and afterwards it goes on."""
    text = "x" * 3_000_000
    with raw.RawClient((server.host, server.port)) as client:
        if sslmode == "require":
            client.start_tls()
        client.login(server.user, server.password)
        client.send(raw.query("SELECT count(*) FROM range(200000000) t(i) WHERE i % 7 = 3"))
        client.send(raw.query(f"SELECT length('{text}')"))
        client.until()

        assert [body for kind, body in client.until() if kind == "D"] == [raw.text_row(len(text))]


def test_a_client_that_asks_on_without_reading_is_read_no_further(server):
    """What it has asked waits in the sockets' buffers then, and not in the server."""
    with raw.RawClient((server.host, server.port), timeout_s=60) as client:
        client.login(server.user, server.password)
        before = sum(_rss(pid) for pid in server.pids())
        question = raw.sync() * 1000
        client.socket.setblocking(False)
        sent = 0
        unsent_since = time.monotonic()
        while time.monotonic() - unsent_since < 1:
            with contextlib.suppress(BlockingIOError):
                sent += client.socket.send(question[sent % len(question) :])
                unsent_since = time.monotonic()

        assert sum(_rss(pid) for pid in server.pids()) - before < 32 << 10
        assert sent < 24 << 20
