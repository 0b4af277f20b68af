"""Conversations with something wrong in them: no session meets a bug of ours, hangs, or leaves anything.

``FUZZ_SECONDS`` has it go on for so long instead of for the few that a run of all tests has time for.
"""

from __future__ import annotations

import os
import random
import time

import conversation
import pytest
import raw
from in_process import in_process
from twisted.logger import globalLogPublisher

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
FEW = 40
# What makes databases or waits by the clock isn't hurried by being broken.
LEFT_OUT = ("idle_", "statement_timeout", "names", "advisory_locks")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One host for all."""
    with in_process(str(tmp_path_factory.mktemp("fuzz"))) as world:
        yield world


@pytest.fixture
def bugs():
    """What was logged with a traceback."""
    found = []

    def look(event):
        if "log_failure" in event:
            found.append(event["log_failure"].getTraceback())

    globalLogPublisher.addObserver(look)
    yield found
    globalLogPublisher.removeObserver(look)


def spoilt(data, dice):
    """Some bytes other than they were, gone, twice, or new."""
    data = bytearray(data)
    for _ in range(dice.randrange(1, 5)):
        place = dice.randrange(len(data))
        length = dice.choice((1, 1, 2, 4, 30))
        match dice.randrange(5):
            case 0:
                data[place] = dice.randrange(256)
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = data[place : place + length]
            case 3:
                data[place:place] = dice.randbytes(length)
            case 4:
                data[place : place + length] = b"\0" * length
        if not data:
            return b""
    return bytes(data)


def _sent(dice):
    """The messages of a conversation, one of them spoilt; or their order."""
    paths = [path for path in conversation.ALL if not path.stem.startswith(LEFT_OUT)]
    messages = [
        conversation.encode(message)
        for exchange in conversation.read(dice.choice(paths), deviations=False)
        for message in exchange.sent
    ]
    if dice.randrange(3):
        place = dice.randrange(len(messages))
        messages[place] = spoilt(messages[place], dice)
    else:
        dice.shuffle(messages)
    return b"".join(messages)


def _hold(world, bugs, seed):
    dice = random.Random(seed)
    client = world.session()
    # A statement that has become endless ends too.
    client.send(raw.query("SET statement_timeout = '2s'"))
    client.until()
    transport = client.socket.transport
    data = _sent(dice)
    while data and not transport.ended:
        cut = dice.randrange(1, len(data) + 1)
        transport.arrive(data[:cut])
        data = data[cut:]
        world.reactor.turn()
    if not transport.ended:
        transport.arrive(raw.sync() + raw.terminate())
    for _ in range(3):
        world.reactor.turn(0.002)
    said = bytes(transport.unread)
    client.socket.close()

    def gone():
        world.reactor.advance(0.05)
        return not world.host.health().sessions

    world.reactor.until(gone, f"the end of the session of seed {seed}")
    assert b"CXX000" not in said, seed
    assert not bugs, f"{seed}: {bugs[0]}"


def test_spoilt_conversations_end(world, bugs):
    """In whatever errors, which are the client's."""
    began = time.monotonic()
    seed = 0 if not SECONDS else int(time.time())
    while time.monotonic() - began < SECONDS if SECONDS else seed < FEW:
        _hold(world, bugs, seed)
        seed += 1
    client = world.session()
    client.send(raw.query("SELECT 1"))
    assert client.until()[-1] == ("Z", b"I")
