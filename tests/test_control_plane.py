"""A configuration that has been read again holds in every part."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from duckgres_tx.admission import RateLimit
from duckgres_tx.config import Config
from duckgres_tx.control_plane import reconfigure
from duckgres_tx.pool.retirement import DrainPolicy


@pytest.mark.parametrize("has_workers", [True, False])
def test_every_part_is_told(has_workers):
    """Workers too, if there are any."""
    told = []
    config = Config(
        workers=3, max_connections=7, rate_limit=RateLimit(ban_duration=1.0), handshake_timeout=9.0,
        drain_timeout=50.0, drain_grace=2.0,
    )  # fmt: skip
    assignment = SimpleNamespace(owner_patience_s=0.0)
    server = SimpleNamespace(
        prepared=SimpleNamespace(config=config),
        admission=SimpleNamespace(limit=lambda *limits: told.append(limits)),
        front_door=SimpleNamespace(packet_deadline_s=60.0),
        switchboard=SimpleNamespace(assignment=assignment),
        workforce=SimpleNamespace(resize=told.append, drain_by=told.append) if has_workers else None,
    )
    reconfigure(server)
    assert told[0] == (7, RateLimit(ban_duration=1.0))
    assert server.front_door.packet_deadline_s == 9.0
    if has_workers:
        policy = DrainPolicy(timeout_s=50.0, grace_s=2.0)
        assert told[1:] == [3, policy]
        # who waits for a database whose owner drains has patience for as long as that may take
        assert assignment.owner_patience_s > policy.longest_s
