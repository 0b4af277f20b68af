"""The raw client over a socket pair, with the far end written by hand."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from benchmarks import raw_client
from benchmarks.raw_client import RawClient, extended_query, simple_query
from benchmarks.raw_login import ServerRefusedError


def message(kind: bytes, body: bytes) -> bytes:
    """One typed message."""
    return kind + struct.pack("!I", len(body) + 4) + body


READY = message(b"Z", b"I")
ROW = message(b"D", b"\0\1\0\0\0\1x")
ERROR = message(b"E", b"SERROR\0VERROR\0C42P01\0Mrelation does not exist\0\0") + READY


@pytest.fixture
def pair() -> Iterator[tuple[RawClient, socket.socket]]:
    """A client and the socket that plays its server."""
    near, far = socket.socketpair()
    with near, far:
        yield RawClient(near), far


def test_a_result_is_drained_to_its_end(pair: tuple[RawClient, socket.socket]) -> None:
    """The tag, all bytes, and the rows by the tag."""
    client, far = pair
    answer = ROW * 3 + message(b"C", b"SELECT 3\0") + READY
    far.sendall(answer)
    drained = client.drain(simple_query("select 1"))

    assert (drained.tag, drained.rows, drained.size) == ("SELECT 3", 3, len(answer))
    assert far.recv(100) == b"Q\0\0\0\x0dselect 1\0"


def test_the_counted_drain_sees_every_row(pair: tuple[RawClient, socket.socket]) -> None:
    """Each DataRow is counted by its frame."""
    client, far = pair
    far.sendall(ROW * 3 + message(b"C", b"SELECT 3\0") + READY)
    drained, frames = client.drain_counted(simple_query("select 1"))

    assert frames.types[ord("D")] == drained.rows == 3


@pytest.mark.parametrize("method", ["drain", "drain_counted"])
def test_an_error_is_raised_in_the_servers_words(
    pair: tuple[RawClient, socket.socket], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A benchmark must not take an error for a fast result."""
    monkeypatch.setattr(raw_client, "LOOKALIKE_WAIT_S", 0.01)
    client, far = pair
    far.sendall(ERROR)

    with pytest.raises(ServerRefusedError, match="ERROR 42P01: relation does not exist"):
        getattr(client, method)(simple_query("select 1"))


def test_a_hang_up_is_no_result(pair: tuple[RawClient, socket.socket]) -> None:
    """A server that dies in the middle of a result is told."""
    client, far = pair
    far.sendall(ROW)
    far.shutdown(socket.SHUT_WR)

    with pytest.raises(ConnectionError, match="after 12 bytes"):
        client.drain(simple_query("select 1"))


def test_copy_in_sends_frames_and_reads_the_tag(pair: tuple[RawClient, socket.socket]) -> None:
    """Blocks become CopyData of 64 KiB at most, closed by CopyDone."""
    client, far = pair
    far.sendall(message(b"G", b"\0\0\0") + message(b"C", b"COPY 2\0") + READY)
    block = memoryview(b"a" * (raw_client.COPY_DATA_BYTES + 1))
    assert client.copy_in("copy t from stdin", [block]).rows == 2
    far.setblocking(False)
    sent = far.recv(200_000)
    while len(sent) < 22 + len(block) + 10 + 5:
        sent += far.recv(200_000)

    assert sent == (
        message(b"Q", b"copy t from stdin\0")
        + message(b"d", bytes(block[:-1]))
        + message(b"d", b"a")
        + message(b"c", b"")
    )


def test_the_extended_query_asks_for_one_format(pair: tuple[RawClient, socket.socket]) -> None:
    """Bind asks for all columns in binary with a single code."""
    sent = extended_query("select 1", "binary")

    assert message(b"B", b"\0\0" + struct.pack("!HHHH", 0, 0, 1, 1)) in sent
    assert sent.endswith(message(b"S", b""))
