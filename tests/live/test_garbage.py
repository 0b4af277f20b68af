"""What strangers send to a port: nothing of it hurts the server or its clients."""

from __future__ import annotations

import os
import random
import socket
import struct
import time

import pytest
import raw


def _talk(server, data: bytes, timeout_s: float = 15.0) -> bytes:
    """Send bytes, read until the server closes; a server that neither answers nor closes fails the test."""
    with socket.create_connection((server.host, server.port), timeout=timeout_s) as connection:
        received = b""
        try:
            connection.sendall(data)
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionError:
            pass
        return received


def _alive(server) -> bool:
    with raw.RawClient((server.host, server.port)) as client:
        client.login(server.user, server.password)
        client.send(raw.query("SELECT 1"))
        return client.until()[-1] == ("Z", b"I")


GARBAGE = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "random bytes": random.Random(7).randbytes(4096),
    "a length of zero": struct.pack("!i", 0),
    "a length of four": struct.pack("!i", 4),
    "a negative length": struct.pack("!i", -1) + b"x" * 64,
    "an oversized startup packet": struct.pack("!ii", 100_000_000, 196608) + b"x" * 65536,
    "a startup packet without terminator": struct.pack("!ii", 20, 196608) + b"user\0postgre",
    "an odd number of strings": struct.pack("!ii", 14, 196608) + b"user\0\0",
    "no user": raw.startup({"database": "postgres"}),
    "protocol 2": struct.pack("!ii", 8, 131072),
    "an unknown request code": struct.pack("!ii", 8, 80877999),
    "a cancel request for nobody": raw.cancel_request(12345, b"abcd"),
    "a short cancel request": struct.pack("!ii", 8, 80877102),
    "plain text behind SSLRequest": raw.SSL_REQUEST + raw.startup({"user": "postgres"}),
    "SSLRequest twice": raw.SSL_REQUEST + raw.SSL_REQUEST,
    "a flood of GSSENCRequest": raw.GSSENC_REQUEST * 500,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_closed_and_others_are_served(server, name):
    """The connection ends by itself; the next client is answered."""
    _talk(server, GARBAGE[name])

    assert _alive(server)


@pytest.mark.parametrize(
    "body", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", struct.pack("!i", 0x7FFFFFFF), b"\x00\x00\x00\x03"]
)
def test_bad_lengths_before_authentication(server, body):
    """A frame with an impossible length while the server waits for a password: FATAL or closed, nothing allocated."""
    with raw.RawClient((server.host, server.port)) as client:
        client.send(raw.startup({"user": "postgres", "database": "postgres"}))
        assert client.read()[0] == "R"
        client.send(b"p" + body + b"x" * 100)
        try:
            kind, answer = client.read()
        except (EOFError, ConnectionError):
            kind, answer = "E", b"C08P01\0"

        assert kind == "E"
        assert raw.error_fields(answer)["C"] in {"08P01", "28P01"}
    assert _alive(server)


def test_an_unknown_message_type_ends_the_connection(server):
    """PostgreSQL answers FATAL 08P01 and hangs up; so does this server."""
    with raw.RawClient((server.host, server.port)) as client:
        client.login(server.user, server.password)
        client.send(raw.frame(b"\x7f", b"abc"))
        kind, answer = client.read()

        assert kind == "E"
        assert raw.error_fields(answer)["C"] == "08P01"
        with pytest.raises((EOFError, ConnectionError)):
            client.read()


def test_five_hundred_half_open_sockets(impatient_server):
    """Sockets that say nothing, or half of it, are closed by the deadline; clients are served meanwhile."""
    server = impatient_server
    sockets = []
    for number in range(500):
        connection = socket.create_connection((server.host, server.port), timeout=30)
        if number % 3 == 1:
            connection.sendall(struct.pack("!i", 80)[: number % 4])
        elif number % 3 == 2:
            connection.sendall(raw.SSL_REQUEST)
        sockets.append(connection)
    assert _alive(server)
    began = time.monotonic()
    for connection in sockets:
        try:
            while connection.recv(4096):
                pass
        except ConnectionError:
            pass
        connection.close()

    assert time.monotonic() - began < 60
    assert _alive(server)


def test_random_bytes_in_a_session(server):
    """Rubbish after a good login costs that session only."""
    for seed in range(20):
        with raw.RawClient((server.host, server.port)) as client:
            client.login(server.user, server.password)
            try:
                client.send(random.Random(seed).randbytes(2000), os.urandom(16))
                client.socket.settimeout(0.2)
                while client.socket.recv(65536):
                    pass
            except (ConnectionError, TimeoutError):
                pass
    assert _alive(server)
