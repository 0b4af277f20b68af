"""psql as a person uses it, plain and over TLS."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest

SCHEMA = """
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL, email varchar UNIQUE, born date DEFAULT '2000-01-01');
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    amount numeric(10,2) CHECK (amount > 0),
    placed timestamp
);
CREATE INDEX orders_placed ON orders (placed);
CREATE VIEW big_orders AS SELECT id, amount FROM orders WHERE amount > 100;
INSERT INTO customers VALUES (1, 'Ada', 'ada@example.org', '1815-12-10'), (2, 'Grace', NULL, DEFAULT);
INSERT INTO orders VALUES (10, 1, 150.00, '2024-02-29 12:00:00'), (11, 2, 7.50, NULL);
"""


@pytest.fixture(scope="module")
def shop(server):
    """A database with a small schema, made by psql itself."""
    psql(server, "CREATE DATABASE shop")
    psql(server, SCHEMA, database="shop")
    return server


def psql(server, text, *arguments, database="postgres", sslmode="disable", check=True, timeout=60):
    """Feed text to psql's standard input; returns what it printed, both streams together."""
    result = subprocess.run(
        ["psql", "-X", "-v", "ON_ERROR_STOP=0", *arguments, server.conninfo(dbname=database, sslmode=sslmode)],
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PGPASSFILE": str(server.passfile), "PAGER": "cat"},
        check=False,
    )
    if check:
        assert result.returncode == 0, result.stdout + result.stderr
        assert "ERROR" not in result.stderr, result.stderr
    return result.stdout + result.stderr


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_a_query_is_answered(server, sslmode):
    """The same answer comes in plain text and over TLS."""
    assert psql(server, "SELECT 6*7", "-At", sslmode=sslmode) == "42\n"


def test_conninfo_tells_of_tls(server):
    r"""\conninfo names user, database and the TLS version."""
    told = psql(server, r"\conninfo", sslmode="require")

    assert 'You are connected to database "postgres" as user "postgres"' in told
    assert "TLSv1." in told


def test_list_of_databases(shop):
    r"""\l shows the databases of the data directory."""
    told = psql(shop, r"\l")

    assert "List of databases" in told
    assert re.search(r"^ shop +\| postgres +\| UTF8", told, re.MULTILINE)


def test_list_of_relations(shop):
    r"""\dt, \dv, \d and \di name what the schema has, with kinds and owner."""
    assert re.search(r"public \| customers +\| table \| postgres", psql(shop, r"\dt", database="shop"))
    assert re.search(r"public \| big_orders \| view \| postgres", psql(shop, r"\dv", database="shop"))
    relations = psql(shop, r"\d", database="shop")
    assert "(3 rows)" in relations
    assert re.search(r"orders_placed +\| index +\| postgres +\| orders", psql(shop, r"\di", database="shop"))


def test_describe_a_table(shop):
    r"""\d and \d+ of a table tell columns, types, not-nulls, defaults, keys and references."""
    orders = psql(shop, r"\d orders", database="shop")

    assert 'Table "public.orders"' in orders
    assert re.search(r"^ id +\| bigint +\| +\| not null", orders, re.MULTILINE)
    assert re.search(r"^ amount +\| numeric\(10,2\)", orders, re.MULTILINE)
    assert re.search(r"^ placed +\| timestamp without time zone", orders, re.MULTILINE)
    assert re.search(r"PRIMARY KEY, btree \(id\)", orders)
    assert re.search(r"FOREIGN KEY \(customer_id\) REFERENCES customers\(id\)", orders)
    assert "Check constraints:" in orders
    assert '"orders_placed" btree (placed)' in orders
    customers = psql(shop, r"\d+ customers", database="shop")
    assert re.search(r"^ name +\| text +\| +\| not null", customers, re.MULTILINE)
    assert "2000-01-01" in customers
    assert "UNIQUE" in customers
    assert "Referenced by:" in customers


def test_describe_a_view(shop):
    r"""\d+ of a view shows its columns and its text."""
    view = psql(shop, r"\d+ big_orders", database="shop")

    assert 'View "public.big_orders"' in view
    assert "numeric(10,2)" in view
    assert "View definition:" in view
    assert "amount > 100" in view


@pytest.mark.parametrize("command", [r"\dn", r"\du", r"\df", r"\dT", r"\di", r"\ds", r"\dn+", r"\dt+", r"\l+", r"\dp"])
def test_a_backslash_command_runs(shop, command):
    """No error, and a head as psql prints it."""
    told = psql(shop, command, database="shop")

    assert "List of" in told or "Did not find any" in told or "Access privileges" in told


def test_regclass(shop):
    """A name becomes the object that pg_class knows."""
    told = psql(
        shop, "SELECT 'orders'::regclass::oid = oid FROM pg_class WHERE relname = 'orders'", "-At", database="shop"
    )

    assert told == "t\n"


@pytest.mark.parametrize(
    ("statement", "caret"),
    [
        ("SELECT nonsense FROM customers", 7),
        ("SELECT * FROM nowhere", 14),
        ("SELEC 1", 0),
        ("SELECT 'ä', nonsense", 12),
    ],
)
def test_an_error_has_its_caret_at_the_right_place(shop, statement, caret):
    """psql points at the word that is wrong."""
    told = psql(shop, statement, database="shop", check=False).splitlines()

    line = next(i for i, text in enumerate(told) if text.startswith("LINE 1: "))
    assert told[line + 1].index("^") == len("LINE 1: ") + caret


def test_multi_line_timing_and_g(shop):
    r"""Statements over lines, \timing, \g, \gdesc and \watch work."""
    told = psql(shop, "\\timing on\nSELECT id,\n  name\nFROM customers\nORDER BY id \\g\n", database="shop")
    assert "Ada" in told
    assert "Time: " in told
    described = psql(shop, "SELECT id, amount, placed FROM orders \\gdesc", database="shop")
    assert re.search(r"amount \| numeric\(10,2\)", described)
    assert re.search(r"placed \| timestamp without time zone", described)


def test_watch(server):
    r"""\watch repeats until it is interrupted."""
    process = subprocess.Popen(
        ["psql", "-X", "-At", server.conninfo(dbname="postgres", sslmode="disable")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PGPASSFILE": str(server.passfile)},
    )
    process.stdin.write("SELECT 'tick' \\watch 0.2\n")
    process.stdin.flush()
    seen = [process.stdout.readline() for _ in range(6)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)

    assert sum("tick" in line for line in seen) >= 2


def test_ctrl_c_stops_the_query_and_leaves_the_session(server):
    """Ctrl-C at the terminal in the middle of a query: it is cancelled, the next one runs."""
    terminal, inner = pty.openpty()
    process = subprocess.Popen(
        ["psql", "-X", "-At", server.conninfo(dbname="postgres", sslmode="require")],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={**os.environ, "PGPASSFILE": str(server.passfile), "TERM": "dumb", "PAGER": "cat"},
        start_new_session=True,
        # Ctrl-C is the terminal's to send, so the terminal has to be psql's own.
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(inner)

    def see(text: bytes) -> bytes:
        shown = b""
        while text not in shown:
            ready, _, _ = select.select([terminal], [], [], 30)
            assert ready, f"{text!r} is not in {shown!r}"
            shown += os.read(terminal, 4096)
        return shown

    try:
        see(b"=#")
        os.write(terminal, b"SELECT count(*) FROM range(1000000) a, range(10000000) b;\n")
        time.sleep(1.0)
        os.write(terminal, b"\x03")
        see(b"canceling statement due to user request")
        os.write(terminal, b"SELECT 'al' || 'ive';\n")
        see(b"\nalive")
        os.write(terminal, b"\\q\n")

        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
