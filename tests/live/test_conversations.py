"""The conversations of tests/conversations, held with this server and with a real PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import conversation
import pytest
import raw

CONVERSATIONS = sorted((Path(__file__).parent.parent / "conversations").glob("*.pt"))


def _hold(client: raw.RawClient, path: Path, deviations: bool) -> None:
    for exchange in conversation.read(path, deviations=deviations):
        answers = conversation.run(client, exchange)

        assert list(exchange.expected) == answers, f"{path.name}, line {exchange.line}"


@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
def test_this_server_answers_as_written(server, path):
    """Every message that PostgreSQL would send comes, in the same order, with the same codes and tags."""
    with raw.RawClient((server.host, server.port)) as client:
        client.login(server.user, server.password)

        _hold(client, path, deviations=True)


@pytest.mark.oracle
@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
def test_postgresql_answers_as_written(oracle, path):
    """What is written is what a real PostgreSQL says."""
    with raw.RawClient(f"{oracle.socket_directory}/.s.PGSQL.5432") as client:
        client.login("postgres")

        _hold(client, path, deviations=False)
