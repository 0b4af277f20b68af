"""What an idle session costs: the memory of all server processes before and after many sessions came."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.endpoints import Endpoint
from benchmarks.figures import Figure, Target
from benchmarks.processes import total_pss_kb
from benchmarks.server import DuckgresServer
from benchmarks.stage import Server, Stage

PART = "memory"
TLS_SESSIONS = 1_000
PLAIN_SESSIONS = 5_000
POSTGRES_SESSIONS = 100
QUICK_DIVISOR = 5
SPARE_DESCRIPTORS = 200
SETTLE_S = 2.0
TARGET = Target(100, at_least=False, absolute=True)


def raise_descriptor_limit(wanted: int) -> int:
    """Let this process (and the servers that it starts) have more descriptors; what is allowed afterwards."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(soft, allowed)


def measure(stage: Stage) -> Iterator[Figure]:
    """KB per idle TLS session on both sides, and how many plain sessions are served at once."""
    divisor = QUICK_DIVISOR if stage.options.quick else 1
    sessions = PLAIN_SESSIONS // divisor
    allowed = raise_descriptor_limit(sessions + SPARE_DESCRIPTORS)
    if allowed < sessions + SPARE_DESCRIPTORS:
        sessions = allowed - SPARE_DESCRIPTORS
        print(f"the descriptor limit allows {sessions} sessions")
    with DuckgresServer(settings=settings_for(sessions + SPARE_DESCRIPTORS)) as ours:
        tls = TLS_SESSIONS // divisor
        our_kb = kb_per_session(ours, ours.endpoint().using(sslmode="require"), tls)
        their_kb = kb_per_session(stage.postgres, stage.postgres.endpoint().using(sslmode="require"), POSTGRES_SESSIONS)
        yield Figure(PART, f"an idle session, TLS (PSS; {tls} of ours, {POSTGRES_SESSIONS} of PostgreSQL's)", "KB", our_kb,
                     "PostgreSQL", their_kb, TARGET)  # fmt: skip
        plain_kb = kb_per_session(ours, ours.endpoint(), sessions)
        yield Figure(PART, f"an idle session, plain ({sessions} at once)", "KB", plain_kb)
        yield Figure(PART, "plain sessions served at once", "", sessions, target=Target(sessions, absolute=True))


def settings_for(sessions: int) -> dict[str, object]:
    """The configuration that lets one address open so many sessions."""
    return {"max_connections": sessions, "rate_limit": {"max_connections_per_ip": sessions}}


def kb_per_session(server: Server, endpoint: Endpoint, sessions: int) -> float:
    """KiB (PSS over all processes) that each of so many idle sessions adds.

    Every session has run a statement; one that stays open before and after keeps the database open.
    """
    with endpoint.connect() as first, ExitStack() as stack:
        first.execute("select 1")
        time.sleep(SETTLE_S)
        before = total_pss_kb(server.process_ids())
        for _ in range(sessions):
            connection = stack.enter_context(endpoint.connect())
            connection.execute("select 1")
        time.sleep(SETTLE_S)
        after = total_pss_kb(server.process_ids())
        for connection in (first,):
            connection.execute("select 1")
    return (after - before) / sessions
