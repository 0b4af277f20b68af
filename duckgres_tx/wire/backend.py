"""The messages that servers send. Each class is one message, with PostgreSQL's names and field order, and `encode`s.

Rows of queries don't pass through here (the engine encodes whole chunks); `DataRow` is for the few small ones that
the server makes itself. Messages without content are also there as bytes (`PARSE_COMPLETE`, …).

A value that the layout can't hold is our bug and raises `LocalProtocolError`.

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar, Self

from attrs import field, frozen

from duckgres_tx.errors import LocalProtocolError, PgError, Severity
from duckgres_tx.wire.error_origins import origin_of
from duckgres_tx.wire.fields import formats, oids, string, value

__all__ = [
    "BIND_COMPLETE",
    "CLOSE_COMPLETE",
    "COPY_DONE",
    "EMPTY_QUERY_RESPONSE",
    "NO_DATA",
    "PARSE_COMPLETE",
    "PORTAL_SUSPENDED",
    "READY_FOR_QUERY",
    "AuthenticationCleartextPassword",
    "AuthenticationOk",
    "AuthenticationSASL",
    "AuthenticationSASLContinue",
    "AuthenticationSASLFinal",
    "BackendKeyData",
    "BackendMessage",
    "BindComplete",
    "CloseComplete",
    "CommandComplete",
    "CopyBothResponse",
    "CopyData",
    "CopyDone",
    "CopyInResponse",
    "CopyOutResponse",
    "DataRow",
    "EmptyQueryResponse",
    "ErrorResponse",
    "FieldDescription",
    "NegotiateProtocolVersion",
    "NoData",
    "NoticeResponse",
    "NotificationResponse",
    "ParameterDescription",
    "ParameterStatus",
    "ParseComplete",
    "PortalSuspended",
    "ReadyForQuery",
    "RowDescription",
    "TransactionStatus",
]

_field_numbers = struct.Struct(">IhIhih").pack


class BackendMessage:
    """A message to a client."""

    __slots__ = ()
    type_byte: ClassVar[bytes]

    def _body(self) -> bytes:
        """What follows the length; nothing unless the message says otherwise."""
        return b""

    def encode(self) -> bytes:
        """The whole message as it goes over the wire.

        Raises:
            LocalProtocolError: A value doesn't fit the layout.
        """
        try:
            body = self._body()
            return self.type_byte + (len(body) + 4).to_bytes(4) + body
        except (struct.error, OverflowError, UnicodeEncodeError) as error:
            raise LocalProtocolError(f"{type(self).__name__} can't be encoded: {error}") from error


class TransactionStatus(enum.Enum):
    """Where the session stands; the value is the byte on the wire."""

    IDLE = b"I"
    IN_TRANSACTION = b"T"
    FAILED = b"E"


@frozen
class AuthenticationOk(BackendMessage):
    """AuthenticationOk: the client is who it says.

    Wire: Byte1('R') Int32(8) Int32(0)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONOK
    """

    type_byte = b"R"

    def _body(self) -> bytes:
        return (0).to_bytes(4)


@frozen
class AuthenticationCleartextPassword(BackendMessage):
    """AuthenticationCleartextPassword: a PasswordMessage is wanted.

    Wire: Byte1('R') Int32(8) Int32(3)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONCLEARTEXTPASSWORD
    """

    type_byte = b"R"

    def _body(self) -> bytes:
        return (3).to_bytes(4)


@frozen
class AuthenticationSASL(BackendMessage):
    """AuthenticationSASL: a SASLInitialResponse is wanted, by one of these mechanisms, the best first.

    Wire: Byte1('R') Int32(len) Int32(10) n*String(mechanism) Byte1(0)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONSASL
    """

    type_byte = b"R"
    mechanisms: tuple[str, ...]

    def _body(self) -> bytes:
        return (10).to_bytes(4) + b"".join(string(mechanism) for mechanism in self.mechanisms) + b"\0"


@frozen
class AuthenticationSASLContinue(BackendMessage):
    """AuthenticationSASLContinue: the mechanism's challenge.

    Wire: Byte1('R') Int32(len) Int32(11) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONSASLCONTINUE
    """

    type_byte = b"R"
    data: bytes = field(repr=False)

    def _body(self) -> bytes:
        return (11).to_bytes(4) + self.data


@frozen
class AuthenticationSASLFinal(BackendMessage):
    """AuthenticationSASLFinal: the mechanism's last word; AuthenticationOk follows.

    Wire: Byte1('R') Int32(len) Int32(12) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONSASLFINAL
    """

    type_byte = b"R"
    data: bytes = field(repr=False)

    def _body(self) -> bytes:
        return (12).to_bytes(4) + self.data


@frozen
class NegotiateProtocolVersion(BackendMessage):
    """NegotiateProtocolVersion: we speak an older minor version, or don't know these options; the client decides.

    Wire: Byte1('v') Int32(len) Int32(newest minor version) Int32(n) n*String(option)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-NEGOTIATEPROTOCOLVERSION

    Attributes:
        newest_minor: PostgreSQL sends the whole version number, major << 16 | minor, and libpq reads it as such.
        options: The `_pq_.` names that were not understood.
    """

    type_byte = b"v"
    newest_minor: int
    options: tuple[str, ...] = ()

    def _body(self) -> bytes:
        version = 3 << 16 | self.newest_minor
        return struct.pack(">II", version, len(self.options)) + b"".join(string(option) for option in self.options)


@frozen
class BackendKeyData(BackendMessage):
    """BackendKeyData: what a CancelRequest for this session must say.

    Wire: Byte1('K') Int32(len) Int32(backend_pid) Byten(secret_key: 4 bytes in protocol 3.0)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BACKENDKEYDATA
    """

    type_byte = b"K"
    backend_pid: int
    secret_key: bytes = field(repr=False)

    def _body(self) -> bytes:
        return self.backend_pid.to_bytes(4, signed=True) + self.secret_key


@frozen
class ParameterStatus(BackendMessage):
    """ParameterStatus: a setting's value, at the start and whenever it changes.

    Wire: Byte1('S') Int32(len) String(name) String(value)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-PARAMETERSTATUS
    """

    type_byte = b"S"
    name: str
    value: str

    def _body(self) -> bytes:
        return string(self.name) + string(self.value)


@frozen
class ReadyForQuery(BackendMessage):
    """ReadyForQuery: the client's turn.

    Wire: Byte1('Z') Int32(5) Byte1('I', 'T' or 'E')
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
    """

    type_byte = b"Z"
    status: TransactionStatus

    def _body(self) -> bytes:
        return self.status.value


@frozen
class FieldDescription:
    """One column in a RowDescription.

    Wire: String(name) Int32(table_oid) Int16(column_number) Int32(type_oid) Int16(type_size) Int32(type_modifier)
          Int16(format)

    Attributes:
        table_oid: 0 when it is no table's column.
        column_number: As in pg_attribute, from 1; 0 when it is no table's column.
        type_size: As pg_type.typlen; negative: variable.
        type_modifier: As pg_attribute.atttypmod; -1: none.
        format: 0 text, 1 binary.
    """

    name: str
    table_oid: int = 0
    column_number: int = 0
    type_oid: int = 25
    type_size: int = -1
    type_modifier: int = -1
    format: int = 0

    def encode(self) -> bytes:
        """The column's part of the message."""
        return string(self.name) + _field_numbers(
            self.table_oid, self.column_number, self.type_oid, self.type_size, self.type_modifier, self.format
        )


@frozen
class RowDescription(BackendMessage):
    """RowDescription: the columns of the rows that follow.

    Wire: Byte1('T') Int32(len) Int16(n) n*FieldDescription
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-ROWDESCRIPTION
    """

    type_byte = b"T"
    fields: Sequence[FieldDescription]

    def _body(self) -> bytes:
        return len(self.fields).to_bytes(2) + b"".join([column.encode() for column in self.fields])


@frozen
class DataRow(BackendMessage):
    """DataRow: one row; for small results that the server makes itself.

    Wire: Byte1('D') Int32(len) Int16(n) n*(Int32(len, -1 = NULL) Byten)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-DATAROW
    """

    type_byte = b"D"
    values: Sequence[bytes | None]

    def _body(self) -> bytes:
        parts = [len(self.values).to_bytes(2)]
        parts += [value(column) for column in self.values]
        return b"".join(parts)


@frozen
class CommandComplete(BackendMessage):
    """CommandComplete: a statement is done.

    Wire: Byte1('C') Int32(len) String(tag)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COMMANDCOMPLETE
    """

    type_byte = b"C"
    tag: str

    def _body(self) -> bytes:
        return string(self.tag)

    def encode(self) -> bytes:
        """The whole message as it goes over the wire; every statement needs one, and most tags are the same few."""
        return _command_complete(self.tag)


@frozen
class EmptyQueryResponse(BackendMessage):
    """EmptyQueryResponse: there was no statement in the text; stands for CommandComplete.

    Wire: Byte1('I') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-EMPTYQUERYRESPONSE
    """

    type_byte = b"I"


@frozen
class ParseComplete(BackendMessage):
    """ParseComplete: the answer to Parse.

    Wire: Byte1('1') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-PARSECOMPLETE
    """

    type_byte = b"1"


@frozen
class BindComplete(BackendMessage):
    """BindComplete: the answer to Bind.

    Wire: Byte1('2') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BINDCOMPLETE
    """

    type_byte = b"2"


@frozen
class CloseComplete(BackendMessage):
    """CloseComplete: the answer to Close.

    Wire: Byte1('3') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CLOSECOMPLETE
    """

    type_byte = b"3"


@frozen
class NoData(BackendMessage):
    """NoData: what was described gives no rows.

    Wire: Byte1('n') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-NODATA
    """

    type_byte = b"n"


@frozen
class ParameterDescription(BackendMessage):
    """ParameterDescription: the types of a statement's parameters.

    Wire: Byte1('t') Int32(len) Int16(n) n*Int32(type OID)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-PARAMETERDESCRIPTION
    """

    type_byte = b"t"
    parameter_oids: Sequence[int]

    def _body(self) -> bytes:
        return oids(self.parameter_oids)


@frozen
class PortalSuspended(BackendMessage):
    """PortalSuspended: Execute's limit was reached, another Execute goes on.

    Wire: Byte1('s') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-PORTALSUSPENDED
    """

    type_byte = b"s"


@frozen
class _CopyResponse(BackendMessage):
    """What the three answers to COPY have in common.

    Attributes:
        format: 0 text (CSV too), 1 binary.
        column_formats: One for each column; all 0 when `format` is 0.
    """

    format: int
    column_formats: Sequence[int]

    def _body(self) -> bytes:
        return self.format.to_bytes(1) + formats(self.column_formats)


@frozen
class CopyInResponse(_CopyResponse):
    """CopyInResponse: send CopyData now.

    Wire: Byte1('G') Int32(len) Int8(format) Int16(n) n*Int16(format)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYINRESPONSE
    """

    type_byte = b"G"


@frozen
class CopyOutResponse(_CopyResponse):
    """CopyOutResponse: CopyData follows.

    Wire: Byte1('H') Int32(len) Int8(format) Int16(n) n*Int16(format)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYOUTRESPONSE
    """

    type_byte = b"H"


@frozen
class CopyBothResponse(_CopyResponse):
    """CopyBothResponse: CopyData goes both ways (streaming replication).

    Wire: Byte1('W') Int32(len) Int8(format) Int16(n) n*Int16(format)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYBOTHRESPONSE
    """

    type_byte = b"W"


@frozen
class CopyData(BackendMessage):
    """CopyData: a piece of COPY's stream; the server sends whole rows.

    Wire: Byte1('d') Int32(len) Byten(data)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYDATA
    """

    type_byte = b"d"
    data: bytes

    def _body(self) -> bytes:
        return self.data


@frozen
class CopyDone(BackendMessage):
    """CopyDone: the end of COPY's stream.

    Wire: Byte1('c') Int32(4)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-COPYDONE
    """

    type_byte = b"c"


@frozen
class NotificationResponse(BackendMessage):
    """NotificationResponse: somebody notified a channel that this session listens to.

    Wire: Byte1('A') Int32(len) Int32(backend_pid) String(channel) String(payload)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-NOTIFICATIONRESPONSE
    """

    type_byte = b"A"
    backend_pid: int
    channel: str
    payload: str

    def _body(self) -> bytes:
        return self.backend_pid.to_bytes(4, signed=True) + string(self.channel) + string(self.payload)


@frozen
class _Report(BackendMessage):
    """What ErrorResponse and NoticeResponse have in common: fields, each a letter and a string."""

    sqlstate: str
    message: str
    severity: Severity = Severity.ERROR
    detail: str | None = None
    hint: str | None = None
    position: int | None = None
    where: str | None = None
    # More fields by their letters: what it is about, and where it comes from.
    origin: Mapping[str, str] = field(factory=dict)

    @classmethod
    def from_error(cls, error: PgError) -> Self:
        """What a client is told of `error`."""
        fields = (error.severity, error.detail, error.hint, error.position, error.where, origin_of(error))
        return cls(error.sqlstate, error.message, *fields)

    def _body(self) -> bytes:
        # S, V, C and M are always there: clients rely on them. The order is PostgreSQL's.
        fields = [
            ("S", self.severity.value),
            ("V", self.severity.value),
            ("C", self.sqlstate),
            ("M", self.message),
            ("D", self.detail),
            ("H", self.hint),
            ("P", None if self.position is None else str(self.position)),
            ("W", self.where),
            *self.origin.items(),
        ]
        return b"".join([_report_field(letter, text) for letter, text in fields if text is not None]) + b"\0"


@frozen
class ErrorResponse(_Report):
    """ErrorResponse: something failed.

    Wire: Byte1('E') Int32(len) n*(Byte1(letter) String(text)) Byte1(0)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-ERRORRESPONSE, protocol-error-fields.html
    """

    type_byte = b"E"


@frozen
class NoticeResponse(_Report):
    """NoticeResponse: something the user may want to know.

    Wire: Byte1('N') Int32(len) n*(Byte1(letter) String(text)) Byte1(0)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-NOTICERESPONSE, protocol-error-fields.html
    """

    type_byte = b"N"


@lru_cache(maxsize=256)
def _command_complete(tag: str) -> bytes:
    return BackendMessage.encode(CommandComplete(tag))


def _report_field(letter: str, text: str) -> bytes:
    # The text may quote what a user or the engine said; a report must never fail over that.
    return letter.encode() + text.encode(errors="replace").replace(b"\0", b"?") + b"\0"


PARSE_COMPLETE = ParseComplete().encode()
BIND_COMPLETE = BindComplete().encode()
CLOSE_COMPLETE = CloseComplete().encode()
NO_DATA = NoData().encode()
PORTAL_SUSPENDED = PortalSuspended().encode()
EMPTY_QUERY_RESPONSE = EmptyQueryResponse().encode()
COPY_DONE = CopyDone().encode()
READY_FOR_QUERY = {status: ReadyForQuery(status).encode() for status in TransactionStatus}
