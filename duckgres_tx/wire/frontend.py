"""The messages that clients send after startup, and `decode`, which makes them from a frame.

Each class is one message, with PostgreSQL's names and field order, and can `encode` itself as a client would.
`decode` checks every count and length against what is there before it reads on. What is wrong inside a whole message
is a `ProtocolViolation` of severity ERROR: the conversation can go on, as in PostgreSQL.

Text is UTF-8; what isn't is refused as PostgreSQL does (22021).

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from typing import ClassVar, NoReturn

from attrs import field, frozen

from duckgres_tx.errors import LocalProtocolError, PgError, ProtocolViolation, Severity

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

_int16 = struct.Struct(">h").unpack_from
_uint16 = struct.Struct(">H").unpack_from
_int32 = struct.Struct(">i").unpack_from


class FrontendMessage:
    """A message from a client."""

    __slots__ = ()
    type_byte: ClassVar[bytes]

    def encode_body(self) -> bytes:
        """What follows the length; nothing unless the message says otherwise."""
        return b""

    def encode(self) -> bytes:
        """The whole message as it goes over the wire."""
        body = self.encode_body()
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

    def encode_body(self) -> bytes:
        """The text, ended by NUL."""
        return _string(self.query)


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

    def encode_body(self) -> bytes:
        """Two names and the OIDs."""
        oids = self.parameter_oids
        return _string(self.statement) + _string(self.query) + struct.pack(f">H{len(oids)}I", len(oids), *oids)


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

    def encode_body(self) -> bytes:
        """Two names, then formats, parameters, formats, each with its count."""
        parts = [_string(self.portal), _string(self.statement), _formats(self.parameter_formats)]
        parts.append(len(self.parameters).to_bytes(2))
        parts += [_value(parameter) for parameter in self.parameters]
        parts.append(_formats(self.result_formats))
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

    def encode_body(self) -> bytes:
        """S or P, and the name."""
        return self.target.value + _string(self.name)


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

    def encode_body(self) -> bytes:
        """The name and the number."""
        return _string(self.portal) + self.max_rows.to_bytes(4, signed=True)


@frozen
class Close(FrontendMessage):
    """Close: forget a statement or a portal. It is no error if there is none.

    Wire: Byte1('C') Int32(len) Byte1('S' or 'P') String(name)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CLOSE
    """

    type_byte = b"C"
    target: Target
    name: str = ""

    def encode_body(self) -> bytes:
        """S or P, and the name."""
        return self.target.value + _string(self.name)


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

    def encode_body(self) -> bytes:
        """The data."""
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

    def encode_body(self) -> bytes:
        """The reason."""
        return _string(self.message)


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

    def encode_body(self) -> bytes:
        """OID, formats, arguments, format."""
        parts = [self.function_oid.to_bytes(4), _formats(self.argument_formats), len(self.arguments).to_bytes(2)]
        parts += [_value(argument) for argument in self.arguments]
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

    def encode_body(self) -> bytes:
        """The password, ended by NUL."""
        return _string(self.password)


@frozen
class SASLInitialResponse(FrontendMessage):
    """SASLInitialResponse: the mechanism chosen from AuthenticationSASL, and its first data.

    Wire: Byte1('p') Int32(len) String(mechanism) Int32(len, -1 = none) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SASLINITIALRESPONSE
    """

    type_byte = b"p"
    mechanism: str
    data: bytes | None = field(repr=False)

    def encode_body(self) -> bytes:
        """The mechanism's name and its data."""
        return _string(self.mechanism) + _value(self.data)


@frozen
class SASLResponse(FrontendMessage):
    """SASLResponse: the next data of the mechanism.

    Wire: Byte1('p') Int32(len) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SASLRESPONSE
    """

    type_byte = b"p"
    data: bytes = field(repr=False)

    def encode_body(self) -> bytes:
        """The data."""
        return self.data


@frozen
class AuthenticationResponse(FrontendMessage):
    """A frame of type p: which of three messages it is only the state of authentication can tell.

    "The exact message type can be deduced from the context" (the spec, of each of the three).
    """

    type_byte = b"p"
    data: bytes = field(repr=False)

    def encode_body(self) -> bytes:
        """The frame's body as it came."""
        return self.data

    def as_password(self) -> PasswordMessage:
        """Read it as a PasswordMessage.

        Raises:
            ProtocolViolation: 08P01.
        """
        if self.data.find(b"\0") != len(self.data) - 1 or not self.data:
            raise ProtocolViolation("invalid password packet size", severity=Severity.FATAL)
        return PasswordMessage(_text(self.data[:-1]))

    def as_sasl_initial_response(self) -> SASLInitialResponse:
        """Read it as a SASLInitialResponse.

        Raises:
            ProtocolViolation: 08P01.
        """
        mechanism, position = _read_string(self.data, 0)
        value, position = _read_value(self.data, position)
        _expect_end(self.data, position)
        return SASLInitialResponse(mechanism, value)

    def as_sasl_response(self) -> SASLResponse:
        """Read it as a SASLResponse, which is anything."""
        return SASLResponse(self.data)


def _string(text: str) -> bytes:
    encoded = text.encode()
    if b"\0" in encoded:
        raise LocalProtocolError("a string with NUL in it can't be sent")
    return encoded + b"\0"


def _formats(formats: tuple[int, ...]) -> bytes:
    return struct.pack(f">H{len(formats)}h", len(formats), *formats)


def _value(value: bytes | None) -> bytes:
    return b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4) + value


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        shown = " ".join(f"0x{byte:02x}" for byte in data[error.start : max(error.end, error.start + 1)])
        raise PgError("22021", f'invalid byte sequence for encoding "UTF8": {shown}') from error


def _invalid() -> NoReturn:
    raise ProtocolViolation("invalid message format")


def _insufficient() -> NoReturn:
    raise ProtocolViolation("insufficient data left in message")


def _expect_end(body: bytes, position: int) -> None:
    if position != len(body):
        _invalid()


def _read_string(body: bytes, position: int) -> tuple[str, int]:
    end = body.find(0, position)
    if end < 0:
        raise ProtocolViolation("invalid string in message")
    return _text(body[position:end]), end + 1


def _read_int(reader: Callable[[bytes, int], tuple[int]], body: bytes, position: int) -> int:
    try:
        return reader(body, position)[0]
    except struct.error:
        _insufficient()


def _read_formats(body: bytes, position: int) -> tuple[tuple[int, ...], int]:
    count = _read_int(_uint16, body, position)
    position += 2
    end = position + 2 * count
    if end > len(body):
        _insufficient()
    formats: tuple[int, ...] = struct.unpack_from(f">{count}h", body, position)
    for code in formats:
        if code not in {0, 1}:
            raise PgError("22023", f"unsupported format code: {code}")
    return formats, end


def _read_value(body: bytes, position: int) -> tuple[bytes | None, int]:
    length = _read_int(_int32, body, position)
    position += 4
    if length == -1:
        return None, position
    end = position + length
    if length < 0 or end > len(body):
        _insufficient()
    return body[position:end], end


def _read_values(body: bytes, position: int) -> tuple[list[bytes | None], int]:
    count = _read_int(_uint16, body, position)
    position += 2
    # Each takes four bytes at least, so the count is bounded by what is there before anything is made.
    if position + 4 * count > len(body):
        _insufficient()
    values = []
    for _ in range(count):
        value, position = _read_value(body, position)
        values.append(value)
    return values, position


def _decode_query(body: bytes) -> Query:
    query, position = _read_string(body, 0)
    _expect_end(body, position)
    return Query(query)


def _decode_parse(body: bytes) -> Parse:
    statement, position = _read_string(body, 0)
    query, position = _read_string(body, position)
    count = _read_int(_uint16, body, position)
    position += 2
    end = position + 4 * count
    if end != len(body):
        _insufficient() if end > len(body) else _invalid()
    return Parse(statement, query, struct.unpack_from(f">{count}I", body, position))


def _decode_bind(body: bytes) -> Bind:
    portal, position = _read_string(body, 0)
    statement, position = _read_string(body, position)
    parameter_formats, position = _read_formats(body, position)
    parameters, position = _read_values(body, position)
    if len(parameter_formats) > 1 and len(parameter_formats) != len(parameters):
        raise ProtocolViolation(
            f"bind message has {len(parameter_formats)} parameter formats but {len(parameters)} parameters"
        )
    result_formats, position = _read_formats(body, position)
    _expect_end(body, position)
    return Bind(portal, statement, parameter_formats, parameters, result_formats)


def _decode_target(body: bytes, verb: str) -> tuple[Target, str]:
    if not body:
        raise ProtocolViolation("no data left in message")
    name, position = _read_string(body, 1)
    _expect_end(body, position)
    try:
        return Target(body[:1]), name
    except ValueError:
        raise ProtocolViolation(f"invalid {verb} message subtype {body[0]}") from None


def _decode_describe(body: bytes) -> Describe:
    return Describe(*_decode_target(body, "DESCRIBE"))


def _decode_close(body: bytes) -> Close:
    return Close(*_decode_target(body, "CLOSE"))


def _decode_execute(body: bytes) -> Execute:
    portal, position = _read_string(body, 0)
    max_rows = _read_int(_int32, body, position)
    _expect_end(body, position + 4)
    return Execute(portal, max_rows)


def _decode_copy_fail(body: bytes) -> CopyFail:
    message, position = _read_string(body, 0)
    _expect_end(body, position)
    return CopyFail(message)


def _decode_function_call(body: bytes) -> FunctionCall:
    function_oid = _read_int(_int32, body, 0) & 0xFFFFFFFF
    formats, position = _read_formats(body, 4)
    arguments, position = _read_values(body, position)
    if len(formats) > 1 and len(formats) != len(arguments):
        raise ProtocolViolation(
            f"function call message contains {len(formats)} argument formats but {len(arguments)} arguments"
        )
    result_format = _read_int(_int16, body, position)
    _expect_end(body, position + 2)
    return FunctionCall(function_oid, formats, arguments, result_format)


def _without_body(message: FrontendMessage) -> Callable[[bytes], FrontendMessage]:
    # They have no fields, so one object of each will do.
    def decode_empty(body: bytes) -> FrontendMessage:
        if body:
            _invalid()
        return message

    return decode_empty


_DECODERS: dict[bytes, Callable[[bytes], FrontendMessage]] = {
    b"B": _decode_bind,
    b"C": _decode_close,
    b"D": _decode_describe,
    b"E": _decode_execute,
    b"F": _decode_function_call,
    b"H": _without_body(Flush()),
    b"P": _decode_parse,
    b"Q": _decode_query,
    b"S": _without_body(Sync()),
    b"X": _without_body(Terminate()),
    b"c": _without_body(CopyDone()),
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
    return decoder(body)
