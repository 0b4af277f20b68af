"""``SELECT generate_series(1, 3)`` is three rows in PostgreSQL; DuckDB's function of that name makes one list.

The one that stands in FROM gives DuckDB's rows of bigint, PostgreSQL's of the type of its arguments.

Spec: functions-srf.html#FUNCTIONS-SRF
"""

from __future__ import annotations

from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.passes.function_aliases import has_alias, stands_in_from
from duckgres_tx.sql.tokens import Kind
from duckgres_tx.sql.translation_context import TranslationContext

_NAME = "generate_series"
# What a place in a statement belongs to: the nearest of these before it.
_CLAUSES = frozenset(
    (
        *("select", "from", "join", "lateral", "where", "on", "group", "having", "order", "limit", "offset", "values"),
        *("returning", "set", "window", "qualify", "call", "default", "check", "in"),
    )
)
_INT4 = 2**31
_INT4_NAMES = frozenset(("int", "int4", "integer"))


def translate_set_functions(edit: StatementEdit, context: TranslationContext) -> None:
    """In a select list its values become rows; of integers they are integers, as PostgreSQL's are, wherever it stands."""
    if _NAME not in edit.words:
        return
    tokens = edit.tokens
    for index, token in enumerate(tokens[:-1]):
        if not token.is_word(_NAME) or tokens[index + 1].text != "(":
            continue
        closing = edit.brackets.partner(index + 1)
        if closing is None:
            continue
        integers = _take_integers(edit, index + 2, closing)
        first = index - 2 if index > 1 and tokens[index - 1].text == "." else index
        if _stands_in_select_list(edit, index):
            edit.wrap_tokens(first, closing + 1, "unnest(", ")::INTEGER" if integers else ")")
        elif integers and stands_in_from(edit, first) and _is_plain(edit, index + 2, closing):
            after = ")" if has_alias(edit, closing + 1) else f") AS {_NAME}"
            edit.wrap_tokens(first, closing + 1, f"(SELECT {_NAME}::INTEGER AS {_NAME} FROM ", after)


def _take_integers(edit: StatementEdit, first: int, past: int) -> bool:
    """Whether all arguments are of type integer; parameters among them, which have no type yet, are given it."""
    commas = edit.brackets.commas(first, past)
    arguments = list(zip([first, *(comma + 1 for comma in commas)], [*commas, past], strict=True))
    parameters = [start for start, end in arguments if end - start == 1 and edit.tokens[start].kind is Kind.PARAMETER]
    others = [argument for argument in arguments if argument[0] not in parameters]
    if not others or not all(_is_integer(edit, *argument) for argument in others):
        return False
    for index in parameters:
        edit.insert(edit.tokens[index].end, "::INTEGER")
    return True


def _is_integer(edit: StatementEdit, first: int, past: int) -> bool:
    """A constant that fits, or something that is cast to it."""
    tokens = edit.tokens
    if past - first > 2 and tokens[past - 2].text == "::":
        return tokens[past - 1].word in _INT4_NAMES and edit.brackets.operand_start(past) == first
    if past - first == 2 and tokens[first].text in ("-", "+"):
        first += 1
    text = tokens[first].text if past - first == 1 else ""
    return text.isascii() and text.isdigit() and int(text) < _INT4


def _is_plain(edit: StatementEdit, first: int, closing: int) -> bool:
    """Whether the arguments say nothing of other relations, and the rows aren't numbered."""
    tokens = edit.tokens
    past = closing + 1
    if past < len(tokens) and tokens[past].is_word("with"):
        return False
    return all(not token.name or tokens[at - 1].text == "::" for at, token in enumerate(tokens[first:closing], first))


def _stands_in_select_list(edit: StatementEdit, index: int) -> bool:
    """Whether the nearest clause before it, in the same brackets, is SELECT itself."""
    while index > 0:
        index -= 1
        token = edit.tokens[index]
        if token.text in (")", "]", "}"):
            index = edit.brackets.partner(index) or 0
        elif token.text in ("(", "[", "{"):
            return False
        elif token.word in _CLAUSES:
            return token.is_word("select")
    return False
