"""The little structure that span edits need: bracket pairs, operands to the left of ``::``, type names.

No parser: what is asked of a token sequence is only where something begins and ends.
"""

from __future__ import annotations

from duckgres_tx.sql.tokens import Kind, Token

# Words that stand before a parenthesis without being its function.
_NO_FUNCTION_WORDS = """
    select where and or not in as on by having limit offset values from using union all except intersect
    distinct then else when case is between like ilike similar returning set into join any some with over
    filter group order if check references primary unique default table recursive only lateral window
    partition end qualify
"""
_NO_FUNCTION = frozenset(_NO_FUNCTION_WORDS.split())
# … of which these belong to the parenthesis all the same when an operand is looked for.
_QUANTIFIERS = frozenset(("any", "some", "all"))
# Type names of more than one word: the last word and what may come before it.
_SECOND_TYPE_WORDS = {"precision": ("double",), "varying": ("character", "char", "nchar", "bit", "varchar")}
_TYPE_SUFFIX = (("with", "time", "zone"), ("without", "time", "zone"))
_LITERAL_TYPE_WORDS = """
    date time timestamp timestamptz timetz interval bool boolean int int2 int4 int8 integer bigint smallint numeric decimal
    float float4 float8 real precision varying text varchar char character bpchar json jsonb uuid bytea bit regclass regtype
    inet cidr macaddr point
"""
LITERAL_TYPES = frozenset(_LITERAL_TYPE_WORDS.split())
"""Words that may stand before a string constant to say its type, or end such a type's name."""


class Brackets:
    """Looks into a statement's tokens; every index is a token's, every "past" the index after the last."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self._partner = _pair(tokens)

    def partner(self, index: int) -> int | None:
        """The bracket that belongs to the bracket at ``index``; None when it has none."""
        return self._partner.get(index)

    def depth_zero(self, first: int = 0, past: int | None = None) -> list[int]:
        """The tokens in a range that stand in no bracket opened within it; an opening bracket counts as outside."""
        found: list[int] = []
        index, end = first, len(self.tokens) if past is None else past
        while index < end:
            found.append(index)
            partner = self._partner.get(index)
            index = partner + 1 if partner is not None and partner > index else index + 1
        return found

    def commas(self, first: int, past: int) -> list[int]:
        """The commas in a range that stand in no bracket opened within it."""
        return [index for index in self.depth_zero(first, past) if self.tokens[index].text == ","]

    def items(self, first: int, past: int) -> list[tuple[int, int]]:
        """What commas separate in a range: the first token of each item, and the one past it; empty ones are left out."""
        commas = self.commas(first, past)
        starts = (first, *(comma + 1 for comma in commas))
        return [(start, end) for start, end in zip(starts, (*commas, past), strict=True) if start < end]

    def ends_operand(self, index: int) -> bool:
        """Whether token ``index`` may be the last of an operand, so that an operator behind it stands between two."""
        token = self.tokens[index]
        if token.kind in (Kind.STRING, Kind.NUMBER, Kind.PARAMETER, Kind.QUOTED_NAME) or token.text in (")", "]", "}"):
            return True
        return token.word != "" and (token.word == "end" or token.word not in _NO_FUNCTION)

    def operand_start(self, index: int) -> int:
        """Where the operand begins that ends before token ``index``: the left side of a ``::`` or of a ``[``.

        Takes in casts that bind as tightly (``a::int`` of ``a::int::text``), qualified names, calls with their
        FILTER and OVER, subscripts, CASE … END, and typed literals (``date '2020-01-01'``). A sign before a number
        is not part of it, as in PostgreSQL.
        """
        start = self._primary_start(index)
        while start > 0:
            before = self.tokens[start - 1]
            field = before.text == "." and start > 1 and self.tokens[start - 2].text == ")"
            if before.text != "::" and not field:
                break
            start = self._primary_start(start - 1)
        return start

    def operand_past(self, index: int) -> int:
        """Where a simple operand ends that begins at token ``index``; ``index`` itself when there is none.

        Takes in a constant with its sign or its type, a qualified name, a call, something in parentheses; each with its casts.
        """
        tokens, end = self.tokens, len(self.tokens)
        if index + 1 < end and tokens[index].text in ("-", "+") and tokens[index + 1].kind is Kind.NUMBER:
            index += 1
        if index >= end:
            return index
        past = index + 1
        if tokens[index].text == "(":
            past = self._partner.get(index, index) + 1
        elif tokens[index].kind not in (Kind.STRING, Kind.PARAMETER, Kind.NUMBER):
            if not tokens[index].name:
                return index
            while past + 1 < end and tokens[past].text == "." and tokens[past + 1].name:
                past += 2
            if past < end and tokens[past].text == "(":
                past = self._partner.get(past, past) + 1
            if past < end and tokens[past].kind is Kind.STRING and tokens[past - 1].word in LITERAL_TYPES:
                past += 1
        while past < end and tokens[past].text == "::":
            past = self.type_past(past + 1)
        return past

    def _primary_start(self, index: int) -> int:
        last = index - 1
        token = self.tokens[last]
        if token.text in (")", "]", "}"):
            return self._bracketed_start(last)
        if token.is_word("end"):
            return self._case_start(last)
        if token.kind is Kind.STRING:
            return self._literal_start(last)
        if token.is_word("zone") and last >= 2 and self.tokens[last - 1].is_word("time"):
            # timestamp(3) with time zone
            return self._primary_start(last - 2)
        if token.word in _SECOND_TYPE_WORDS and last and self.tokens[last - 1].word in _SECOND_TYPE_WORDS[token.word]:
            return last - 1
        if last > 1 and self.tokens[last - 1].is_word("over") and self.tokens[last - 2].text == ")":
            # count(*) over w
            return self._primary_start(last - 1)
        return self._name_start(last)

    def _name_start(self, last: int) -> int:
        """The first part of a qualified name whose last part is at ``last``."""
        while last >= 2 and self.tokens[last - 1].text == "." and self.tokens[last - 2].name:
            last -= 2
        return last

    def _literal_start(self, last: int) -> int:
        if not last:
            return last
        if self.tokens[last - 1].word in LITERAL_TYPES:
            return self._primary_start(last)
        # timestamp with time zone '…', and not: x at time zone '…'
        if tuple(token.word for token in self.tokens[max(0, last - 3) : last]) in _TYPE_SUFFIX:
            return self._primary_start(last)
        return last

    def _case_start(self, last: int) -> int:
        depth = 0
        for index in range(last, -1, -1):
            if self.tokens[index].is_word("end"):
                depth += 1
            elif self.tokens[index].is_word("case"):
                depth -= 1
                if depth == 0:
                    return index
        return last

    def _bracketed_start(self, last: int) -> int:
        first = self._partner.get(last)
        if first is None or first == 0:
            return last if first is None else first
        before = self.tokens[first - 1]
        if self.tokens[last].text == "]":
            # A subscript, ARRAY[…], or DuckDB's list literal.
            is_subscript = before.text in (")", "]") or before.kind is Kind.QUOTED_NAME or before.kind is Kind.PARAMETER
            if before.is_word("array"):
                return first - 1
            if is_subscript or (before.word and before.word not in _NO_FUNCTION):
                return self.operand_start(first)
            return first
        if before.is_word("filter", "over") or (before.is_word("group") and self.tokens[first - 2].is_word("within")):
            return self._primary_start(first - (2 if before.word == "group" else 1))
        if before.word in _QUANTIFIERS or (before.name and before.word not in _NO_FUNCTION):
            return self._name_start(self._before_type_suffix(first - 1))
        return first

    def _before_type_suffix(self, index: int) -> int:
        second = self.tokens[index].word
        if second in _SECOND_TYPE_WORDS and index and self.tokens[index - 1].word in _SECOND_TYPE_WORDS[second]:
            return index - 1
        return index

    def type_past(self, index: int) -> int:
        """Where the type name ends that begins at token ``index``; ``index`` itself when there is none.

        Takes in qualification, ``double precision`` and its like, modifiers, ``with time zone``, ``[]``, ``array``.
        """
        tokens, end = self.tokens, len(self.tokens)
        if index >= end or not tokens[index].name:
            return index
        past = index + 1
        while past + 1 < end and tokens[past].text == "." and tokens[past + 1].name:
            past += 2
        if past < end and tokens[past].is_word("precision", "varying"):
            past += 1
        elif tokens[index].is_word("national") and past < end and tokens[past].is_word("character", "char"):
            past += 2 if past + 1 < end and tokens[past + 1].is_word("varying") else 1
        if past < end and tokens[past].text == "(":
            past = self._partner.get(past, past) + 1
        if tuple(token.word for token in tokens[past : past + 3]) in _TYPE_SUFFIX:
            past += 3
        if past < end and tokens[past].is_word("array"):
            past += 1
        while past < end and tokens[past].text == "[":
            past = self._partner.get(past, past) + 1
        return past


def _pair(tokens: tuple[Token, ...]) -> dict[int, int]:
    opened: list[int] = []
    partner: dict[int, int] = {}
    closes = {")": "(", "]": "[", "}": "{"}
    for index, token in enumerate(tokens):
        if token.kind is not Kind.PUNCTUATION:
            continue
        if token.text in "([{":
            opened.append(index)
        elif token.text in closes and opened and tokens[opened[-1]].text == closes[token.text]:
            first = opened.pop()
            partner[first], partner[index] = index, first
    return partner
