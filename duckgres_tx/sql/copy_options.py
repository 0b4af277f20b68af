"""What COPY's options mean together: read and checked, in PostgreSQL's words for what doesn't go.

They are PostgreSQL 16's, with ``*`` for all columns where 17 has that.

Spec: sql-copy.html#SQL-COPY
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping

from attrs import evolve, frozen

from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.sql.forms import CopyOption


class CopyFormat(enum.Enum):
    """How the stream is written."""

    TEXT = "text"
    CSV = "csv"
    BINARY = "binary"


class Header(enum.Enum):
    """What is done about a first line of names."""

    NONE = "false"
    PRESENT = "true"
    MATCH = "match"


# Every column, in place of names.
EVERY = "*"
Columns = tuple[str, ...] | str


@frozen
class CopyOptions:
    """COPY's options.

    ``delimiter``, ``quote`` and ``escape`` are one byte each; ``default`` is None when no marker is given. The columns of
    the force options are names, or ``*``.
    """

    format: CopyFormat = CopyFormat.TEXT
    delimiter: str = "\t"
    null: str = "\\N"
    default: str | None = None
    header: Header = Header.NONE
    quote: str = '"'
    escape: str = '"'
    force_quote: Columns = ()
    force_not_null: Columns = ()
    force_null: Columns = ()
    freeze: bool = False


def read_options(options: Iterable[CopyOption], *, to_client: bool) -> CopyOptions:
    """What a COPY's options say.

    Args:
        options: As written.
        to_client: It is COPY … TO STDOUT.

    Raises:
        PgError: 42601, 22023 or 0A000, as PostgreSQL's.
    """
    given: dict[str, CopyOption] = {}
    read: dict[str, object] = {}
    for option in options:
        reader = _READERS.get(option.name)
        if reader is None:
            raise PgError("42601", f'option "{option.name}" not recognized', position=option.position)
        if option.name in given:
            raise PgError("42601", "conflicting or redundant options", position=option.position)
        given[option.name] = option
        read[option.name] = reader(option, to_client)
    return _settle(read, to_client)


def _string(option: CopyOption, to_client: bool) -> str:
    if option.argument is None:
        raise PgError("42601", f"{option.name} requires a parameter")
    return option.argument if isinstance(option.argument, str) else ", ".join(option.argument)


def _format(option: CopyOption, to_client: bool) -> CopyFormat:
    name = _string(option, to_client)
    try:
        return CopyFormat(name)
    except ValueError:
        raise PgError("22023", f'COPY format "{name}" not recognized', position=option.position) from None


_TRUE = ("true", "on", "1")
_FALSE = ("false", "off", "0")


def _boolean(option: CopyOption, to_client: bool) -> bool:
    value = option.argument
    if value is None:
        return True
    word = value.lower() if isinstance(value, str) else ""
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise PgError("42601", f"{option.name} requires a Boolean value")


def _header(option: CopyOption, to_client: bool) -> Header:
    value = option.argument
    word = "true" if value is None else value.lower() if isinstance(value, str) else ""
    if word == Header.MATCH.value:
        if to_client:
            raise FeatureNotSupported('cannot use "match" with HEADER in COPY TO')
        return Header.MATCH
    if word in _TRUE:
        return Header.PRESENT
    if word in _FALSE:
        return Header.NONE
    raise PgError("42601", f'{option.name} requires a Boolean value or "match"')


def _columns(option: CopyOption, to_client: bool) -> Columns:
    value = option.argument
    if isinstance(value, tuple) or value == EVERY:
        return value
    raise PgError(
        "22023", f'argument to option "{option.name}" must be a list of column names', position=option.position
    )


_ENCODINGS = frozenset(("utf8", "unicode", "sqlascii"))
# PostgreSQL's others, of which this server knows the names only.
_OTHER_ENCODING_WORDS = """
    eucjp euccn euckr euctw eucjis2004 latin1 latin2 latin3 latin4 latin5 latin6 latin7 latin8 latin9 latin10 iso88591 iso88592
    iso88593 iso88594 iso88595 iso88596 iso88597 iso88598 iso88599 iso885910 iso885913 iso885914 iso885915 iso885916 win1250
    win1251 win1252 win1253 win1254 win1255 win1256 win1257 win1258 win866 win874 windows1250 windows1251 windows1252
    windows1253 windows1254 windows1255 windows1256 windows1257 windows1258 windows866 windows874 windows932 windows936
    windows949 windows950 koi8 koi8r koi8u alt abc tcvn tcvn5712 vscii win sjis mskanji shiftjis shiftjis2004 win932 big5
    win950 gbk win936 uhc win949 gb18030 johab mulinternal
"""
_OTHER_ENCODINGS = frozenset(_OTHER_ENCODING_WORDS.split())


def _encoding(option: CopyOption, to_client: bool) -> str:
    name = _string(option, to_client)
    plain = "".join(letter for letter in name.lower() if letter.isalnum())
    if plain in _OTHER_ENCODINGS:
        raise FeatureNotSupported(f'conversion between "{name}" and UTF8 is not supported', position=option.position)
    if plain not in _ENCODINGS:
        raise PgError(
            "22023",
            f'argument to option "{option.name}" must be a valid encoding name',
            position=option.position,
        )
    return name


_READERS: Mapping[str, Callable[[CopyOption, bool], object]] = {
    "format": _format,
    "freeze": _boolean,
    "delimiter": _string,
    "null": _string,
    "default": _string,
    "header": _header,
    "quote": _string,
    "escape": _string,
    "force_quote": _columns,
    "force_not_null": _columns,
    "force_null": _columns,
    "encoding": _encoding,
}


def _settle(read: dict[str, object], to_client: bool) -> CopyOptions:
    """The options with the defaults that the format gives, checked against each other in PostgreSQL's order."""
    read.pop("encoding", None)
    copy_format = read.get("format", CopyFormat.TEXT)
    if copy_format is CopyFormat.BINARY:
        for name in ("delimiter", "null", "default"):
            if name in read:
                raise PgError("42601", f"cannot specify {name.upper()} in BINARY mode")
    options = CopyOptions()
    if copy_format is CopyFormat.CSV:
        options = evolve(options, delimiter=",", null="")
    if "quote" in read and "escape" not in read:
        read["escape"] = read["quote"]
        options = evolve(options, **read)  # type: ignore[arg-type]
        del read["escape"]
    else:
        options = evolve(options, **read)  # type: ignore[arg-type]
    _check_characters(options)
    _check_kind(options, read)
    _check_direction(options, read, to_client)
    return options


def _one_byte(value: str, what: str) -> None:
    if len(value.encode()) != 1:
        raise FeatureNotSupported(f"COPY {what} must be a single one-byte character")


def _no_line_end(value: str | None, what: str) -> None:
    if value is not None and ("\n" in value or "\r" in value):
        raise PgError("22023", f"COPY {what} cannot use newline or carriage return")


# In text format these have a meaning behind a backslash.
_NO_DELIMITERS = frozenset("\\.abcdefghijklmnopqrstuvwxyz0123456789")


def _check_characters(options: CopyOptions) -> None:
    _one_byte(options.delimiter, "delimiter")
    if options.delimiter in "\r\n":
        raise PgError("22023", "COPY delimiter cannot be newline or carriage return")
    _no_line_end(options.null, "null representation")
    _no_line_end(options.default, "default representation")
    if options.format is not CopyFormat.CSV and options.delimiter in _NO_DELIMITERS:
        raise PgError("22023", f'COPY delimiter cannot be "{options.delimiter}"')


def _check_kind(options: CopyOptions, read: Mapping[str, object]) -> None:
    csv = options.format is CopyFormat.CSV
    if options.format is CopyFormat.BINARY and options.header is not Header.NONE:
        raise FeatureNotSupported("cannot specify HEADER in BINARY mode")
    if "quote" in read and not csv:
        raise FeatureNotSupported("COPY quote available only in CSV mode")
    if csv:
        _one_byte(options.quote, "quote")
        if options.quote == options.delimiter:
            raise PgError("22023", "COPY delimiter and quote must be different")
    if "escape" in read and not csv:
        raise FeatureNotSupported("COPY escape available only in CSV mode")
    if csv:
        _one_byte(options.escape, "escape")


def _check_direction(options: CopyOptions, read: Mapping[str, object], to_client: bool) -> None:
    csv = options.format is CopyFormat.CSV
    for name, words, direction in (
        ("force_quote", "force quote", "TO"),
        ("force_not_null", "force not null", "FROM"),
        ("force_null", "force null", "FROM"),
    ):
        if name in read and not csv:
            raise FeatureNotSupported(f"COPY {words} available only in CSV mode")
        if name in read and to_client != (direction == "TO"):
            raise FeatureNotSupported(f"COPY {words} only available using COPY {direction}")
    _not_within(options, options.null, "NULL")
    if options.default is None:
        return
    if to_client:
        raise FeatureNotSupported("COPY DEFAULT only available using COPY FROM")
    _not_within(options, options.default, "DEFAULT")
    if options.default == options.null:
        raise FeatureNotSupported("NULL specification and DEFAULT specification cannot be the same")


def _not_within(options: CopyOptions, marker: str, what: str) -> None:
    if options.format is CopyFormat.BINARY:
        return
    if options.delimiter in marker:
        raise FeatureNotSupported(f"COPY delimiter must not appear in the {what} specification")
    if options.format is CopyFormat.CSV and options.quote in marker:
        raise FeatureNotSupported(f"CSV quote character must not appear in the {what} specification")
