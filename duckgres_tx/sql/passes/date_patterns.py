"""``to_char(t, 'YYYY-MM-DD')``, ``to_date`` and ``to_timestamp``: PostgreSQL's patterns as those of DuckDB's strftime.

Only patterns that are constants: DuckDB has to know a format when it plans. What strftime can't write (``MONTH``, ``FMDD``,
``DDth``) is a part of its own, put together with the others.

Spec: functions-formatting.html
"""

from __future__ import annotations

import re
from typing import Final

from duckgres_tx.errors import FeatureNotSupported
from duckgres_tx.sql.edits import StatementEdit
from duckgres_tx.sql.tokens import Kind, quote_string, string_value
from duckgres_tx.sql.translation_context import TranslationContext

_FUNCTIONS: Final = frozenset(("to_char", "to_date", "to_timestamp"))
# Pieces that strftime and strptime know, both ways.
_FORMATS: Final = {
    "YYYY": "%Y", "YY": "%y", "MM": "%m", "Mon": "%b", "DDD": "%j", "DD": "%d", "Dy": "%a", "HH24": "%H", "HH12": "%I",
    "HH": "%I", "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f", "AM": "%p", "PM": "%p", "IYYY": "%G", "IW": "%V",
}  # fmt: skip
# What else may be read: strptime doesn't mind the case.
_READ: Final = {
    "MONTH": "%B", "Month": "%B", "month": "%B", "MON": "%b", "mon": "%b", "DAY": "%A", "Day": "%A", "day": "%A",
    "DY": "%a", "dy": "%a", "am": "%p", "pm": "%p",
}  # fmt: skip
_SECONDS: Final = (
    "CAST(extract(hour FROM x) * 3600 + extract(minute FROM x) * 60 + floor(extract(second FROM x)) AS BIGINT)"
)
_HALF: Final = "CASE strftime(x, '%p') WHEN 'AM' THEN 'A.M.' ELSE 'P.M.' END"
# What has to be computed, of a date or time x.
_COMPUTED: Final = {
    "YYY": "right(strftime(x, '%Y'), 3)",
    "Y": "right(strftime(x, '%Y'), 1)",
    "CC": "lpad(CAST(extract(century FROM x) AS VARCHAR), 2, '0')",
    "Q": "CAST(extract(quarter FROM x) AS VARCHAR)",
    "Month": "rpad(strftime(x, '%B'), 9, ' ')",
    "Day": "rpad(strftime(x, '%A'), 9, ' ')",
    "WW": "lpad(CAST((extract(doy FROM x) - 1) // 7 + 1 AS VARCHAR), 2, '0')",
    "W": "CAST((extract(day FROM x) - 1) // 7 + 1 AS VARCHAR)",
    "IDDD": "lpad(CAST((extract(week FROM x) - 1) * 7 + extract(isodow FROM x) AS VARCHAR), 3, '0')",
    "D": "CAST(extract(dow FROM x) + 1 AS VARCHAR)",
    "ID": "CAST(extract(isodow FROM x) AS VARCHAR)",
    "J": "CAST(CAST(extract(julian FROM CAST(x AS DATE)) AS BIGINT) AS VARCHAR)",
    "SSSSS": f"CAST({_SECONDS} AS VARCHAR)",
    "SSSS": f"CAST({_SECONDS} AS VARCHAR)",
    "A.M.": _HALF,
    "P.M.": _HALF,
    "TZ": "upper(strftime(x, '%Z'))",
}
_NAMES: Final = ("Month", "Mon", "Day", "Dy", "AM", "PM", "A.M.", "P.M.", "TZ")
_WORDS: Final = {**{name.upper(): name for name in _NAMES}, **{name.lower(): name for name in _NAMES}}
_PIECES: Final = "|".join(
    map(re.escape, sorted({*_FORMATS, *_COMPUTED, *_WORDS}, key=lambda piece: (-len(piece), piece)))
)
_CUT: Final = re.compile(rf'"([^"]*)"|(FM)?({_PIECES})(TH|th)?|(.)', re.DOTALL)
_ORDINAL: Final = (
    "CASE WHEN regexp_matches({0}, '1[123]$') OR NOT regexp_matches({0}, '[123]$') THEN 'th' "
    "ELSE CASE right({0}, 1) WHEN '1' THEN 'st' WHEN '2' THEN 'nd' ELSE 'rd' END END"
)
_OF_NUMBERS: Final = re.compile(r"[09]")


def translate_date_patterns(edit: StatementEdit, context: TranslationContext) -> None:
    """Rewrite calls whose pattern is a constant.

    Raises:
        FeatureNotSupported: The pattern is one for numbers.
    """
    if edit.words.isdisjoint(_FUNCTIONS):
        return
    tokens = edit.tokens
    for index, token in enumerate(tokens[:-1]):
        if token.word not in _FUNCTIONS or tokens[index + 1].text != "(":
            continue
        closing = edit.brackets.partner(index + 1)
        if closing is None or tokens[closing - 1].kind is not Kind.STRING or tokens[closing - 2].text != ",":
            continue
        pattern = string_value(tokens[closing - 1].text)
        if token.word == "to_char":
            _write(edit, index, closing, pattern)
        else:
            kind = "DATE" if token.word == "to_date" else "TIMESTAMPTZ"
            edit.replace_tokens(index, index + 2, "CAST(strptime(")
            edit.replace(
                tokens[closing - 1].start, tokens[closing].end, f"{quote_string(_reading(pattern))}) AS {kind})"
            )


def _reading(pattern: str) -> str:
    made = []
    for quoted, _, piece, _, other in _CUT.findall(pattern):
        form = _READ.get(piece) or _FORMATS.get(piece)
        made.append(form or (quoted or other or piece).replace("%", "%%"))
    return "".join(made)


def _write(edit: StatementEdit, index: int, closing: int, pattern: str) -> None:
    tokens = edit.tokens
    parts = _parts(pattern)
    if _OF_NUMBERS.search(pattern) and not any(piece for _, _, piece, _, _ in _CUT.findall(pattern)):
        raise FeatureNotSupported(
            "to_char with a pattern for numbers is not supported",
            position=edit.source.offset + tokens[closing - 1].start + 1,
        )
    if len(parts) == 1 and parts[0].startswith("strftime(x, "):
        edit.replace_tokens(index, index + 2, "strftime(")
        edit.replace(tokens[closing - 1].start, tokens[closing].end, parts[0].removeprefix("strftime(x, "))
        return
    # The value is named once, whatever it is.
    edit.replace_tokens(index, index + 2, "list_transform([")
    edit.replace(tokens[closing - 2].start, tokens[closing].end, f"], lambda x: {' || '.join(parts)})[1]")


def _parts(pattern: str) -> list[str]:
    """Expressions of x: what strftime can write together is one."""
    parts: list[str] = []
    form = ""

    def flush() -> None:
        nonlocal form
        if form:
            # Text alone is NULL too where there is no date.
            parts.append(f"strftime(x, {quote_string(form)})")
            form = ""

    for quoted, fill, piece, ordinal, other in _CUT.findall(pattern):
        if not piece:
            form += (quoted or other).replace("%", "%%")
        elif piece in _FORMATS and not fill and not ordinal:
            form += _FORMATS[piece]
        else:
            flush()
            parts.append(_computed(piece, ordinal, fill=bool(fill)))
    flush()
    return parts


def _computed(piece: str, ordinal: str, *, fill: bool) -> str:
    name = piece if piece in _COMPUTED or piece in _FORMATS else _WORDS[piece]
    value = _COMPUTED.get(name) or f"strftime(x, '{_FORMATS[name]}')"
    if piece != name:
        value = f"{'upper' if piece.isupper() else 'lower'}({value})"
    if fill:
        value = f"trim({value})" if name in _NAMES else f"regexp_replace({value}, '^0+(.)', '\\1')"
    if ordinal:
        ending = _ORDINAL.format(value)
        value = f"{value} || {f'upper({ending})' if ordinal == 'TH' else ending}"
    return f"({value})"
