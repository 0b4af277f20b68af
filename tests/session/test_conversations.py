"""The conversations of tests/conversations, held with a host in this process: no sockets, no other processes."""

from __future__ import annotations

import conversation
import pytest
from in_process import in_process


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One host for all."""
    with in_process(str(tmp_path_factory.mktemp("conversations"))) as world:
        world.reactor.follows_real_time = True
        yield world


@pytest.mark.parametrize("path", conversation.ALL, ids=lambda path: path.stem)
def test_a_session_answers_as_written(world, path):
    """Every message that PostgreSQL would send comes, in the same order, with the same codes and tags; nothing of it is left."""
    client = world.session()

    conversation.hold(client, path, deviations=True)

    client.socket.close()
    world.reactor.until(lambda: not world.host.health().sessions, "the end of the session")


def test_differences_are_of_conversations_that_there_are():
    """Each of them, and each is one."""
    written = {
        (path.stem, exchange.sent): exchange.expected
        for path in conversation.ALL
        for exchange in conversation.read(path, deviations=False)
    }
    for (name, sent, _), answers in conversation.differences().items():
        assert (name, sent) in written, (name, sent)
        assert answers != written[name, sent]


def test_each_difference_has_its_reason():
    """In the comment above it."""
    reason = ""
    for line in conversation.DIFFERENCES.read_text().splitlines()[2:]:
        if line.startswith("#"):
            reason = line
        elif not line:
            reason = ""
        assert reason or not line.startswith("@"), line
