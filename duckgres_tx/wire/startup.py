"""The packets without a type byte with which a connection begins: `Int32(length, counts itself) Int32(code) …`.

`StartupReader` gives out one packet at a time and keeps what follows it untouched, because what those bytes are
depends on the answer: TLS after an SSLRequest, typed messages after a StartupMessage. It never holds more than one
packet and never calls itself, so a peer that sends request after request costs nothing before it is refused. How many
SSLRequests and GSSENCRequests are allowed is the session's to count.

Spec: protocol-flow.html#PROTOCOL-FLOW-START-UP, protocol-message-formats.html
"""

from __future__ import annotations

import re
import struct
from typing import TypeAlias

from attrs import frozen

from duckgres_tx.errors import FeatureNotSupported, PgError, ProtocolViolation, Severity
from duckgres_tx.wire.fields import invalid_text

__all__ = [
    "LONG_KEYS_SINCE_MINOR",
    "MAX_CANCEL_KEY_BYTES",
    "MAX_STARTUP_PACKET_BYTES",
    "MIN_STARTUP_PACKET_BYTES",
    "NEWEST_MINOR",
    "CancelRequest",
    "DirectTLS",
    "GSSENCRequest",
    "SSLRequest",
    "StartupMessage",
    "StartupPacket",
    "StartupReader",
    "parse_options",
]

MIN_STARTUP_PACKET_BYTES = 8
MAX_STARTUP_PACKET_BYTES = 10_000

# Protocol 3.0 knows keys of four bytes, 3.2 of up to 256.
MIN_CANCEL_KEY_BYTES = 4
MAX_CANCEL_KEY_BYTES = 256

SUPPORTED_MAJOR = 3
# 3.1 was never used; 3.2 differs from 3.0 in the length of cancel keys only.
NEWEST_MINOR = 2
LONG_KEYS_SINCE_MINOR = 2

_SPECIAL_MAJOR = 1234
_CANCEL_REQUEST = 5678
_SSL_REQUEST = 5679
_GSSENC_REQUEST = 5680

# The first byte of a TLS record of type handshake. As the first of a length it would mean 352 MiB.
_TLS_HANDSHAKE = 0x16

_length = struct.Struct(">I").unpack_from
_special = struct.Struct(">IHH").pack


@frozen
class SSLRequest:
    """SSLRequest: may we go on in TLS? The server answers with one byte, S or N.

    Wire: Int32(8) Int32(80877103 = 1234 << 16 | 5679)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
    """

    def encode(self) -> bytes:
        """The packet as it goes over the wire."""
        return _special(8, _SPECIAL_MAJOR, _SSL_REQUEST)


@frozen
class GSSENCRequest:
    """GSSENCRequest: may we go on in GSSAPI encryption? The server answers with one byte, G or N.

    Wire: Int32(8) Int32(80877104 = 1234 << 16 | 5680)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-GSSENCREQUEST
    """

    def encode(self) -> bytes:
        """The packet as it goes over the wire."""
        return _special(8, _SPECIAL_MAJOR, _GSSENC_REQUEST)


@frozen
class CancelRequest:
    """CancelRequest: stop what the session with this key is doing. It gets no answer.

    Wire: Int32(12 + …) Int32(80877102 = 1234 << 16 | 5678) Int32(backend_pid) Byten(secret_key, 4..256)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-CANCELREQUEST
    """

    backend_pid: int
    # Never in a log: who has it can cancel.
    secret_key: bytes

    def encode(self) -> bytes:
        """The packet as it goes over the wire."""
        length = 12 + len(self.secret_key)
        return _special(length, _SPECIAL_MAJOR, _CANCEL_REQUEST) + self.backend_pid.to_bytes(4) + self.secret_key

    def __repr__(self) -> str:
        return f"CancelRequest(backend_pid={self.backend_pid})"


@frozen
class StartupMessage:
    """StartupMessage: who wants which database, and settings for the session.

    Wire: Int32(len) Int16(major) Int16(minor) n*(String(name) String(value)) Byte1(0)
    Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-STARTUPMESSAGE

    Attributes:
        parameters: In the order sent; of a name sent twice the last value counts, as in PostgreSQL.
    """

    major: int
    minor: int
    parameters: dict[str, str]

    def encode(self) -> bytes:
        """The packet as it goes over the wire."""
        text = b"".join(f"{name}\0{value}\0".encode() for name, value in self.parameters.items())
        return _special(9 + len(text), self.major, self.minor) + text + b"\0"

    @property
    def user(self) -> str:
        """The role that wants to log in.

        Raises:
            PgError: 28000 when none is named.
        """
        user = self.parameters.get("user", "")
        if not user:
            raise PgError("28000", "no PostgreSQL user name specified in startup packet", severity=Severity.FATAL)
        return user

    @property
    def database(self) -> str:
        """The database asked for; without one it is named like the user.

        Raises:
            PgError: 28000 when neither is named.
        """
        return self.parameters.get("database") or self.user

    @property
    def protocol_options(self) -> tuple[str, ...]:
        """The names that ask for extensions of the protocol, for NegotiateProtocolVersion: this server has none."""
        return tuple(name for name in self.parameters if name.startswith("_pq_."))

    def check_version(self) -> None:
        """Refuse a major version other than 3; a minor one is negotiated.

        Raises:
            FeatureNotSupported: 0A000, FATAL.
        """
        if self.major != SUPPORTED_MAJOR:
            raise FeatureNotSupported(
                f"unsupported frontend protocol {self.major}.{self.minor}: server supports 3.0 to 3.{NEWEST_MINOR}",
                severity=Severity.FATAL,
            )


@frozen
class DirectTLS:
    """Not a packet: the peer begins with a TLS handshake, nothing was consumed.

    Spec: protocol-flow.html#PROTOCOL-FLOW-SSL (direct SSL, since PostgreSQL 17)
    """


StartupPacket: TypeAlias = SSLRequest | GSSENCRequest | CancelRequest | StartupMessage | DirectTLS


class StartupReader:
    """Bytes in by `feed`, at most one packet out by `read`.

    Who gets an SSLRequest and answers S must check `leftover`: bytes sent before the answer came in clear and
    could be anybody's (CVE-2021-23214).
    """

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Take bytes from the peer. Whoever feeds calls `read` after each portion, and stops reading on a packet."""
        self._buffer += data

    @property
    def leftover(self) -> bytes:
        """What follows the packets that were read."""
        return self._buffer

    def take_leftover(self) -> bytes:
        """Give the rest away: it belongs to TLS or to the `FrameReader` now."""
        leftover, self._buffer = self._buffer, b""
        return leftover

    def read(self) -> StartupPacket | None:
        """The next packet, or None while it isn't whole. A `DirectTLS` leaves every byte in `leftover`.

        Raises:
            ProtocolViolation: FATAL, 08P01: the length or the layout is wrong.
        """
        buffer = self._buffer
        if not buffer:
            return None
        if buffer[0] == _TLS_HANDSHAKE:
            return DirectTLS()
        # The first byte of every legal length is zero, so garbage is refused at its first byte.
        if buffer[0] != 0:
            raise _violation("invalid length of startup packet")
        if len(buffer) < 4:
            return None
        (length,) = _length(buffer)
        if not MIN_STARTUP_PACKET_BYTES <= length <= MAX_STARTUP_PACKET_BYTES:
            raise _violation("invalid length of startup packet")
        if len(buffer) < length:
            return None
        self._buffer = buffer[length:]
        return _decode(buffer[4:length])


def _violation(message: str) -> ProtocolViolation:
    return ProtocolViolation(message, severity=Severity.FATAL)


def _decode(body: bytes) -> SSLRequest | GSSENCRequest | CancelRequest | StartupMessage:
    major, minor = int.from_bytes(body[:2]), int.from_bytes(body[2:4])
    if major != _SPECIAL_MAJOR:
        # The layout of another major version is unknown, so it is refused by its number alone.
        parameters = _decode_parameters(body[4:]) if major == SUPPORTED_MAJOR else {}
        return StartupMessage(major, minor, parameters)
    if minor == _CANCEL_REQUEST:
        key = body[8:]
        if not MIN_CANCEL_KEY_BYTES <= len(key) <= MAX_CANCEL_KEY_BYTES:
            raise _violation("invalid length of cancel request packet")
        return CancelRequest(int.from_bytes(body[4:8], signed=True), key)
    if minor in {_SSL_REQUEST, _GSSENC_REQUEST}:
        if len(body) != 4:
            raise _violation("invalid length of startup packet")
        return SSLRequest() if minor == _SSL_REQUEST else GSSENCRequest()
    return StartupMessage(major, minor, {})


def _decode_parameters(text: bytes) -> dict[str, str]:
    """Names and values in turn, each ended by NUL, and one more NUL as the packet's last byte."""
    if text == b"\0":
        return {}
    words = text.split(b"\0")
    # n pairs give 2n words, then the terminator gives two empty ones.
    if len(words) % 2 or words[-2:] != [b"", b""] or b"" in words[:-2:2]:
        raise _violation("invalid startup packet layout: expected terminator as last byte")
    try:
        names_and_values = [word.decode() for word in words[:-2]]
    except UnicodeDecodeError as error:
        raise invalid_text(error).fatal() from error
    return dict(zip(names_and_values[::2], names_and_values[1::2], strict=True))


_OPTION_WORD = re.compile(r"(?:\\.|[^\s\\])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_options(options: str) -> dict[str, str]:
    r"""The settings in the startup parameter `options`, in the order given: `-c a=b --c=d -ce=f`.

    As in PostgreSQL, white space separates words unless a backslash stands before it, and a dash in a long option's
    name stands for an underscore.

    Raises:
        PgError: 42601, FATAL, for anything but settings, with PostgreSQL's wording.
    """
    words = iter([_ESCAPED.sub(r"\1", word) for word in _OPTION_WORD.findall(options)])
    settings: dict[str, str] = {}
    for word in words:
        if word == "-c":
            word += next(words, "")
        if word.startswith("--"):
            setting, shown = word[2:], word
        elif word.startswith("-c") and word != "-c":
            setting, shown = word[2:], f"-c {word[2:]}"
        else:
            raise PgError(
                "42601",
                f"invalid command-line argument for server process: {word}",
                hint='Only "-c name=value" and "--name=value" are accepted.',
                severity=Severity.FATAL,
            )
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise PgError("42601", f"{shown} requires a value", severity=Severity.FATAL)
        settings[name.replace("-", "_")] = value
    return settings
