r"""String constants that DuckDB reads otherwise: bit strings, ``U&'…'``, and bytea's ``'\xDEAD'``.

Spec: sql-syntax-lexical.html#SQL-SYNTAX-CONSTANTS, datatype-binary.html#DATATYPE-BINARY
"""

from __future__ import annotations

import re

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
