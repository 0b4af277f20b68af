"""What one control plane tells the next."""

from __future__ import annotations

import pytest

from duckgres_tx.admission import Grudge
from duckgres_tx.handover.document import Counters, Handover


def test_it_arrives_as_it_was_written():
    """Everything in it."""
    told = Handover(
        pid=7,
        grudges=(Grudge("10.0.0.1", (1.5, 0.5), 30.0), Grudge("::1")),
        counters=Counters(accepted=12, takeovers=3),
        legacy={"generation": 2, "drains": {"worker-1-abc.sock": 4.5}},
    )
    assert Handover.decode(told.encode()) == told


def test_other_releases_tell_more_or_less():
    """What is missing has a default, what is unknown is left out."""
    assert Handover.decode(b'{"pid": 7, "weather": "fine"}') == Handover(pid=7)
    assert Handover.decode(b"{}") == Handover()


@pytest.mark.parametrize("document", [b"", b"[]", b'{"pid": "many"}', b'{"grudges": 7}'])
def test_something_else_is_told(document):
    """A takeover that would forget bans is none."""
    with pytest.raises(ValueError, match=r"not a handover|Expecting value"):
        Handover.decode(document)
