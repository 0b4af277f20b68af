"""A server's word about itself arrives as it was said, in other releases too."""

from __future__ import annotations

import pytest

from duckgres_tx.handover.status import EventStatus, RollStatus, ServerStatus, WorkerStatus, decode


def test_it_arrives_as_it_was_said():
    """Everything in it."""
    status = ServerStatus(
        pid=7,
        epoch=3,
        listeners=("127.0.0.1 port 5432",),
        workers=(WorkerStatus(slot=1, databases=("a", "b"), stale=("code",)), WorkerStatus(slot=2)),
        roll=RollStatus(reason="SIGUSR2", total=2),
        last_takeover=EventStatus(at=1.5, outcome="", detail="from 6"),
    )
    assert decode(status.encode()) == status


def test_other_releases_say_more_or_less():
    """What is missing has a default, what is unknown is ignored."""
    assert decode(b'{"pid": 7, "weather": "fine", "workers": [{"slot": 2, "mood": "good"}]}') == ServerStatus(
        pid=7, workers=(WorkerStatus(slot=2),)
    )


@pytest.mark.parametrize("document", [b"", b"[]", b'{"pid": "many"}', b'{"workers": 7}'])
def test_something_else_is_no_status(document):
    """And is told from one."""
    with pytest.raises(ValueError, match=r"not a server's status|Expecting value"):
        decode(document)
