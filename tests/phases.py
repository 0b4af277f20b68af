"""Clients in every phase of a connection, as a test may then have them stop, vanish or go on: in a test's process or in one of their own."""

from __future__ import annotations

import struct
from typing import Protocol

import raw
from scramp import ScramClient

ROWS = 80000
LONG = f"SELECT i, repeat('x', 100) AS t FROM range({ROWS}) r(i)"
ENDLESS = "SELECT count(*) FROM range(1000000000000) r(i) WHERE i % 7 = 8"


class Place(Protocol):
    """Where clients come from."""

    @property
    def password(self) -> str:
        """The one of ``postgres``."""

    def stranger(self) -> raw.RawClient:
        """Who has connected from an address that is asked for the password."""

    def encrypt(self, client: raw.RawClient) -> None:
        """Shake hands, as the server has agreed to TLS."""

    def session(self) -> raw.RawClient:
        """Who has logged in as ``postgres``."""


def silent(place: Place) -> raw.RawClient:
    """It has connected, and says nothing."""
    return place.stranger()


def half_a_length(place: Place) -> raw.RawClient:
    """Two bytes of the first packet."""
    client = silent(place)
    client.send(b"\0\0")
    return client


def half_a_packet(place: Place) -> raw.RawClient:
    """All but the end of it."""
    client = silent(place)
    client.send(raw.startup({"user": "postgres", "database": "postgres"})[:-5])
    return client


def told_to_encrypt(place: Place) -> raw.RawClient:
    """It has read that it may go on under TLS."""
    client = silent(place)
    client.send(raw.SSL_REQUEST)
    assert client._exactly(1) == b"S"
    return client


def half_a_hello(place: Place) -> raw.RawClient:
    """And begins to."""
    client = told_to_encrypt(place)
    client.send(b"\x16\x03\x01\x02\x00\x01")
    return client


def encrypted(place: Place) -> raw.RawClient:
    """It has shaken hands, and says nothing."""
    client = told_to_encrypt(place)
    place.encrypt(client)
    return client


def asked_for_a_password(place: Place) -> raw.RawClient:
    """It has read the first question."""
    client = silent(place)
    client.send(raw.startup({"user": "postgres", "database": "postgres"}))
    assert client.read()[0] == "R"
    return client


def half_authenticated(place: Place) -> raw.RawClient:
    """And the second."""
    client = asked_for_a_password(place)
    first = ScramClient(["SCRAM-SHA-256"], "postgres", place.password).get_client_first().encode()
    client.send(raw.frame(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first))
    assert client.read()[0] == "R"
    return client


def half_a_password(place: Place) -> raw.RawClient:
    """It answers, and stops."""
    client = asked_for_a_password(place)
    client.send(b"p\0\0\0\x20SCRAM")
    return client


BEFORE_LOGIN = (
    silent,
    half_a_length,
    half_a_packet,
    told_to_encrypt,
    half_a_hello,
    encrypted,
    asked_for_a_password,
    half_authenticated,
    half_a_password,
)


def idle(place: Place) -> raw.RawClient:
    """Logged in."""
    return place.session()


def in_a_block(place: Place) -> raw.RawClient:
    """In a transaction."""
    return asked(place, "BEGIN; CREATE TEMP TABLE t (a int)")


def with_a_cursor(place: Place) -> raw.RawClient:
    """Half read."""
    return asked(place, f"BEGIN; DECLARE c CURSOR FOR {LONG}; FETCH 3 c")


def asked(place: Place, text: str) -> raw.RawClient:
    """One that has read the answer to a query."""
    client = place.session()
    client.send(raw.query(text))
    client.until()
    return client


def _sent(place: Place, message: bytes) -> raw.RawClient:
    client = place.session()
    client.send(message)
    return client


def running(place: Place) -> raw.RawClient:
    """A statement that has no end."""
    return _sent(place, raw.query(ENDLESS))


def preparing(place: Place) -> raw.RawClient:
    """Parse, and nothing after it."""
    return _sent(place, raw.parse("", LONG))


def reading_nothing(place: Place) -> raw.RawClient:
    """A result of ten megabytes."""
    return _sent(place, raw.query(LONG))


def reading_a_little(place: Place) -> raw.RawClient:
    """The same, begun."""
    client = reading_nothing(place)
    for _ in range(10):
        client.read()
    return client


def copying_in(place: Place) -> raw.RawClient:
    """In the middle of a line."""
    client = asked(place, "CREATE TEMP TABLE c (a int, t text)")
    client.send(raw.query("COPY c FROM STDIN"), raw.frame(b"d", b"1\tx\n2\t"))
    return client


def copying_much_in(place: Place) -> raw.RawClient:
    """In the middle of a message."""
    client = copying_in(place)
    client.send(raw.frame(b"d", b"x\n" + b"3\tthree\n" * 20000), b"d\0\0\xff\xff")
    return client


def copying_out(place: Place) -> raw.RawClient:
    """Ten megabytes."""
    client = place.session()
    client.send(raw.query(f"COPY ({LONG}) TO STDOUT"))
    return client


def in_a_series(place: Place) -> raw.RawClient:
    """A portal with a limit, and no Sync."""
    client = place.session()
    client.send(raw.parse("", LONG), raw.bind(), raw.execute("", 10), raw.flush())
    return client


def deep_in_a_pipeline(place: Place) -> raw.RawClient:
    """Fifty such results, asked for in one breath."""
    client = place.session()
    client.send(raw.parse("q", LONG), *[raw.bind("", "q") + raw.execute() for _ in range(50)], raw.sync())
    return client


def half_a_message(place: Place) -> raw.RawClient:
    """All but the end of a query."""
    client = place.session()
    client.send(raw.query("SELECT 1")[:-3])
    return client


AFTER_LOGIN = (
    idle,
    in_a_block,
    with_a_cursor,
    running,
    preparing,
    reading_nothing,
    reading_a_little,
    copying_in,
    copying_much_in,
    copying_out,
    in_a_series,
    deep_in_a_pipeline,
    half_a_message,
)
