"""Conversations as text: what a client sends, and what PostgreSQL answers.

A file holds lines ``> Message(arguments)`` that are sent together, then lines ``< …`` with the answers in order. The
same files run against this server and against a real PostgreSQL, which therefore is what decides. Where DuckDB can't
answer as PostgreSQL does, the comment says why, a line ``! …`` after PostgreSQL's line says what this server answers in its
place (``!`` alone: nothing), and a line ``+ …`` what it answers besides.
"""

from __future__ import annotations

import ast
import struct
from pathlib import Path

import raw
from attrs import frozen

SENDERS = {
    "Query": raw.query,
    "Parse": raw.parse,
    "Bind": raw.bind,
    "Describe": raw.describe,
    "Execute": raw.execute,
    "Close": raw.close,
    "Sync": raw.sync,
    "Flush": raw.flush,
    "CopyData": lambda data: raw.frame(b"d", data.encode() if isinstance(data, str) else data),
    "CopyDone": lambda: raw.frame(b"c"),
    "CopyFail": lambda text: raw.frame(b"f", text.encode() + b"\0"),
    "Frame": lambda kind, body=b"": raw.frame(kind, body),
}

NAMES = {
    "1": "ParseComplete",
    "2": "BindComplete",
    "3": "CloseComplete",
    "n": "NoData",
    "s": "PortalSuspended",
    "I": "EmptyQueryResponse",
    "c": "CopyDone",
}


@frozen
class Exchange:
    """One write of the client and the answers to it."""

    line: int
    sent: tuple[str, ...]
    expected: tuple[str, ...]


def read(path: Path, deviations: bool) -> list[Exchange]:
    """The exchanges of a conversation file, with this server's deviations or as PostgreSQL has them."""
    exchanges: list[Exchange] = []
    sent: list[str] = []
    expected: list[str] = []
    start = 1
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith(">"):
            if expected:
                exchanges.append(Exchange(start, tuple(sent), tuple(expected)))
                sent, expected = [], []
            if not sent:
                start = number
            sent.append(line[1:].strip())
        elif line.startswith("<"):
            expected.append(line[1:].strip())
        elif line.startswith("!") and deviations:
            expected[-1:] = [line[1:].strip()] if line[1:].strip() else []
        elif line.startswith("+") and deviations:
            expected.append(line[1:].strip())
    exchanges.append(Exchange(start, tuple(sent), tuple(expected)))
    return exchanges


def encode(message: str) -> bytes:
    """The bytes of a line such as ``Parse("s", "SELECT $1", [23])``."""
    call = ast.parse(message, mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError(f"not a message: {message}")
    arguments = [ast.literal_eval(argument) for argument in call.args]
    named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    return SENDERS[call.func.id](*arguments, **named)


def _row_description(body: bytes) -> str:
    (count,) = struct.unpack("!h", body[:2])
    position, fields = 2, []
    for _ in range(count):
        end = body.index(b"\0", position)
        name = body[position:end].decode()
        _, _, oid, _, modifier, form = struct.unpack("!IhIhih", body[end + 1 : end + 19])
        fields.append(f"{name}:{oid}:{modifier}:{form}")
        position = end + 19
    return " ".join(["RowDescription", *fields])


def _data_row(body: bytes) -> str:
    (count,) = struct.unpack("!h", body[:2])
    position, values = 2, []
    for _ in range(count):
        (length,) = struct.unpack("!i", body[position : position + 4])
        position += 4
        if length < 0:
            values.append("NULL")
        else:
            values.append(repr(body[position : position + length])[1:])
            position += length
    return " ".join(["DataRow", *values])


def render(kind: str, body: bytes) -> str:
    """One answer as a line."""
    if kind == "T":
        return _row_description(body)
    if kind == "D":
        return _data_row(body)
    if kind in "GH":
        (count,) = struct.unpack("!h", body[1:3])
        formats = struct.unpack(f"!{count}h", body[3:])
        return " ".join(["CopyInResponse" if kind == "G" else "CopyOutResponse", str(body[0]), *map(str, formats)])
    if kind == "d":
        return "CopyData " + repr(body)[1:]
    if kind == "C":
        return f"CommandComplete {body[:-1].decode()}"
    if kind == "Z":
        return f"ReadyForQuery {body.decode()}"
    if kind == "t":
        (count,) = struct.unpack("!h", body[:2])
        return " ".join(["ParameterDescription", *map(str, struct.unpack(f"!{count}I", body[2:]))])
    if kind in "EN":
        fields = raw.error_fields(body)
        name = "ErrorResponse" if kind == "E" else "NoticeResponse"
        position = f" at {fields['P']}" if "P" in fields else ""
        return f"{name} {fields['V']} {fields['C']}{position}"
    if kind == "S":
        name, value = body.split(b"\0")[:2]
        return f"ParameterStatus {name.decode()}={value.decode()}"
    return NAMES.get(kind, kind)


def run(client: raw.RawClient, exchange: Exchange) -> list[str]:
    """Send one exchange and read as many answers as are expected; a hang shows as a time-out of the client."""
    client.send(*(encode(message) for message in exchange.sent))
    return [render(*client.read()) for _ in exchange.expected]
