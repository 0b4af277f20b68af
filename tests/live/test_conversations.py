"""The conversations of tests/conversations with a real PostgreSQL, and some with this server as it is started.

All of them are held with this server in `session/test_conversations.py`.
"""

from __future__ import annotations

import conversation
import pytest
import raw

# One of each way through the server.
SOME = ("copy_in", "copy_out", "cursors", "extended_query", "portals", "simple_query")


@pytest.mark.parametrize("name", SOME)
def test_this_server_answers_as_written(server, name):
    """With sockets and processes between, as without them."""
    with raw.RawClient((server.host, server.port)) as client:
        client.login(server.user, server.password)

        conversation.hold(client, conversation.DIRECTORY / f"{name}.pt", deviations=True)


@pytest.mark.oracle
@pytest.mark.parametrize("path", conversation.ALL, ids=lambda path: path.stem)
def test_postgresql_answers_as_written(oracle, path):
    """What is written is what a real PostgreSQL says."""
    with raw.RawClient(f"{oracle.socket_directory}/.s.PGSQL.5432") as client:
        client.login("postgres")

        conversation.hold(client, path, deviations=False)
