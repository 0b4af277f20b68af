"""JSON's operators, as far as DuckDB means something else by them.

``a AND j ->> 'k' = 'x'``: DuckDB's arrows, which are those of its lambdas too, bind weaker than all that stands before.
So what PostgreSQL takes for an operand is put in parentheses. Behind an arrow all is well.

``j #>> '{a,b}'`` is ``j ->> '/a/b'``, where the path is a constant.

``j || '{"a": 1}'::jsonb`` merges; DuckDB would put the two texts one behind the other. That a column is JSON can't be
seen here, so one of the operands has to say it.

Spec: sql-syntax-lexical.html#SQL-PRECEDENCE, functions-json.html#FUNCTIONS-JSON-PROCESSING
"""

from __future__ import annotations

import re
from typing import Final

from duckgres_tx.catalog import vocabulary
from duckgres_tx.errors import FeatureNotSupported
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, quote_string, string_value
from duckgres_tx.sql.translation_context import TranslationContext

_PATHS: Final = {"#>": "->", "#>>": "->>"}
_ARROWS: Final = frozenset(("->", "->>", *_PATHS))
# Words whose operand may follow; the others begin or end a clause.
_BINDING_WORDS: Final = frozenset(("and", "or", "not", "like", "ilike", "to", "between", "escape"))
_LAMBDA_FUNCTION_WORDS: Final = """
    list_transform list_filter list_reduce list_apply reduce filter apply array_apply array_filter array_reduce
    array_transform
"""
_LAMBDA_FUNCTIONS: Final = frozenset(_LAMBDA_FUNCTION_WORDS.split())
_JSON_TYPES: Final = frozenset(("json", "jsonb"))
# Functions that give JSON; others of these names give texts, numbers or rows.
_JSON_FUNCTION_WORDS: Final = """
    to_json to_jsonb row_to_json array_to_json json_build_object json_build_array jsonb_build_object jsonb_build_array
    json_object json_array json_quote json_agg jsonb_agg json_object_agg jsonb_object_agg json_group_array
    json_group_object json_merge_patch
"""
_JSON_FUNCTIONS: Final = frozenset(_JSON_FUNCTION_WORDS.split())


def translate_paths(edit: StatementEdit, context: TranslationContext) -> None:
    """``#>`` and ``#>>`` become arrows with a JSON pointer."""
    if "#>" not in edit.source.text:
        return
    tokens = edit.tokens
    for index, token in enumerate(tokens[:-1]):
        if token.kind is not Kind.OPERATOR or token.text not in _PATHS or index == 0:
            continue
        steps, past = _path(edit, index + 1)
        if steps is not None:
            pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
            edit.replace_tokens(index, past, f"{_PATHS[token.text]} {quote_string(pointer)}")


def _path(edit: StatementEdit, index: int) -> tuple[list[str] | None, int]:
    """The steps of a path that is a constant, ``'{a,1}'`` or ``ARRAY['a', '1']``, and where it ends."""
    tokens = edit.tokens
    if tokens[index].kind is Kind.STRING:
        past = index + 1
        if past + 3 < len(tokens) and [token.text for token in tokens[past : past + 4]] == ["::", "text", "[", "]"]:
            past += 4
        return _steps(string_value(tokens[index].text)), past
    closing = edit.brackets.partner(index + 1) if index + 1 < len(tokens) and tokens[index].is_word("array") else None
    if closing is None:
        return None, index
    items = edit.brackets.items(index + 2, closing)
    if any(past - first != 1 or tokens[first].kind is not Kind.STRING for first, past in items):
        return None, index
    return [string_value(tokens[first].text) for first, _ in items], closing + 1


_STEP = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^{},"\\\s][^{},"\\]*))\s*(,|\}\s*\Z)', re.DOTALL)


def _steps(value: str) -> list[str] | None:
    """The items of an array's text with one dimension and no NULL; None of any other text."""
    value = value.strip()
    if value == "{}":
        return []
    steps: list[str] = []
    position = 1 if value.startswith("{") else len(value)
    while position < len(value):
        match = _STEP.match(value, position)
        if match is None:
            return None
        quoted, plain, sign = match.groups()
        if plain is not None and plain.strip().upper() == "NULL":
            return None
        steps.append(plain.rstrip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        position = match.end()
        if sign != ",":
            return steps
    return None


def bracket_json_operators(edit: StatementEdit, context: TranslationContext) -> None:
    """Put each chain of arrows in parentheses where something before it would take its first operand away."""
    tokens = edit.tokens
    first: int | None = None
    for index, token in enumerate(tokens):
        if token.kind is not Kind.OPERATOR or token.text not in _ARROWS or index == 0:
            continue
        start = edit.brackets.operand_start(index)
        if token.text == "->" and _is_lambda(edit, start):
            continue
        # a -> 'b' ->> 'c': the operand of the second is what the first gives.
        chained = first is not None and start > 0 and tokens[start - 1].text in _ARROWS
        if not chained:
            first = start
        past = edit.brackets.operand_past(index + 1)
        if past == index + 1 or (past < len(tokens) and tokens[past].text in _ARROWS):
            continue
        if first is not None and _is_bound(edit, first):
            edit.wrap_tokens(first, past, "(", ")")


def _is_bound(edit: StatementEdit, index: int) -> bool:
    """Whether an operator stands before the operand that begins at ``index``."""
    if index == 0:
        return False
    before = edit.tokens[index - 1]
    if before.is_word("from"):
        return index > 1 and edit.tokens[index - 2].is_word("distinct")
    return before.word in _BINDING_WORDS or (before.kind is Kind.OPERATOR and before.text not in _ARROWS)


def _is_lambda(edit: StatementEdit, start: int) -> bool:
    """``list_filter(l, x -> x > 1)``: whether what begins at ``start`` names a lambda's parameters."""
    tokens = edit.tokens
    if start == 0 or tokens[start - 1].text not in ("(", ","):
        return False
    for index in range(start - 1, 0, -1):
        partner = edit.brackets.partner(index)
        if tokens[index].text == "(" and partner is not None and partner > start:
            return tokens[index - 1].name in _LAMBDA_FUNCTIONS
    return False


def merge_json(edit: StatementEdit, context: TranslationContext) -> None:
    """``||`` with an operand that says that it is JSON.

    Raises:
        FeatureNotSupported: In a definition, which would be kept with a function that only this server has.
    """
    if edit.words.isdisjoint(_JSON_TYPES | _JSON_FUNCTIONS):
        return
    tokens = edit.tokens
    index = 1
    while index < len(tokens):
        if tokens[index].text == "||":
            index = _merge_chain(edit, context, index)
        index += 1


def _merge_chain(edit: StatementEdit, context: TranslationContext, index: int) -> int:
    """Rewrite ``a || b || c`` from its first operator on; gives the last token that belongs to it."""
    tokens = edit.tokens
    first = edit.brackets.operand_start(index)
    operators: list[int] = []
    ends: list[int] = []
    is_json = _is_json(edit, first, index)
    past = index
    while past < len(tokens) and tokens[past].text == "||":
        end = edit.brackets.operand_past(past + 1)
        if end == past + 1:
            return past
        operators.append(past)
        ends.append(end)
        is_json = is_json or _is_json(edit, past + 1, end)
        past = end
    if is_json:
        if tokens[0].is_word("create", "alter"):
            raise FeatureNotSupported(
                "|| of JSON values is not supported in a definition",
                position=edit.source.offset + tokens[index].start + 1,
            )
        function = vocabulary.function_name("jsonb_concat", live=context.live)
        for operator, end in zip(operators, ends, strict=True):
            edit.wrap_tokens(first, end, f"{function}(", ")")
            edit.replace_tokens(operator, operator + 1, ",")
    return past - 1


def _is_json(edit: StatementEdit, first: int, past: int) -> bool:
    tokens = edit.tokens
    if past - first > 2 and tokens[past - 2].text == "::":
        return tokens[past - 1].word in _JSON_TYPES
    # jsonb '{}', and calls
    return tokens[first].word in _JSON_TYPES | _JSON_FUNCTIONS and past > first + 1
