"""The storm's clients, as far as they need no server: frames, SCRAM, the ledger, the command line."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from scramp import ScramMechanism

from storm import __main__, frames, scram
from storm.client import SessionEndedError, StatementFailedError
from storm.journal import Journal, read
from storm.ledger import Ledger


@pytest.mark.parametrize("size", [1, 2, 5, 7, 1000])
def test_frames_in_pieces_of_any_size(size: int) -> None:
    """Every message comes out once and whole."""
    stream = frames.frame(b"D", b"abc") + frames.frame(b"Z", b"I") + frames.frame(b"1") + frames.frame(b"D", b"x" * 500)
    reader = frames.FrameReader()

    found = [message for start in range(0, len(stream), size) for message in reader.feed(stream[start : start + size])]

    assert found == [(b"D", b"abc"), (b"Z", b"I"), (b"1", b""), (b"D", b"x" * 500)]


def test_a_length_that_no_message_has() -> None:
    """Then this isn't the protocol."""
    with pytest.raises(frames.BrokenStreamError):
        list(frames.FrameReader().feed(b"D\0\0\0\3"))


def test_values_of_a_row() -> None:
    """NULL is None."""
    assert frames.values(b"\0\3\0\0\0\2ab\xff\xff\xff\xff\0\0\0\0") == ["ab", None, ""]


def test_scram_with_the_server_s_side() -> None:
    """The real other side lets us in, and is believed."""
    mechanism = ScramMechanism("SCRAM-SHA-256")
    info = mechanism.make_auth_info("secret")
    server = mechanism.make_server(lambda user: info)
    exchange = scram.Exchange(scram.Keys("secret"))

    server.set_client_first(exchange.first().decode())
    server.set_client_final(exchange.final(server.get_server_first().encode()).decode())
    final = server.get_server_final().encode()

    exchange.check(final)
    with pytest.raises(scram.NotTheServerError):
        exchange.check(b"v=" + base64.b64encode(b"x" * 32))


def test_scram_refuses_a_nonce_that_is_not_ours() -> None:
    """Somebody replays."""
    with pytest.raises(scram.NotTheServerError):
        scram.Exchange(scram.Keys("secret")).final(b"r=other,s=AAAA,i=4096")


def test_the_journal_is_read_back_up_to_a_torn_line(tmp_path: Path) -> None:
    """What a killed process has written still counts."""
    file = io.StringIO()
    journal = Journal(file)
    journal.connected("connects", 1.0, tls=True, full=True)
    journal.ended("holder", SessionEndedError("57P01", "bye", status="I"), "idle", may_end=True)
    journal.failed("writer", StatementFailedError("42601", "no"), "insert")
    path = tmp_path / "journal"
    path.write_text(file.getvalue() + '{"at": 5', encoding="utf-8")

    events = list(read(path))

    assert [event["kind"] for event in events] == ["connect", "ended", "failed"]
    assert (events[1]["how"], events[1]["status"]) == ("57P01", "I")


def test_the_ledger() -> None:
    """What was acknowledged must be there once, what is in doubt may be, and nothing else."""
    rows = [("committed", 1, 1), ("committed", 1, 2), ("doubtful", 2, 1), ("doubtful", 2, 2), ("undone", 3, 1)]
    ledger = Ledger.of({"kind": kind, "database": "d", "writer": who, "number": number} for kind, who, number in rows)

    assert ledger.acknowledged == 2
    assert ledger.differences({"d": [(1, 1), (1, 2), (2, 1)]}) == []
    assert ledger.differences({"d": [(1, 1), (1, 1), (3, 1)]}) == [
        "ledger of d: 1 acknowledged commits are lost, such as writer 1 number 2",
        "ledger of d: 1 rows are there that were not committed, such as writer 3 number 1",
        "ledger of d: 1 rows are there twice, such as writer 1 number 1",
    ]


def test_the_command_line() -> None:
    """Every option has its default."""
    assert __main__.parse([]).duration_s == 600
    assert __main__.parse(["--latency-budget", "50", "--connects", "10"]).latency_budget_s == 0.05
    with pytest.raises(SystemExit):
        __main__.parse(["--duration", "0"])
