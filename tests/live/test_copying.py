"""COPY through drivers and psql, and what goes wrong in the middle of it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import asyncpg
import pg8000.native
import psycopg
import psycopg2
import pytest
import raw
from copies import copy_in, login

DEADLINE_S = 60.0


@pytest.fixture
def connection(server):
    """A psycopg connection in autocommit mode, with tables of its own."""
    with psycopg.connect(**login(server), autocommit=True) as made:
        made.execute("CREATE TEMP TABLE copied (a int, b text)")
        yield made


# --- through other clients


def test_psql_copies_both_ways(server, tmp_path):
    r"""\copy from a file and to a file."""
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('a,b\n1,x\n2,"y ""z"""\n3,\n')
    script = (
        "create temp table copied (a int, b text);\n"
        rf"\copy copied from '{source}' csv header" + "\n"
        rf"\copy (select * from copied order by a) to '{target}' with (format csv, header)" + "\n"
        "copy copied from stdin;\n4\tw\n\\.\nselect count(*) from copied;\n"
    )
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", f"host={server.host} port={server.port} user={server.user} dbname=postgres"],
        env={**os.environ, "PGPASSWORD": server.password},
        input=script,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")
    assert source.read_text() == target.read_text()


def test_psycopg_writes_and_reads_rows(connection):
    """Text rows, and binary ones with declared types."""
    with connection.cursor() as cursor:
        with cursor.copy("COPY copied FROM STDIN") as copy:
            for number in range(1000):
                copy.write_row((number, f"row\t{number}"))
        assert cursor.rowcount == 1000
        with cursor.copy("COPY copied FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            for number in range(1000, 2000):
                copy.write_row((number, None))
        with cursor.copy("COPY (SELECT * FROM copied ORDER BY a) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            rows = list(copy.rows())

    assert [(number, f"row\t{number}" if number < 1000 else None) for number in range(2000)] == rows


def test_psycopg2_copies_files(server):
    """copy_expert and copy_from, in a transaction."""
    with contextlib.closing(psycopg2.connect(**login(server))) as made, made.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE copied (a int, b text)")
        cursor.copy_expert("COPY copied FROM STDIN WITH CSV HEADER", io.StringIO("a,b\n1,x\n2,y\n"))
        cursor.copy_from(io.StringIO("3\tz\n"), "copied")
        target = io.StringIO()
        cursor.copy_expert("COPY (SELECT * FROM copied ORDER BY a) TO STDOUT WITH (FORMAT csv)", target)

        assert target.getvalue() == "1,x\n2,y\n3,z\n"
        with pytest.raises(psycopg2.errors.InvalidTextRepresentation, match="line 1, column a"):
            cursor.copy_from(io.StringIO("x\tz\n"), "copied")
        made.rollback()


def test_asyncpg_copies_records(server):
    """copy_records_to_table is binary, by the simple protocol."""

    async def copy():
        made = await asyncpg.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            password=server.password,
            database="postgres",
            ssl="require",
        )
        try:
            await made.execute("CREATE TEMP TABLE copied (a int, b text, c timestamp)")
            status = await made.copy_records_to_table("copied", records=[(1, "x", None), (2, None, None)])
            target = io.BytesIO()
            await made.copy_from_query("SELECT a, b FROM copied ORDER BY a", output=target, format="csv")
            return status, target.getvalue()
        finally:
            await made.close()

    assert asyncio.run(asyncio.wait_for(copy(), DEADLINE_S)) == ("COPY 2", b"1,x\n2,\n")


def test_pg8000_copies_streams(server):
    """run(stream=…) both ways."""
    with contextlib.closing(
        pg8000.native.Connection(
            server.user,
            host=server.host,
            port=server.port,
            password=server.password,
            database="postgres",
            ssl_context=True,
        )
    ) as made:
        made.run("CREATE TEMP TABLE copied (a int, b text)")
        made.run("COPY copied FROM STDIN", stream=io.BytesIO(b"1\tx\n2\ty\n"))
        target = io.BytesIO()
        made.run("COPY copied TO STDOUT (FORMAT csv)", stream=target)

        assert target.getvalue() == b"1,x\n2,y\n"


# --- in the middle of it


def test_a_slow_writer_holds_nobody_up_and_is_not_forgotten(server, connection):
    """Others of the same database go on; what came before and after a pause is there."""
    with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
        copy.write(b"1\tx\n2\t")
        time.sleep(0.5)
        with psycopg.connect(**login(server)) as other:
            assert other.execute("SELECT 1").fetchone() == (1,)
        copy.write(b"y\n")

    assert connection.execute("SELECT * FROM copied ORDER BY a").fetchall() == [(1, "x"), (2, "y")]


def test_a_slow_reader_gets_everything(connection):
    """The rows wait for it."""
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY (SELECT i, repeat('x', 100) FROM range(300000) r(i)) TO STDOUT") as copy,
    ):
        first = copy.read()
        time.sleep(1)
        rest = sum(1 for _ in copy)

    assert bytes(first).startswith(b"0\t")
    assert rest == 299_999


@pytest.mark.parametrize("reason", ["cancel", "statement_timeout"])
def test_a_copy_in_is_stopped(connection, reason):
    """Nothing is copied, and the connection goes on."""
    if reason == "statement_timeout":
        connection.execute("SET statement_timeout = '300ms'")
    started = time.monotonic()
    if reason == "cancel":
        threading.Timer(0.3, connection.cancel).start()

    def write_on():
        with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN") as copy:
            # psycopg reads what the server says when all is written
            while time.monotonic() - started < 1.5:
                copy.write(b"1\tx\n" * 100)
                time.sleep(0.01)

    with pytest.raises(psycopg.errors.QueryCanceled):
        write_on()
    connection.execute("SET statement_timeout = 0")

    assert connection.execute("SELECT count(*) FROM copied").fetchone() == (0,)


def test_a_copy_out_is_cancelled(connection):
    """In the middle of the rows."""

    def read_on():
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY (SELECT a.i FROM range(100000000) a(i)) TO STDOUT") as copy,
        ):
            copy.read()
            threading.Timer(0.2, connection.cancel).start()
            for _ in copy:
                pass

    with pytest.raises(psycopg.errors.QueryCanceled):
        read_on()

    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_client_that_is_killed_leaves_nothing(server):
    """Half a COPY is none, and the table can be dropped."""
    with psycopg.connect(**login(server), autocommit=True) as made:
        made.execute("CREATE TABLE half (a int)")
        with raw.RawClient((server.host, server.port)) as client:
            client.login(server.user, server.password)
            client.send(raw.query("COPY half FROM STDIN"))
            assert client.read()[0] == "G"
            client.send(raw.frame(b"d", b"1\n" * 100_000))
            client.socket.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                assert made.execute("SELECT count(*) FROM half").fetchone() == (0,)
                made.execute("DROP TABLE half")
            except psycopg.errors.SerializationFailure:
                assert time.monotonic() < deadline
                continue
            break


def test_a_wide_row_in_small_pieces(connection):
    """A value of some megabytes, of which no piece ends where a row does."""
    value = b"x" * 5_000_000
    pieces = [b"1\t", *(value[at : at + 8192] for at in range(0, len(value), 8192)), b"\n"]

    assert copy_in(connection, "COPY copied FROM STDIN", *pieces) == 1
    assert connection.execute("SELECT length(b) FROM copied").fetchone() == (5_000_000,)


def _anonymous_mb(pid):
    """The memory of a process' own."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss_Anon:\s+(\d+) kB", text, re.MULTILINE)[1]) / 1024


def test_a_long_stream_takes_no_memory_of_its_own(server, connection):
    """What flows through in either direction is not kept; ``make bench BENCH=stream`` sends ten gigabytes."""
    workers = server.worker_pids()
    before = sum(_anonymous_mb(pid) for pid in workers)
    peak = before
    piece = (b"1\t" + b"x" * 997 + b"\n") * 1000
    with connection.cursor() as cursor, cursor.copy("COPY copied FROM STDIN WHERE a > 1") as copy:
        for number in range(150):
            copy.write(piece)
            if number % 10 == 0:
                peak = max(peak, sum(_anonymous_mb(pid) for pid in workers))
    with connection.cursor() as cursor:
        with cursor.copy("COPY (SELECT repeat('x', 999) FROM range(150_000)) TO STDOUT") as copy:
            for number, _ in enumerate(copy):
                if number % 10_000 == 0:
                    peak = max(peak, sum(_anonymous_mb(pid) for pid in workers))
        assert cursor.rowcount == 150_000

    assert peak - before < 100
