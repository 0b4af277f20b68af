"""Conversations as text: what a client sends, and what PostgreSQL answers.

A file in ``tests/conversations`` holds lines ``> Message(arguments)`` that are sent together, then lines ``< …`` with the answers in
order; ``< End`` is the end of the stream. From a line ``* message detail`` on, errors and notices are shown with these fields too. The
same files run against this server and against a real PostgreSQL, which therefore is what decides. Where DuckDB can't answer as PostgreSQL
does, ``differences.txt`` says what this server answers in its place, and why.
"""

from __future__ import annotations

import ast
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import raw
from attrs import frozen

DIRECTORY = Path(__file__).parent / "conversations"
ALL = sorted(DIRECTORY.glob("*.pt"))
DIFFERENCES = DIRECTORY / "differences.txt"

SENDERS: Mapping[str, Callable[..., bytes]] = {
    "Query": raw.query,
    "Parse": raw.parse,
    "Bind": raw.bind,
    "Describe": raw.describe,
    "Execute": raw.execute,
    "Close": raw.close,
    "Sync": raw.sync,
    "Flush": raw.flush,
    "Terminate": raw.terminate,
    "CopyData": lambda data: raw.frame(b"d", data.encode() if isinstance(data, str) else data),
    "CopyDone": lambda: raw.frame(b"c"),
    "CopyFail": lambda text: raw.frame(b"f", text.encode() + b"\0"),
    "Frame": lambda kind, body=b"": raw.frame(kind, body),
    "Bytes": lambda data: data,
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

# The names that errors and notices may be shown with, and the codes of the fields.
FIELDS = {
    "message": "M",
    "detail": "D",
    "hint": "H",
    "where": "W",
    "schema": "s",
    "table": "t",
    "column": "c",
    "type": "d",
    "constraint": "n",
}


@frozen
class Exchange:
    """One write of the client and the answers to it.

    Attributes:
        line: Where it begins in its file.
        sent: The client's messages.
        expected: The answers.
        fields: With which errors are shown, beside severity, SQLSTATE and position.
    """

    line: int
    sent: tuple[str, ...]
    expected: tuple[str, ...]
    fields: tuple[str, ...] = ()


def exchanges(text: str) -> Iterator[Exchange]:
    """What a conversation consists of. A comment or an empty line ends an exchange, too, whose answers aren't written yet."""
    sent: list[str] = []
    expected: list[str] = []
    fields: tuple[str, ...] = ()
    start = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        mark, rest = line[:1], line[1:].strip()
        if sent and (mark in {"", "#", "*"} or (mark == ">" and expected)):
            yield Exchange(start, tuple(sent), tuple(expected), fields)
            sent, expected = [], []
        if mark == ">":
            start = number if not sent else start
            sent.append(rest)
        elif mark == "<":
            expected.append(rest)
        elif mark == "*":
            fields = tuple(rest.split())
        elif mark not in {"", "#"}:
            raise ValueError(
                f"line {number} is none of a conversation: {line} (differences stand in {DIFFERENCES.name})"
            )


@cache
def differences() -> Mapping[tuple[str, tuple[str, ...], int], tuple[str, ...]]:
    """What is answered otherwise: by conversation, messages sent, and the how-manieth time they are sent there."""
    found = {}
    for block in DIFFERENCES.read_text().split("\n@ ")[1:]:
        head, _, rest = block.partition("\n")
        name, _, time = head.partition(" ")
        (exchange,) = exchanges(rest.partition("\n#")[0])
        found[name, exchange.sent, int(time or 1)] = exchange.expected
    return found


def read(path: Path, deviations: bool) -> list[Exchange]:
    """The exchanges of a conversation file, with this server's deviations or as PostgreSQL has them."""
    times: Counter[tuple[str, ...]] = Counter()
    made = []
    for exchange in exchanges(path.read_text()):
        times[exchange.sent] += 1
        expected = exchange.expected
        if deviations:
            expected = differences().get((path.stem, exchange.sent, times[exchange.sent]), expected)
        made.append(Exchange(exchange.line, exchange.sent, expected, exchange.fields))
    return made


def encode(message: str) -> bytes:
    """The bytes of a line such as ``Parse("s", "SELECT $1", [23])``."""
    call = ast.parse(message, mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError(f"not a message: {message}")
    arguments = [_value(argument) for argument in call.args]
    named = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
    return SENDERS[call.func.id](*arguments, **named)


def _value(node: ast.expr) -> Any:
    """A literal, or one in which something is repeated: ``["x" * 1000]``."""
    if isinstance(node, ast.List):
        return [_value(element) for element in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return _value(node.left) * _value(node.right)
    return ast.literal_eval(node)


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


def _error(kind: str, body: bytes, shown: tuple[str, ...]) -> str:
    fields = raw.error_fields(body)
    name = "ErrorResponse" if kind == "E" else "NoticeResponse"
    position = f" at {fields['P']}" if "P" in fields else ""
    more = [f" {each}={fields[FIELDS[each]]!r}" for each in shown if FIELDS[each] in fields]
    return f"{name} {fields['V']} {fields['C']}{position}{''.join(more)}"


def render(kind: str, body: bytes, fields: tuple[str, ...] = ()) -> str:
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
        (count,) = struct.unpack("!H", body[:2])
        return " ".join(["ParameterDescription", *map(str, struct.unpack(f"!{count}I", body[2:]))])
    if kind in "EN":
        return _error(kind, body, fields)
    if kind == "S":
        name, value = body.split(b"\0")[:2]
        return f"ParameterStatus {name.decode()}={value.decode()}"
    return NAMES.get(kind, kind)


def answer(client: raw.RawClient, fields: tuple[str, ...] = ()) -> str:
    """The next answer as a line."""
    try:
        return render(*client.read(), fields)
    except (EOFError, ConnectionError):
        return "End"


def run(client: raw.RawClient, exchange: Exchange) -> list[str]:
    """Send one exchange and read as many answers as are expected; a hang shows as a time-out of the client."""
    client.send(*(encode(message) for message in exchange.sent))
    return [answer(client, exchange.fields) for _ in exchange.expected]


def hold(client: raw.RawClient, path: Path, deviations: bool) -> None:
    """A whole conversation; the client has logged in. Nothing may be left when it says goodbye."""
    answers: list[str] = []
    for exchange in read(path, deviations=deviations):
        answers = run(client, exchange)

        assert list(exchange.expected) == answers, f"{path.name}, line {exchange.line}"
    if answers[-1] != "End":
        client.send(raw.terminate())
        assert answer(client) == "End", f"{path.name}: there is more"
