r"""String constants that DuckDB reads otherwise: bit strings, ``U&'…'``, bytea's ``'\xDEAD'``, and numbers that no float can be.

Spec: sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS, datatype-binary.html#DATATYPE-BINARY
"""

from __future__ import annotations

import math
import re
import struct
from typing import Final

from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, Token, quote_name, quote_string, string_value
from duckgres_tx.sql.translation_context import TranslationContext
from duckgres_tx.sql.type_positions import Place, type_positions


def translate_constants(edit: StatementEdit, context: TranslationContext) -> None:
    """``B'101'`` and ``X'1F'`` become BIT, which DuckDB would take for texts; ``U&'…'`` and ``U&"…"`` lose U&."""
    for index, token in enumerate(edit.tokens):
        if token.kind is Kind.QUOTED_NAME and token.text[0] != '"':
            edit.replace(token.start, token.end, quote_name(token.name))
        if token.kind is not Kind.STRING or token.text[0] == "'":
            continue
        first = token.text[0]
        if first in "bBxX":
            edit.replace(token.start, token.end, f"{quote_string(_bits(edit, token))}::BIT")
        elif first in "uU" and not (index + 1 < len(edit.tokens) and edit.tokens[index + 1].is_word("uescape")):
            edit.replace(token.start, token.end, quote_string(string_value(token.text)))


_FLOAT_WORDS: Final = frozenset(("float8", "float4", "float", "real", "double"))
_FLOATS: Final = {"float8": ("double precision", "d"), "float4": ("real", "f")}
_DECIMAL = re.compile(r"\s*[+-]?(?P<digits>[0-9]*\.?[0-9]*)(?:[eE][+-]?[0-9]+)?\s*\Z")


def check_floats(edit: StatementEdit, context: TranslationContext) -> None:
    """``'1e400'::float8`` is out of range, and no infinity; nor is what is too small a zero.

    Raises:
        PgError: 22003.
    """
    if edit.words.isdisjoint(_FLOAT_WORDS):
        return
    for position in type_positions(edit):
        if position.name not in _FLOATS or position.operand_past - position.operand != 1:
            continue
        token = edit.tokens[position.operand]
        if position.place is not Place.COLUMN and token.kind is Kind.STRING:
            text = string_value(token.text)
            name, form = _FLOATS[position.name]
            if not _fits(text, form):
                raise PgError(
                    "22003",
                    f'"{text.strip()}" is out of range for type {name}',
                    position=edit.source.offset + token.start + 1,
                )


def _fits(text: str, form: str) -> bool:
    """Whether a number in decimal notation is one of this floating-point format; what is no number is DuckDB's to refuse."""
    match = _DECIMAL.match(text)
    if match is None or match["digits"] in ("", "."):
        return True
    try:
        value = struct.unpack(form, struct.pack(form, float(text)))[0]
    except OverflowError:
        return False
    return not math.isinf(value) and (value != 0 or not match["digits"].strip("0."))


_DIGITS = {"binary": frozenset("01"), "hexadecimal": frozenset("0123456789abcdefABCDEF")}


def _bits(edit: StatementEdit, token: Token) -> str:
    digits, base = token.text[2:-1], "binary" if token.text[0] in "bB" else "hexadecimal"
    position = edit.source.offset + token.start + 1
    wrong = next((digit for digit in digits if digit not in _DIGITS[base]), "")
    if wrong:
        raise PgError("22P02", f'"{wrong}" is not a valid {base} digit', position=position)
    if not digits:
        raise FeatureNotSupported("empty bit strings are not supported", position=position)
    return digits if base == "binary" else "".join(f"{int(digit, 16):04b}" for digit in digits)


def translate_bytea(edit: StatementEdit, context: TranslationContext) -> None:
    """A constant that is cast to bytea becomes DuckDB's spelling of those bytes."""
    for position in type_positions(edit):
        if position.name != "bytea" or position.place is Place.COLUMN:
            continue
        if position.operand_past - position.operand != 1 or position.past - position.first != 1:
            continue
        token = edit.tokens[position.operand]
        if token.kind is not Kind.STRING:
            continue
        value = _bytea(string_value(token.text))
        if value is None:
            raise PgError(
                "22P02",
                "invalid input syntax for type bytea",
                position=edit.source.offset + token.start + 1,
            )
        blob = "".join(f"\\x{byte:02X}" for byte in value)
        edit.replace_tokens(position.whole, position.whole_past, f"CAST('{blob}' AS BLOB)")


_HEX = re.compile(r"\\x((?:\s*[0-9A-Fa-f]{2})*)\s*\Z")
_ESCAPED = re.compile(r"\\\\|\\([0-3][0-7]{2})|([^\\]+)|\\", re.DOTALL)


def _bytea(text: str) -> bytes | None:
    """The bytes that bytea's hex or escape format spells; None when it spells none."""
    if text.startswith("\\x"):
        match = _HEX.match(text)
        return None if match is None else bytes.fromhex(match.group(1))
    made = bytearray()
    for match in _ESCAPED.finditer(text):
        octal, plain = match.groups()
        if octal:
            made.append(int(octal, 8))
        elif plain:
            made += plain.encode()
        elif match.group() == "\\\\":
            made += b"\\"
        else:
            return None
    return bytes(made)
