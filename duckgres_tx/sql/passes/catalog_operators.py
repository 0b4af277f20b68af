"""Operators and subscripts as PostgreSQL's clients write them when they look into the catalog, and elsewhere.

PostgreSQL's ``~`` searches, DuckDB's ``~`` wants the whole text to match: it becomes ``<~>``, a macro of the catalog
with the same precedence (``~*``, ``!~`` and ``!~*`` likewise).

Spec: functions-matching.html#FUNCTIONS-POSIX-REGEXP, sql-expressions.html#SQL-PRECEDENCE
"""

from __future__ import annotations

from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, Token, quote_string, string_value
from duckgres_tx.sql.translation_context import TranslationContext

_OPERATORS: Final = {"~": "<~>", "!~": "!<~>"}
# The same for what is stored, and may be read without our catalog: (before, after).
_AS_FUNCTIONS: Final = {
    "~": ("regexp_matches(", ", 's')"),
    "!~": ("(NOT regexp_matches(", ", 's'))"),
    "~*": ("regexp_matches(", ", 'is')"),
    "!~*": ("(NOT regexp_matches(", ", 'is'))"),
}
# Words after which an operator is a prefix: ~ is then the bitwise NOT.
_PREFIX_WORDS: Final = """
    select where and or not in on by having limit offset values using union all except intersect distinct then else when
    case between like ilike similar returning is as from
"""
_BEFORE_PREFIX: Final = frozenset(_PREFIX_WORDS.split())


def translate_catalog_operators(edit: StatementEdit, context: TranslationContext) -> None:
    """Rewrite OPERATOR(…), COLLATE "default", the regular expression operators, ANY('{…}') and vectors' subscripts."""
    tokens = edit.tokens
    for index, token in enumerate(tokens):
        if token.word in ("any", "some", "all"):
            _translate_quantifier(edit, index)
        elif token.word == "operator":
            _translate_operator_call(edit, index)
        elif token.word == "collate":
            _drop_default_collation(edit, index)
        elif token.kind is Kind.OPERATOR and token.text in _AS_FUNCTIONS and _is_binary(tokens, index):
            _translate_operator(edit, index)
        elif edit.catalog_query and _vector(token) is not None:
            _translate_vector(edit, index)
        elif token.word == "generate_subscripts" and edit.catalog_query:
            _translate_subscripts(edit, index)


def _is_binary(tokens: tuple[Token, ...], index: int) -> bool:
    if index == 0 or index + 1 >= len(tokens):
        return False
    before = tokens[index - 1]
    if before.kind is Kind.WORD:
        return before.word not in _BEFORE_PREFIX
    return before.kind is not Kind.OPERATOR and before.text not in ("(", "[", "{", ",", ";", ".")


def _translate_operator(edit: StatementEdit, index: int) -> None:
    tokens = edit.tokens
    if tokens[0].is_word("create", "alter"):
        first, past = edit.brackets.operand_start(index), edit.brackets.operand_past(index + 1)
        neighbours = [tokens[at] for at in (first - 1, past) if 0 <= at < len(tokens)]
        if past > index + 1 and all(token.kind is not Kind.OPERATOR for token in neighbours):
            before, after = _AS_FUNCTIONS[tokens[index].text]
            edit.wrap(tokens[first].start, tokens[past - 1].end, before, after)
            edit.replace_tokens(index, index + 1, ",")
            return
    if tokens[index].text in _OPERATORS:
        edit.replace_tokens(index, index + 1, _OPERATORS[tokens[index].text])


def _translate_operator_call(edit: StatementEdit, index: int) -> None:
    """``a OPERATOR(pg_catalog.~) b``."""
    tokens = edit.tokens
    if index + 1 >= len(tokens) or tokens[index + 1].text != "(":
        return
    closing = edit.brackets.partner(index + 1)
    if closing is None:
        return
    operator = tokens[closing - 1]
    schema = [token.name for token in tokens[index + 2 : closing - 1] if token.text != "."]
    if operator.kind is Kind.OPERATOR and schema in ([], ["pg_catalog"]):
        edit.replace_tokens(index, closing + 1, _OPERATORS.get(operator.text, operator.text))


def _drop_default_collation(edit: StatementEdit, index: int) -> None:
    tokens = edit.tokens
    past = index + 1
    if past + 1 < len(tokens) and tokens[past].name == "pg_catalog" and tokens[past + 1].text == ".":
        past += 2
    if past >= len(tokens):
        return
    if tokens[past].name == "default":
        edit.delete_tokens(index, past + 1)
    elif past > index + 1:
        edit.replace(tokens[index + 1].start, tokens[past].start, "")


def _translate_quantifier(edit: StatementEdit, index: int) -> None:
    """``= ANY('{r,p}')``: an array as text."""
    tokens = edit.tokens
    if index + 3 >= len(tokens) or tokens[index + 1].text != "(" or tokens[index + 3].text != ")":
        return
    token = tokens[index + 2]
    if token.kind is Kind.STRING and not edit.is_replaced(token.start, token.end):
        items = array_items(token)
        if items is not None:
            edit.replace(token.start, token.end, items)


def array_items(token: Token) -> str | None:
    """A list constructor for a constant array's text; None when it isn't one, or has more than plain elements."""
    value = string_value(token.text).strip()
    if not value.startswith("{") or not value.endswith("}") or any(mark in value[1:-1] for mark in '{}"\\'):
        return None
    items = [item.strip() for item in value[1:-1].split(",")] if value[1:-1].strip() else []
    if all(item.lstrip("-").isdigit() for item in items):
        return f"[{', '.join(items)}]"
    return f"[{', '.join('NULL' if item.upper() == 'NULL' else quote_string(item) for item in items)}]"


def _vector(token: Token) -> str | None:
    """The list type of a column that is a vector, perhaps under an alias as pgjdbc's ``i_indoption``."""
    name = token.name
    return vocabulary.VECTORS.get(name) or vocabulary.VECTORS.get(name.partition("_")[2])


def _translate_vector(edit: StatementEdit, index: int) -> None:
    """``unnest(i.indkey)``, ``indkey[0]``: as a plain list, from which it differs by name only, where it is worked on.

    int2vector and oidvector begin at 0, DuckDB's lists at 1.
    """
    tokens = edit.tokens
    first = index
    while first > 1 and tokens[first - 1].text == "." and tokens[first - 2].name:
        first -= 2
    following = tokens[index + 1].text if index + 1 < len(tokens) else ""
    if following == "[":
        closing = edit.brackets.partner(index + 1)
        if (
            closing is not None
            and closing > index + 2
            and all(token.text != ":" for token in tokens[index + 2 : closing])
        ):
            edit.wrap_tokens(index + 2, closing, "(", ") + 1")
    elif following not in ("::", "=", "<>", "@>", "&&", "||") and not _is_argument(edit, first):
        return
    edit.wrap_tokens(first, index + 1, "CAST(", f" AS {_vector(tokens[index])})")


def _is_argument(edit: StatementEdit, index: int) -> bool:
    """Whether what begins at ``index`` is an argument of a function, or of ANY."""
    tokens = edit.tokens
    for at in range(index - 1, 0, -1):
        partner = edit.brackets.partner(at)
        if partner is not None and partner > index and tokens[at].text == "(":
            before = tokens[at - 1]
            return bool(before.name) and (before.word in ("any", "some", "all") or before.word not in _BEFORE_PREFIX)
        if tokens[at].is_word("select", "from", "where"):
            return False
    return False


def _translate_subscripts(edit: StatementEdit, index: int) -> None:
    """``generate_subscripts(indkey, 1)``, likewise."""
    tokens = edit.tokens
    if index + 1 >= len(tokens) or tokens[index + 1].text != "(":
        return
    closing = edit.brackets.partner(index + 1)
    if closing is None:
        return
    comma = next(iter(edit.brackets.commas(index + 2, closing)), None)
    if comma is None or tokens[comma - 1].name not in vocabulary.VECTORS:
        return
    if tokens[index - 1].is_word("from", "join", "lateral") or (
        tokens[index - 1].text == "." and tokens[index - 3].is_word("from")
    ):
        edit.replace_tokens(index, index + 1, "generate_series")
        edit.insert(tokens[index + 1].end, "0, len(")
        edit.replace(tokens[comma].start, tokens[closing].start, ") - 1")
    else:
        edit.wrap_tokens(edit.brackets.operand_start(closing + 1), closing + 1, "(", " - 1)")
