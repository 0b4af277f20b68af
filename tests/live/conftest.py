"""Servers for the live tests: one with two workers for all that don't care, one with the TPC-H extension."""

from __future__ import annotations

import pytest
import servers

# tests log in with wrong passwords from one address, and open many sessions from it
UNLIMITED = {"DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS": "0", "DUCKGRES_RATE_LIMIT_MAX_CONNECTIONS_PER_IP": "0"}


@pytest.fixture(scope="session")
def server():
    """A server with two workers."""
    with servers.running_server("--workers=2", env=UNLIMITED) as running:
        yield running


@pytest.fixture(scope="session")
def tpch_server():
    """A server with four workers and the extension ``tpch``."""
    with servers.running_server("--workers=4", env={**UNLIMITED, "DUCKGRES_EXTENSIONS": "tpch"}) as running:
        yield running


@pytest.fixture(scope="session")
def impatient_server():
    """A server with two workers that gives a client three seconds to log in."""
    with servers.running_server("--workers=2", env={**UNLIMITED, "DUCKGRES_HANDSHAKE_TIMEOUT": "3"}) as running:
        yield running
