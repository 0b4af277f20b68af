"""The conversation: which message may be taken up in which state, and where it leads.

Rule: everything that decides whether a message is legal lives here, in two tables.

Theory of operation
-------------------

A session takes frames up one at a time, in the order sent; while it works on one, the rest waits (a client may well
have pipelined it). So a frame is *taken up*, not merely received, when `Conversation.take_up` is asked about its
type byte, before its body is decoded: what is to be discarded isn't looked at. The answer is yes (do what it says),
no (discard it and go on), or an exception.

What the server sends moves the state too, where the client's next words depend on it: `Conversation.sent` is told of
those messages, by class. After an ErrorResponse in a series of extended messages everything up to the Sync is
discarded ("the backend issues ErrorResponse, then reads and discards messages until a Sync is reached"). A FATAL one
is followed by `close`.

Some states are *busy*: the client has no turn (SIMPLE_QUERY, SYNCING, STARTING, COPY_OUT). To take a frame up then is
our mistake, not the client's: `LocalProtocolError`. A pair that is in no table and isn't excused by that is the
client's fault: `ProtocolViolation`.

The transaction status (I, T, E) is another matter and not kept here.

Spec: protocol-flow.html
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from attrs import define, field

from duckgres_tx.errors import LocalProtocolError, ProtocolViolation, Severity
from duckgres_tx.wire import backend, startup
from duckgres_tx.wire.backend import BackendMessage
from duckgres_tx.wire.frontend import (
    MESSAGE_CLASSES,
    AuthenticationResponse,
    Bind,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    FrontendMessage,
    FunctionCall,
    Parse,
    Query,
    Sync,
    Terminate,
)

__all__ = ["BUSY", "DISCARDED", "PACKETS", "SENT", "TAKEN_UP", "Conversation", "State"]


class State(enum.Enum):
    """Where a conversation stands; the value says what that means."""

    STARTUP = "packets without a type byte are expected"
    AUTHENTICATING = "the client owes a password or the next SASL data"
    STARTING = "authenticated; the server tells its settings"
    IDLE = "the client's turn; after ReadyForQuery"
    SIMPLE_QUERY = "the server works on a Query or FunctionCall"
    EXTENDED = "within a series of extended messages"
    SYNCING = "the server ends a series"
    AWAITING_SYNC = "after an error in a series: all is discarded until Sync"
    COPY_IN = "the client sends COPY data that a Query asked for"
    COPY_IN_EXTENDED = "the client sends COPY data that an Execute asked for"
    COPY_OUT = "the server sends COPY data that a Query asked for"
    COPY_OUT_EXTENDED = "the server sends COPY data that an Execute asked for"
    CLOSED = "nothing more is said"


_SERIES = (Parse, Bind, Describe, Execute, Close, Flush)
_STRAY_COPY = frozenset({CopyData, CopyDone, CopyFail})

# The packets of the startup phase and where they lead.
PACKETS: Mapping[type[startup.StartupPacket], State] = {
    startup.SSLRequest: State.STARTUP,
    startup.GSSENCRequest: State.STARTUP,
    startup.DirectTLS: State.STARTUP,
    startup.CancelRequest: State.CLOSED,
    startup.StartupMessage: State.AUTHENTICATING,
}

# The messages that a session acts on, and where they lead.
TAKEN_UP: Mapping[State, Mapping[type[FrontendMessage], State]] = {
    State.AUTHENTICATING: {
        AuthenticationResponse: State.AUTHENTICATING,
        Terminate: State.CLOSED,
    },
    State.IDLE: {
        Query: State.SIMPLE_QUERY,
        FunctionCall: State.SIMPLE_QUERY,
        **dict.fromkeys(_SERIES, State.EXTENDED),
        Sync: State.SYNCING,
        Terminate: State.CLOSED,
    },
    State.EXTENDED: {
        **dict.fromkeys(_SERIES, State.EXTENDED),
        Sync: State.SYNCING,
        # Without a Sync before it a Query ends the series, as in PostgreSQL.
        Query: State.SIMPLE_QUERY,
        FunctionCall: State.SIMPLE_QUERY,
        Terminate: State.CLOSED,
    },
    State.AWAITING_SYNC: {
        Sync: State.SYNCING,
        Terminate: State.CLOSED,
    },
    State.COPY_IN: {
        CopyData: State.COPY_IN,
        CopyDone: State.SIMPLE_QUERY,
        CopyFail: State.SIMPLE_QUERY,
        Terminate: State.CLOSED,
    },
    State.COPY_IN_EXTENDED: {
        CopyData: State.COPY_IN_EXTENDED,
        CopyDone: State.EXTENDED,
        CopyFail: State.EXTENDED,
        Terminate: State.CLOSED,
    },
}

# The messages that are legal and have no effect; the state stays.
DISCARDED: Mapping[State, frozenset[type[FrontendMessage]]] = {
    # A client that has not yet heard that its COPY failed goes on sending.
    State.IDLE: _STRAY_COPY,
    State.EXTENDED: _STRAY_COPY,
    State.AWAITING_SYNC: _STRAY_COPY | {*_SERIES, Query, FunctionCall},
    # libpq sends them behind the Execute, before it knows that this is a COPY.
    State.COPY_IN: frozenset({Flush, Sync}),
    State.COPY_IN_EXTENDED: frozenset({Flush, Sync}),
}

# States in which the client has no turn.
BUSY = frozenset({State.STARTING, State.SIMPLE_QUERY, State.SYNCING, State.COPY_OUT, State.COPY_OUT_EXTENDED})

_IN_SERIES = frozenset({State.EXTENDED, State.COPY_IN_EXTENDED, State.COPY_OUT_EXTENDED})

# The server's messages that move the state. ErrorResponse to CLOSED: in these states only a FATAL one can be said.
SENT: Mapping[State, Mapping[type[BackendMessage], State]] = {
    State.STARTUP: {backend.ErrorResponse: State.CLOSED},
    State.AUTHENTICATING: {backend.AuthenticationOk: State.STARTING, backend.ErrorResponse: State.CLOSED},
    State.STARTING: {backend.ReadyForQuery: State.IDLE, backend.ErrorResponse: State.CLOSED},
    State.IDLE: {backend.ErrorResponse: State.CLOSED},
    State.SIMPLE_QUERY: {
        backend.ReadyForQuery: State.IDLE,
        backend.ErrorResponse: State.SIMPLE_QUERY,
        backend.CopyInResponse: State.COPY_IN,
        backend.CopyOutResponse: State.COPY_OUT,
    },
    State.EXTENDED: {
        backend.ErrorResponse: State.AWAITING_SYNC,
        backend.CopyInResponse: State.COPY_IN_EXTENDED,
        backend.CopyOutResponse: State.COPY_OUT_EXTENDED,
    },
    State.SYNCING: {backend.ReadyForQuery: State.IDLE, backend.ErrorResponse: State.SYNCING},
    State.COPY_IN: {backend.ErrorResponse: State.SIMPLE_QUERY},
    State.COPY_IN_EXTENDED: {backend.ErrorResponse: State.AWAITING_SYNC},
    State.COPY_OUT: {backend.CopyDone: State.SIMPLE_QUERY, backend.ErrorResponse: State.SIMPLE_QUERY},
    State.COPY_OUT_EXTENDED: {backend.CopyDone: State.EXTENDED, backend.ErrorResponse: State.AWAITING_SYNC},
}


@define(eq=False)
class _Node:
    """A state with its ways out, so that a step is one look-up by a byte string or a class."""

    state: State
    received: dict[bytes, tuple[_Node, bool]] = field(factory=dict, repr=False)
    sent: dict[type[BackendMessage], _Node] = field(factory=dict, repr=False)


def _link_nodes() -> dict[State, _Node]:
    nodes = {state: _Node(state) for state in State}
    for state, node in nodes.items():
        for taken, target in TAKEN_UP.get(state, {}).items():
            node.received[taken.type_byte] = (nodes[target], True)
        for discarded in DISCARDED.get(state, ()):
            node.received[discarded.type_byte] = (node, False)
        for said, target in SENT.get(state, {}).items():
            node.sent[said] = nodes[target]
    return nodes


_NODES = _link_nodes()
_CLOSED = _NODES[State.CLOSED]


class Conversation:
    """The state of one connection's conversation."""

    __slots__ = ("_node",)

    def __init__(self) -> None:
        self._node = _NODES[State.STARTUP]

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._node.state

    @property
    def in_series(self) -> bool:
        """Whether an error is answered alone, and what follows it is discarded until the Sync."""
        return self.state in _IN_SERIES

    def take_up_packet(self, packet: startup.StartupPacket) -> None:
        """A packet of the startup phase is about to be acted on.

        Raises:
            LocalProtocolError: Startup is over.
        """
        if self.state is not State.STARTUP:
            raise LocalProtocolError(f"{type(packet).__name__} taken up in state {self.state.name}")
        self._node = _NODES[PACKETS[type(packet)]]

    def take_up(self, type_byte: bytes) -> bool:
        """A frame of this type is next.

        Returns:
            Whether to act on it; False: discard it unread and go on.

        Raises:
            ProtocolViolation: 08P01, FATAL: it may not come now.
            LocalProtocolError: The client has no turn, so it shouldn't have been taken up.
        """
        step = self._node.received.get(type_byte)
        if step is None:
            raise _refusal(self.state, type_byte)
        self._node = step[0]
        return step[1]

    def sent(self, message_class: type[BackendMessage]) -> None:
        """A message that moves the state was sent.

        Raises:
            LocalProtocolError: It can't be said in this state, or doesn't move it in any.
        """
        node = self._node.sent.get(message_class)
        if node is None:
            raise LocalProtocolError(f"{message_class.__name__} sent in state {self.state.name}")
        self._node = node

    def resume(self) -> None:
        """It was begun elsewhere, and it is the client's turn.

        Raises:
            LocalProtocolError: Something was said here already.
        """
        if self.state is not State.STARTUP:
            raise LocalProtocolError(f"resumed in state {self.state.name}")
        self._node = _NODES[State.IDLE]

    def close(self) -> None:
        """Nothing more will be said: a FATAL error was sent, or the client is gone. May be called in any state."""
        self._node = _CLOSED


def _refusal(state: State, type_byte: bytes) -> ProtocolViolation | LocalProtocolError:
    code = type_byte[0]
    if type_byte in MESSAGE_CLASSES and (state in BUSY or state in {State.STARTUP, State.CLOSED}):
        name = MESSAGE_CLASSES[type_byte].__name__
        return LocalProtocolError(f"{name} taken up in state {state.name}")
    if state is State.AUTHENTICATING:
        message = f"expected password response, got message type {code}"
    elif state in {State.COPY_IN, State.COPY_IN_EXTENDED}:
        # PostgreSQL has lost its place in the stream here, so it is FATAL for it too.
        message = f"unexpected message type 0x{code:02X} during COPY from stdin"
    else:
        message = f"invalid frontend message type {code}"
    return ProtocolViolation(message, severity=Severity.FATAL)
