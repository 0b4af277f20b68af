"""PostgreSQL's names for the columns of a select list that have no alias.

DuckDB calls ``count(*)`` ``count_star()`` and ``'a'::text`` ``CAST('a' AS VARCHAR)``; clients and ORMs look results up
by PostgreSQL's names. The rules are those of FigureColname in PostgreSQL's parser.

Spec: queries-select-lists.html#QUERIES-COLUMN-LABELS
"""

from __future__ import annotations

from duckgres_tx.sql.brackets import LITERAL_TYPES, Brackets
from duckgres_tx.sql.split import SourceStatement
from duckgres_tx.sql.tokens import Kind, Token

UNNAMED = "?column?"
"""PostgreSQL's name for an expression that nothing names."""

_LIST_ENDS_WORDS = """
    from where group having window order limit offset fetch union intersect except into for qualify using sample
    returning
"""
_LIST_ENDS = frozenset(_LIST_ENDS_WORDS.split())
# SQL's spellings of types and PostgreSQL's own names, which are what a cast gives its column.
_TYPE_NAMES = {
    "int": "int4",
    "integer": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "double": "float8",
    "decimal": "numeric",
    "dec": "numeric",
    "boolean": "bool",
    "character varying": "varchar",
    "national character varying": "varchar",
    "character": "bpchar",
    "national character": "bpchar",
    "char": "bpchar",
    "char varying": "varchar",
    "bit varying": "varbit",
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time with time zone": "timetz",
    "time without time zone": "time",
}
# Functions without parentheses, and keywords that PostgreSQL's grammar turns into named calls.
_VALUE_FUNCTIONS_WORDS = """
    current_date current_time current_timestamp localtime localtimestamp current_role current_user session_user
    user system_user current_catalog current_schema
"""
_VALUE_FUNCTIONS = frozenset(_VALUE_FUNCTIONS_WORDS.split())
_NAMED_KEYWORDS = {"trim": "btrim"}
# Binary operators that are words: an expression with one at its top has no name.
_WORD_OPERATORS_WORDS = """
    and or not is in like ilike similar between at collate isnull notnull overlaps operator glob
"""
_WORD_OPERATORS = frozenset(_WORD_OPERATORS_WORDS.split())
# What an expression may have before its last name: IS DISTINCT FROM b, AT TIME ZONE z, OVER w, LIKE x ESCAPE e.
_BEFORE_NAMES = frozenset(("distinct", "from", "zone", "over", "escape", "to"))


def column_names(statement: SourceStatement) -> tuple[str | None, ...] | None:
    """The names of a query's result columns, as far as the text tells.

    Gives one entry per item of the select list (or of RETURNING); None where DuckDB's own name is right: an alias, a
    column, a star. Gives None instead of a tuple when the number of columns can't be told (a star somewhere), or when
    the statement is no query with a list.
    """
    brackets = Brackets(statement.tokens)
    if statement.tokens[0].is_word("values") and len(statement.tokens) > 1:
        return _values_names(statement.tokens, brackets)
    found = _list_range(statement.tokens, brackets)
    if found is None:
        return None
    names: list[str | None] = []
    for first, past in brackets.items(*found):
        if _is_star(statement.tokens, first, past):
            return None
        names.append(
            None if _has_alias(statement.tokens, brackets, first, past) else _name(statement, brackets, first, past)
        )
    return tuple(names) if any(name is not None for name in names) else None


def list_names(brackets: Brackets, select: int) -> list[tuple[int, str]]:
    """The names of the items without alias of the list after a SELECT, each with the token after the item's last one.

    Plain columns are left out: they keep their names.
    """
    tokens = brackets.tokens
    named: list[tuple[int, str]] = []
    for first, past in brackets.items(*_list_after(brackets, select, brackets.depth_zero(select))):
        if _is_star(tokens, first, past) or _is_column(tokens, first, past):
            continue
        if not _has_alias(tokens, brackets, first, past):
            name, _ = _figure(brackets, first, past)
            named.append((past, name or UNNAMED))
    return named


def bare_labels(brackets: Brackets, word: int) -> list[int]:
    """The labels without AS in the list after a SELECT or RETURNING at ``word``."""
    tokens = brackets.tokens
    return [
        past - 1
        for first, past in brackets.items(*_list_after(brackets, word, brackets.depth_zero(word)))
        if past - first > 1 and not _is_star(tokens, first, past) and _has_bare_label(brackets, first, past)
    ]


def _values_names(tokens: tuple[Token, ...], brackets: Brackets) -> tuple[str | None, ...] | None:
    closing = brackets.partner(1)
    if closing is None:
        return None
    return tuple(f"column{number}" for number, _ in enumerate(brackets.items(2, closing), 1))


def _list_range(tokens: tuple[Token, ...], brackets: Brackets) -> tuple[int, int] | None:
    """Where the list of output columns begins and ends."""
    outer = brackets.depth_zero()
    word = next((i for i in outer if tokens[i].is_word("select", "returning", "values", "from")), None)
    if tokens[0].text == "(":
        # (SELECT …) UNION …: the first branch names the columns.
        outer = brackets.depth_zero(1, brackets.partner(0))
        word = next((i for i in outer if tokens[i].is_word("select")), None)
    if tokens[0].is_word("insert", "update", "delete", "merge"):
        word = next((i for i in outer if tokens[i].is_word("returning")), None)
    elif not (tokens[0].is_word("select", "with") or tokens[0].text == "("):
        return None
    if word is None or not tokens[word].is_word("select", "returning"):
        return None
    first, past = _list_after(brackets, word, outer)
    return (first, past) if first < past else None


def _list_after(brackets: Brackets, word: int, outer: list[int]) -> tuple[int, int]:
    """The list after SELECT or RETURNING at ``word``; ``outer`` are the tokens at its level of brackets."""
    tokens = brackets.tokens
    first = word + 1
    if first < len(tokens) and tokens[first].is_word("distinct", "all"):
        first += 1
        if first + 1 < len(tokens) and tokens[first].is_word("on") and tokens[first + 1].text == "(":
            first = (brackets.partner(first + 1) or first) + 1
    last = outer[-1] + 1
    if tokens[outer[-1]].text in ("(", "[", "{"):
        last = (brackets.partner(outer[-1]) or outer[-1]) + 1
    return first, next((i for i in outer if i >= first and _ends_list(tokens, i)), last)


def _ends_list(tokens: tuple[Token, ...], index: int) -> bool:
    # A bracket that was opened outside ends the list of a subquery; one opened inside doesn't.
    if tokens[index].text in (")", "]", "}"):
        return True
    # These don't end it: "is distinct from", "within group".
    before = tokens[index - 1]
    if (tokens[index].is_word("from") and before.is_word("distinct")) or before.is_word("within"):
        return False
    return tokens[index].word in _LIST_ENDS and tokens[index].word != ""


def _is_star(tokens: tuple[Token, ...], first: int, past: int) -> bool:
    if tokens[first].text == "*" or tokens[first].is_word("columns", "unnest"):
        return True
    # t.*, t.* EXCLUDE (…), (composite).*
    return any(tokens[i].text == "*" and tokens[i - 1].text == "." for i in range(first + 1, past))


def _has_alias(tokens: tuple[Token, ...], brackets: Brackets, first: int, past: int) -> bool:
    outer = brackets.depth_zero(first, past)
    if len(outer) < 2:
        return False
    if any(tokens[i].is_word("as") for i in outer[1:]):
        return True
    # DuckDB's name: expression
    if tokens[first].name and tokens[first + 1].text == ":":
        return True
    return outer[-1] == past - 1 and _has_bare_label(brackets, first, past)


def _has_bare_label(brackets: Brackets, first: int, past: int) -> bool:
    last, before = brackets.tokens[past - 1], brackets.tokens[past - 2]
    if not last.name or last.is_word("end") or before.is_word("as"):
        return False
    return _ends_operand(before) and not _continues_type(brackets, first, past)


def _ends_operand(token: Token) -> bool:
    """Whether an expression may end with this token, so that a name after it is an alias."""
    if token.kind in (Kind.STRING, Kind.NUMBER, Kind.PARAMETER, Kind.QUOTED_NAME) or token.text in (")", "]", "}"):
        return True
    return token.word != "" and token.word not in _WORD_OPERATORS and token.word not in _BEFORE_NAMES


def _continues_type(brackets: Brackets, first: int, past: int) -> bool:
    """Whether the last word belongs to the type name of a cast: ``x::double precision``."""
    tokens = brackets.tokens
    if _last_cast(brackets, first, past) is not None:
        return True
    # interval '1' day
    return tokens[past - 2].kind is Kind.STRING and past - 3 >= first and tokens[past - 3].is_word("interval")


def _name(statement: SourceStatement, brackets: Brackets, first: int, past: int) -> str | None:
    """The name of an expression without alias; None for a plain column, which DuckDB names as PostgreSQL does."""
    found, _ = _figure(brackets, first, past)
    if found is None:
        return UNNAMED
    if _is_column(brackets.tokens, first, past):
        last = brackets.tokens[past - 1]
        # DuckDB keeps the spelling of the column, PostgreSQL that of the query.
        return last.name
    return found


def _is_column(tokens: tuple[Token, ...], first: int, past: int) -> bool:
    return all(
        (token.name != "") if (i - first) % 2 == 0 else token.text == "."
        for i, token in enumerate(tokens[first:past], first)
    )


def _figure(brackets: Brackets, first: int, past: int) -> tuple[str | None, int]:
    """FigureColnameInternal: a name and its strength (0 none, 1 weak: a type's or a case's, 2 strong)."""
    tokens = brackets.tokens
    if first >= past:
        return None, 0
    if tokens[first].text == "(" and brackets.partner(first) == past - 1:
        return _figure_parenthesised(brackets, first, past)
    start = brackets.operand_start(past) if past <= len(tokens) else first
    if start > first:
        return _figure_unfinished(brackets, first, past)
    cast = _last_cast(brackets, first, past)
    if cast is not None:
        name, strength = _figure(brackets, first, cast)
        return (name, strength) if strength > 1 else (type_name(brackets, cast + 1), 1)
    return _figure_primary(brackets, first, past)


def _last_cast(brackets: Brackets, first: int, past: int) -> int | None:
    """The ``::`` whose type name ends the expression."""
    for index in reversed(brackets.depth_zero(first, past)):
        if brackets.tokens[index].text == "::":
            return index if brackets.type_past(index + 1) == past else None
    return None


def _figure_unfinished(brackets: Brackets, first: int, past: int) -> tuple[str | None, int]:
    """An expression that isn't one operand: COLLATE keeps its operand's name, operators have none."""
    tokens = brackets.tokens
    outer = brackets.depth_zero(first, past)
    words = [i for i in outer if tokens[i].word in _WORD_OPERATORS and tokens[i].word]
    operators = [i for i in outer if tokens[i].kind is Kind.OPERATOR and tokens[i].text != "::"]
    if not operators and len(words) == 1 and tokens[words[0]].is_word("collate"):
        return _figure(brackets, first, words[0])
    # interval '1' day: a cast to interval.
    if (
        tokens[first].is_word("interval")
        and first + 1 < past
        and tokens[first + 1].kind is Kind.STRING
        and not operators
    ):
        return "interval", 1
    if not operators and len(words) == 1 and tokens[words[0]].is_word("at"):
        # x AT TIME ZONE y is a call of timezone().
        return "timezone", 2
    return None, 0


def _figure_parenthesised(brackets: Brackets, first: int, past: int) -> tuple[str | None, int]:
    tokens = brackets.tokens
    inner = first + 1
    if tokens[inner].is_word("select", "with", "values", "from", "table"):
        return _figure_subquery(brackets, inner, past - 1)
    if brackets.commas(inner, past - 1):
        return "row", 2
    return _figure(brackets, inner, past - 1)


def _figure_subquery(brackets: Brackets, first: int, past: int) -> tuple[str | None, int]:
    """(SELECT a …) has the name of its one column."""
    tokens = brackets.tokens
    outer = brackets.depth_zero(first, past)
    select = next((i for i in outer if tokens[i].is_word("select", "values")), None)
    if select is None:
        return None, 0
    if tokens[select].is_word("values"):
        return "column1", 2
    end = next((i for i in outer if i > select and _ends_list(tokens, i)), past)
    item = select + 1
    if item < end and tokens[item].is_word("distinct", "all"):
        item += 1
    if item >= end:
        return None, 0
    if _has_alias(tokens, brackets, item, end):
        return tokens[end - 1].name, 2
    return _figure(brackets, item, end)


def _figure_primary(brackets: Brackets, first: int, past: int) -> tuple[str | None, int]:
    tokens = brackets.tokens
    token, last = tokens[first], tokens[past - 1]
    if token.is_word("case") and last.is_word("end"):
        return _figure_case(brackets, first, past)
    if last.kind is Kind.STRING and past - first > 1 and token.word in LITERAL_TYPES:
        return type_name(brackets, first), 1
    if past - first == 1:
        if token.word in _VALUE_FUNCTIONS or token.name:
            return (None, 0) if token.is_word("true", "false", "null") else (token.name, 2)
        return None, 0
    if last.text == "]":
        opening = brackets.partner(past - 1) or first
        if tokens[opening - 1].is_word("array") and opening - 1 == first:
            return "array", 2
        return (None, 0) if opening == first else _figure(brackets, first, opening)
    if last.text == ")" or tokens[past - 2].is_word("over"):
        return _figure_call(brackets, first, past)
    # A qualified name, or a field of a composite.
    return (last.name, 2) if last.name else (None, 0)


def _figure_case(brackets: Brackets, first: int, past: int) -> tuple[str | None, int]:
    """CASE has the name of its ELSE when that is a strong one."""
    tokens = brackets.tokens
    depth, start = 0, None
    for index in range(first + 1, past - 1):
        if tokens[index].is_word("case"):
            depth += 1
        elif tokens[index].is_word("end"):
            depth -= 1
        elif depth == 0 and tokens[index].is_word("else"):
            start = index + 1
    if start is not None:
        name, strength = _figure(brackets, start, past - 1)
        if strength > 1:
            return name, strength
    return "case", 1


def _figure_call(brackets: Brackets, first: int, past: int) -> tuple[str | None, int]:
    """A call: the function's name; CAST is a cast, and the keywords of the grammar have names of their own."""
    tokens = brackets.tokens
    # The name stands before the first parenthesis: FILTER and OVER come after it.
    opening = next(i for i in range(first, past) if tokens[i].text == "(")
    if opening == first:
        return None, 0
    word = tokens[opening - 1]
    if word.is_word("cast", "try_cast") and opening - 1 == first:
        closing = brackets.partner(opening) or past - 1
        inner = brackets.depth_zero(opening + 1, closing)
        as_index = next((i for i in inner if tokens[i].is_word("as")), None)
        if as_index is None:
            return None, 0
        name, strength = _figure(brackets, opening + 1, as_index)
        return (name, strength) if strength > 1 else (type_name(brackets, as_index + 1), 1)
    if word.is_word("trim"):
        return _trim_name(tokens, opening), 2
    return (_NAMED_KEYWORDS.get(word.word, word.name), 2) if word.name else (None, 0)


def _trim_name(tokens: tuple[Token, ...], opening: int) -> str:
    return {"leading": "ltrim", "trailing": "rtrim"}.get(tokens[opening + 1].word, "btrim")


def type_name(brackets: Brackets, index: int) -> str:
    """PostgreSQL's own name of the type that is written from token ``index`` on: ``int4`` for ``integer``."""
    tokens = brackets.tokens
    words: list[str] = []
    past = brackets.type_past(index)
    at = index
    while at < past and tokens[at].text != "[" and not tokens[at].is_word("array"):
        if tokens[at].text == "(":
            at = (brackets.partner(at) or past) + 1
            continue
        words.append(tokens[at].name or tokens[at].text)
        at += 1
    # pg_catalog.int4
    while len(words) > 2 and words[1] == ".":
        words = words[2:]
    quoted = past == index + 1 and tokens[index].kind is Kind.QUOTED_NAME
    name = " ".join(words)
    return name if quoted else _TYPE_NAMES.get(name, name)
