"""The messages that clients send after startup, and `decode`, which makes them from a frame.

Each class is one message, with PostgreSQL's names and field order, and can `encode` itself as a client would.
`decode` checks every count and length against what is there before it reads on. What is wrong inside a whole message
is a `ProtocolViolation` of severity ERROR: the conversation can go on, as in PostgreSQL.

Text is UTF-8; what isn't is refused as PostgreSQL does (22021).

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import ClassVar

from attrs import field, frozen

from duckgres_tx.errors import ProtocolViolation, Severity
from duckgres_tx.wire.fields import (
    checked,
    expect_end,
    formats,
    int16,
    int32,
    oids,
    read_formats,
    read_oids,
    read_string,
    read_value,
    read_values,
    string,
    uint32,
    value,
)

__all__ = [
    "MESSAGE_CLASSES",
    "AuthenticationResponse",
    "Bind",
    "Close",
    "CopyData",
    "CopyDone",
    "CopyFail",
    "Describe",
    "Execute",
    "Flush",
    "FrontendMessage",
    "FunctionCall",
    "Parse",
    "PasswordMessage",
    "Query",
    "SASLInitialResponse",
    "SASLResponse",
    "Sync",
    "Target",
    "Terminate",
    "decode",
]


class FrontendMessage:
    """A message from a client."""

    __slots__ = ()
    type_byte: ClassVar[bytes]

    def _body(self) -> bytes:
        """What follows the length; nothing unless the message says otherwise."""
        return b""

    def encode(self) -> bytes:
        """The whole message as it goes over the wire."""
        body = self._body()
        return self.type_byte + (len(body) + 4).to_bytes(4) + body


class Target(enum.Enum):
    """What Describe and Close are about; the value is the byte on the wire."""

    STATEMENT = b"S"
    PORTAL = b"P"


@frozen
class Query(FrontendMessage):
    """Query: run this text by the simple protocol.

    Wire: Byte1('Q') Int32(len) String(query)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-QUERY
    """

    type_byte = b"Q"
    query: str

    def _body(self) -> bytes:
        return string(self.query)


@frozen
class Parse(FrontendMessage):
    """Parse: make a prepared statement; the name "" is the unnamed one.

    Wire: Byte1('P') Int32(len) String(statement) String(query) Int16(n) n*Int32(parameter type OID, 0 = unspecified)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-PARSE
    """

    type_byte = b"P"
    statement: str
    query: str
    parameter_oids: tuple[int, ...] = ()

    def _body(self) -> bytes:
        return string(self.statement) + string(self.query) + oids(self.parameter_oids)


@frozen
class Bind(FrontendMessage):
    """Bind: make a portal from a prepared statement.

    Wire: Byte1('B') Int32(len) String(portal) String(statement)
          Int16(n) n*Int16(format) Int16(m) m*(Int32(len, -1 = NULL) Byten) Int16(k) k*Int16(format)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND

    Attributes:
        parameter_formats: 0 text, 1 binary; none: all text; one: it holds for all; else one for each parameter.
        parameters: None is NULL.
        result_formats: As parameter_formats; whether there are as many as columns only the session can tell.
    """

    type_byte = b"B"
    portal: str
    statement: str
    parameter_formats: tuple[int, ...] = ()
    parameters: list[bytes | None] = field(factory=list)
    result_formats: tuple[int, ...] = ()

    def _body(self) -> bytes:
        parts = [string(self.portal), string(self.statement), formats(self.parameter_formats)]
        parts.append(len(self.parameters).to_bytes(2))
        parts += [value(parameter) for parameter in self.parameters]
        parts.append(formats(self.result_formats))
        return b"".join(parts)


@frozen
class Describe(FrontendMessage):
    """Describe: tell the parameters and columns of a statement, or the columns of a portal.

    Wire: Byte1('D') Int32(len) Byte1('S' or 'P') String(name)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-DESCRIBE
    """

    type_byte = b"D"
    target: Target
    name: str = ""

    def _body(self) -> bytes:
        return self.target.value + string(self.name)


@frozen
class Execute(FrontendMessage):
    """Execute: run a portal, or go on with it.

    Wire: Byte1('E') Int32(len) String(portal) Int32(max_rows)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-EXECUTE

    Attributes:
        max_rows: After as many rows the portal is suspended; 0 or less: no limit.
    """

    type_byte = b"E"
    portal: str = ""
    max_rows: int = 0

    def _body(self) -> bytes:
        return string(self.portal) + self.max_rows.to_bytes(4, signed=True)


@frozen
class Close(FrontendMessage):
    """Close: forget a statement or a portal. It is no error if there is none.

    Wire: Byte1('C') Int32(len) Byte1('S' or 'P') String(name)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CLOSE
    """

    type_byte = b"C"
    target: Target
    name: str = ""

    def _body(self) -> bytes:
        return self.target.value + string(self.name)


@frozen
class Sync(FrontendMessage):
    """Sync: the end of a series of extended messages; answered by ReadyForQuery.

    Wire: Byte1('S') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SYNC
    """

    type_byte = b"S"


@frozen
class Flush(FrontendMessage):
    """Flush: send what is ready; has no answer of its own.

    Wire: Byte1('H') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-FLUSH
    """

    type_byte = b"H"


@frozen
class Terminate(FrontendMessage):
    """Terminate: good-bye.

    Wire: Byte1('X') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-TERMINATE
    """

    type_byte = b"X"


@frozen
class CopyData(FrontendMessage):
    """CopyData: a piece of COPY's stream; where it is cut has no meaning.

    Wire: Byte1('d') Int32(len) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYDATA
    """

    type_byte = b"d"
    data: bytes

    def _body(self) -> bytes:
        return self.data


@frozen
class CopyDone(FrontendMessage):
    """CopyDone: the end of COPY's stream.

    Wire: Byte1('c') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYDONE
    """

    type_byte = b"c"


@frozen
class CopyFail(FrontendMessage):
    """CopyFail: the client gives COPY up.

    Wire: Byte1('f') Int32(len) String(message)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYFAIL
    """

    type_byte = b"f"
    message: str

    def _body(self) -> bytes:
        return string(self.message)


@frozen
class FunctionCall(FrontendMessage):
    """FunctionCall: call a function by its OID, as PQfn does.

    Wire: Byte1('F') Int32(len) Int32(function OID) Int16(n) n*Int16(format)
          Int16(m) m*(Int32(len, -1 = NULL) Byten) Int16(result format)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-FUNCTIONCALL
    """

    type_byte = b"F"
    function_oid: int
    argument_formats: tuple[int, ...]
    arguments: list[bytes | None]
    result_format: int

    def _body(self) -> bytes:
        parts = [self.function_oid.to_bytes(4), formats(self.argument_formats), len(self.arguments).to_bytes(2)]
        parts += [value(argument) for argument in self.arguments]
        parts.append(self.result_format.to_bytes(2, signed=True))
        return b"".join(parts)


@frozen
class PasswordMessage(FrontendMessage):
    """PasswordMessage: the answer to AuthenticationCleartextPassword.

    Wire: Byte1('p') Int32(len) String(password)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-PASSWORDMESSAGE
    """

    type_byte = b"p"
    password: str = field(repr=False)

    def _body(self) -> bytes:
        return string(self.password)


@frozen
class SASLInitialResponse(FrontendMessage):
    """SASLInitialResponse: the mechanism chosen from AuthenticationSASL, and its first data.

    Wire: Byte1('p') Int32(len) String(mechanism) Int32(len, -1 = none) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SASLINITIALRESPONSE
    """

    type_byte = b"p"
    mechanism: str
    data: bytes | None = field(repr=False)

    def _body(self) -> bytes:
        return string(self.mechanism) + value(self.data)


@frozen
class SASLResponse(FrontendMessage):
    """SASLResponse: the next data of the mechanism.

    Wire: Byte1('p') Int32(len) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SASLRESPONSE
    """

    type_byte = b"p"
    data: bytes = field(repr=False)

    def _body(self) -> bytes:
        return self.data


@frozen
class AuthenticationResponse(FrontendMessage):
    """A frame of type p: which of three messages it is only the state of authentication can tell.

    "The exact message type can be deduced from the context" (the spec, of each of the three).
    """

    type_byte = b"p"
    data: bytes = field(repr=False)

    def _body(self) -> bytes:
        return self.data

    def as_password(self) -> PasswordMessage:
        """Read it as a PasswordMessage.

        Raises:
            ProtocolViolation: 08P01.
        """
        return checked(_decode_password, self.data)

    def as_sasl_initial_response(self) -> SASLInitialResponse:
        """Read it as a SASLInitialResponse.

        Raises:
            ProtocolViolation: 08P01.
        """
        return checked(_decode_sasl_initial_response, self.data)

    def as_sasl_response(self) -> SASLResponse:
        """Read it as a SASLResponse, which is anything."""
        return SASLResponse(self.data)


_TARGETS = {target.value: target for target in Target}

# What nearly every client sends in every series is one object.
_UNNAMED_PORTAL_BODY = b"P\0"
_DESCRIBE_UNNAMED_PORTAL = Describe(Target.PORTAL)
_EXECUTE_UNNAMED_BODY = b"\0\0\0\0\0"
_EXECUTE_UNNAMED = Execute()


def _decode_query(body: bytes) -> Query:
    query, position = read_string(body, 0)
    expect_end(body, position)
    return Query(query)


def _decode_parse(body: bytes) -> Parse:
    # One split is the quickest way to both strings.
    try:
        statement, query, rest = body.split(b"\0", 2)
    except ValueError:
        raise ProtocolViolation("invalid string in message") from None
    parameter_oids, position = ((), 2) if rest == b"\0\0" else read_oids(rest, 0)
    expect_end(rest, position)
    return Parse(statement.decode(), query.decode(), parameter_oids)


def _decode_bind(body: bytes) -> Bind:
    # One split is the quickest way to both strings, also if it copies the values once more.
    try:
        portal, statement, rest = body.split(b"\0", 2)
    except ValueError:
        raise ProtocolViolation("invalid string in message") from None
    parameter_formats, position = read_formats(rest, 0)
    parameters, position = read_values(rest, position)
    if len(parameter_formats) > 1 and len(parameter_formats) != len(parameters):
        raise ProtocolViolation(
            f"bind message has {len(parameter_formats)} parameter formats but {len(parameters)} parameters"
        )
    result_formats, position = read_formats(rest, position)
    expect_end(rest, position)
    return Bind(portal.decode(), statement.decode(), parameter_formats, parameters, result_formats)


def _decode_target(body: bytes, verb: str) -> tuple[Target, str]:
    if not body:
        raise ProtocolViolation("no data left in message")
    target = _TARGETS.get(body[:1])
    if target is None:
        raise ProtocolViolation(f"invalid {verb} message subtype {body[0]}")
    name, position = read_string(body, 1)
    expect_end(body, position)
    return target, name


def _decode_describe(body: bytes) -> Describe:
    if body == _UNNAMED_PORTAL_BODY:
        return _DESCRIBE_UNNAMED_PORTAL
    return Describe(*_decode_target(body, "DESCRIBE"))


def _decode_close(body: bytes) -> Close:
    return Close(*_decode_target(body, "CLOSE"))


def _decode_execute(body: bytes) -> Execute:
    if body == _EXECUTE_UNNAMED_BODY:
        return _EXECUTE_UNNAMED
    portal, position = read_string(body, 0)
    max_rows = int32(body, position)[0]
    expect_end(body, position + 4)
    return Execute(portal, max_rows)


def _decode_copy_fail(body: bytes) -> CopyFail:
    message, position = read_string(body, 0)
    expect_end(body, position)
    return CopyFail(message)


def _decode_function_call(body: bytes) -> FunctionCall:
    function_oid = uint32(body, 0)[0]
    formats, position = read_formats(body, 4)
    arguments, position = read_values(body, position)
    if len(formats) > 1 and len(formats) != len(arguments):
        raise ProtocolViolation(
            f"function call message contains {len(formats)} argument formats but {len(arguments)} arguments"
        )
    result_format = int16(body, position)[0]
    expect_end(body, position + 2)
    return FunctionCall(function_oid, formats, arguments, result_format)


def _decode_password(body: bytes) -> PasswordMessage:
    if not body or body.find(b"\0") != len(body) - 1:
        raise ProtocolViolation("invalid password packet size", severity=Severity.FATAL)
    return PasswordMessage(body[:-1].decode())


def _decode_sasl_initial_response(body: bytes) -> SASLInitialResponse:
    mechanism, position = read_string(body, 0)
    data, position = read_value(body, position)
    expect_end(body, position)
    return SASLInitialResponse(mechanism, data)


def _without_fields(message: FrontendMessage, *, body_checked: bool = True) -> Callable[[bytes], FrontendMessage]:
    # They have no fields, so one object of each will do.
    def decode_empty(body: bytes) -> FrontendMessage:
        if body_checked:
            expect_end(body, 0)
        return message

    return decode_empty


# PostgreSQL doesn't look at the bodies of CopyDone and Terminate either.
_DECODERS: dict[bytes, Callable[[bytes], FrontendMessage]] = {
    b"B": _decode_bind,
    b"C": _decode_close,
    b"D": _decode_describe,
    b"E": _decode_execute,
    b"F": _decode_function_call,
    b"H": _without_fields(Flush()),
    b"P": _decode_parse,
    b"Q": _decode_query,
    b"S": _without_fields(Sync()),
    b"X": _without_fields(Terminate(), body_checked=False),
    b"c": _without_fields(CopyDone(), body_checked=False),
    b"d": CopyData,
    b"f": _decode_copy_fail,
    b"p": AuthenticationResponse,
}

MESSAGE_CLASSES: dict[bytes, type[FrontendMessage]] = {
    message_class.type_byte: message_class
    for message_class in (
        *(Bind, Close, Describe, Execute, FunctionCall, Flush, Parse, Query, Sync, Terminate),
        *(CopyDone, CopyData, CopyFail, AuthenticationResponse),
    )
}


def decode(type_byte: bytes, body: bytes) -> FrontendMessage:
    """The message in a frame.

    Args:
        type_byte: As `FrameReader` gives it.
        body: What follows the length word.

    Raises:
        ProtocolViolation: 08P01; FATAL for an unknown type, ERROR for a body that doesn't fit its type.
        PgError: 22021 for text that isn't UTF-8, 22023 for a format code other than 0 and 1.
    """
    decoder = _DECODERS.get(type_byte)
    if decoder is None:
        raise ProtocolViolation(f"invalid frontend message type {type_byte[0]}", severity=Severity.FATAL)
    return checked(decoder, body)
