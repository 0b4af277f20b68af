"""What may be said when."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from duckgres_tx.errors import LocalProtocolError, ProtocolViolation, Severity
from duckgres_tx.wire import backend, frontend, startup
from duckgres_tx.wire.state import _NODES, BUSY, DISCARDED, PACKETS, SENT, TAKEN_UP, Conversation, State

ROOT = Path(__file__).parent.parent.parent
TYPED = sorted(frontend.MESSAGE_CLASSES.values(), key=lambda each: each.__name__)
SAID = sorted({said for ways in SENT.values() for said in ways}, key=lambda each: each.__name__)
ALL_PACKETS = [
    startup.SSLRequest(),
    startup.GSSENCRequest(),
    startup.CancelRequest(1, b"1234"),
    startup.StartupMessage(3, 0, {}),
    startup.DirectTLS(),
]


def at(state):
    """A conversation that stands there."""
    conversation = Conversation()
    conversation._node = _NODES[state]
    return conversation


@pytest.mark.parametrize("message", TYPED)
@pytest.mark.parametrize("state", State)
def test_every_state_knows_what_to_do_with_every_message(state, message):
    """The whole product: taken up, discarded, our mistake, or the client's; nothing is left to chance."""
    conversation = at(state)

    if message in TAKEN_UP.get(state, {}):
        assert message not in DISCARDED.get(state, ())
        assert conversation.take_up(message.type_byte) is True
        assert TAKEN_UP[state][message] is conversation.state
    elif message in DISCARDED.get(state, ()):
        assert conversation.take_up(message.type_byte) is False
        assert state is conversation.state
    else:
        ours = state in BUSY | {State.STARTUP, State.CLOSED}
        with pytest.raises(LocalProtocolError if ours else ProtocolViolation) as caught:
            conversation.take_up(message.type_byte)
        assert state is conversation.state
        assert ours or caught.value.severity is Severity.FATAL


@pytest.mark.parametrize("message", SAID)
@pytest.mark.parametrize("state", State)
def test_every_state_knows_what_may_be_said(state, message):
    """The other half of the product: what the server says leads where the table says, or is our mistake."""
    conversation = at(state)

    if message in SENT.get(state, {}):
        conversation.sent(message)
        assert SENT[state][message] is conversation.state
    else:
        with pytest.raises(LocalProtocolError):
            conversation.sent(message)
        assert state is conversation.state


@pytest.mark.parametrize("packet", ALL_PACKETS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("state", State)
def test_packets_without_a_type_come_first_only(state, packet):
    """They are taken up before anything else, and nowhere else."""
    conversation = at(state)

    if state is State.STARTUP:
        conversation.take_up_packet(packet)
        assert PACKETS[type(packet)] is conversation.state
    else:
        with pytest.raises(LocalProtocolError):
            conversation.take_up_packet(packet)


@pytest.mark.parametrize("state", State)
def test_a_conversation_can_end_anywhere(state):
    """A lost connection or a FATAL error asks nobody; and then nothing is left to say."""
    conversation = at(state)
    conversation.close()

    assert State.CLOSED is conversation.state
    assert State.CLOSED not in {*TAKEN_UP, *DISCARDED, *SENT}


def test_every_state_can_be_reached_and_left():
    """No state stands in the table for nothing."""
    reached = {State.STARTUP, *PACKETS.values()}
    for ways in (*TAKEN_UP.values(), *SENT.values()):
        reached |= set(ways.values())

    assert set(State) == reached
    assert {State.CLOSED} == set(State) - {*TAKEN_UP, *SENT}


def test_a_busy_state_takes_nothing_up():
    """Busy and in the tables would be a contradiction."""
    assert not BUSY & {*TAKEN_UP, *DISCARDED}


def walk(conversation, *steps):
    """Take up (bytes) or say (classes) one after another; what was taken up is the answer."""
    answers = []
    for step in steps:
        if isinstance(step, bytes):
            answers.append(conversation.take_up(step))
        else:
            conversation.sent(step)
    return answers


def test_a_session_from_the_first_byte_to_the_last():
    """The usual way, without and with trouble."""
    conversation = Conversation()
    conversation.take_up_packet(startup.SSLRequest())
    conversation.take_up_packet(startup.StartupMessage(3, 0, {"user": "a"}))
    walk(conversation, b"p", b"p", backend.AuthenticationOk, backend.ReadyForQuery, b"Q", backend.ReadyForQuery)
    assert State.IDLE is conversation.state

    assert walk(conversation, b"P", b"B", backend.ErrorResponse, b"E", b"Q", b"H", b"S") == [
        True,
        True,
        False,
        False,
        False,
        True,
    ]
    walk(conversation, backend.ReadyForQuery, b"X")
    assert State.CLOSED is conversation.state


def test_copy_data_after_a_failed_copy_is_discarded():
    """A client that hasn't heard of the failure yet goes on sending; in a series up to its Sync."""
    simple = at(State.IDLE)
    assert walk(
        simple, b"Q", backend.CopyInResponse, b"d", backend.ErrorResponse, backend.ReadyForQuery, b"d", b"c"
    ) == [True, True, False, False]
    assert State.IDLE is simple.state

    extended = at(State.IDLE)
    assert walk(extended, b"E", backend.CopyInResponse, b"S", b"d", backend.ErrorResponse, b"d", b"c", b"S") == [
        True,
        False,
        True,
        False,
        False,
        True,
    ]
    assert State.SYNCING is extended.state


@pytest.mark.parametrize(
    ("state", "type_byte", "message"),
    [
        (State.AUTHENTICATING, b"Q", "expected password response, got message type 81"),
        (State.IDLE, b"p", "invalid frontend message type 112"),
        (State.AWAITING_SYNC, b"p", "invalid frontend message type 112"),
        (State.COPY_IN, b"Q", "unexpected message type 0x51 during COPY from stdin"),
        (State.COPY_IN_EXTENDED, b"P", "unexpected message type 0x50 during COPY from stdin"),
        (State.IDLE, b"?", "invalid frontend message type 63"),
        (State.SYNCING, b"?", "invalid frontend message type 63"),
    ],
)
def test_refusals_are_in_postgresqls_words(state, type_byte, message):
    """As a PostgreSQL server says it."""
    with pytest.raises(ProtocolViolation) as caught:
        at(state).take_up(type_byte)

    assert message == caught.value.message
    assert Severity.FATAL is caught.value.severity


def test_the_page_shows_the_table_as_it_is():
    """docs/protocol.md is drawn from the table; run tools/draw_states.py when this fails."""
    spec = importlib.util.spec_from_file_location("draw_states", ROOT / "tools" / "draw_states.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    page = tool.TARGET.read_text()

    assert tool.BEGIN + tool.draw() + tool.END in page
