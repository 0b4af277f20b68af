"""What a worker has reaches another process as it is, also one of another release."""

from __future__ import annotations

import json

import pytest

from duckgres_tx.pool.inventory import Inventory, InventorySession

INVENTORY = Inventory(
    pid=4711,
    slot=3,
    generation=2,
    epoch=5,
    release="0123456789abcdef",
    draining=True,
    sessions=(
        InventorySession(backend_pid=3 << 20 | 1, remote_host="10.0.0.1", user="me", database="sälä"),
        InventorySession(backend_pid=3 << 20 | 2, admitted=False),
    ),
    databases=("sälä", "other"),
)


def test_it_comes_back_as_it_was():
    """Names that are not ASCII among them."""
    assert Inventory.from_json(INVENTORY.to_json()) == INVENTORY


def test_a_newer_workers_inventory_can_be_read():
    """What isn't known is left out."""
    document = json.loads(INVENTORY.to_json())
    document["colour"] = "red"
    document["sessions"][0]["shape"] = "round"

    assert Inventory.from_json(json.dumps(document).encode()) == INVENTORY


def test_an_older_workers_inventory_can_be_read():
    """What it doesn't say has a default."""
    document = {"pid": 1, "slot": 2, "generation": 0, "epoch": 1, "release": "", "sessions": [{"backend_pid": 7}]}
    inventory = Inventory.from_json(json.dumps(document).encode())

    assert inventory.sessions == (InventorySession(backend_pid=7),)
    assert inventory.databases == ()


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"pid": 1}', b'{"pid": "x", "slot": 1}', b"\xff"])
def test_anything_else_is_no_inventory(document):
    """One kind of error, whatever is wrong."""
    with pytest.raises(ValueError, match=r"."):
        Inventory.from_json(document)
