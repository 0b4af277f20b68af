"""The table behind :mod:`duckgres_tx.engine.failures`: DuckDB's texts, PostgreSQL's SQLSTATEs and words.

Rows are tried in order; the first that fits counts. A pattern sees the text's first line without its type.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import field, frozen

from duckgres_tx.engine.failure_words import (
    INTEGERS,
    ambiguous_function,
    cannot_cast,
    column_exists,
    function,
    invalid_text,
    key_detail,
    missing,
    out_of_range,
    read_only,
    relation,
    value_out_of_range,
)

__all__ = ["RULES", "TYPE_SQLSTATES", "Rule"]

_Message = Callable[[re.Match[str], str], str]
_Detail = Callable[[re.Match[str], str], str]


def _words(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@frozen
class Rule:
    """One kind of failure.

    Attributes:
        types: The error types that it is about; none: any.
        pattern: Found in the headline.
        sqlstate: What PostgreSQL gives.
        message: PostgreSQL's words, as a template of the match or made of match and SQL; None: DuckDB's own.
        detail: In place of the rest of DuckDB's text, made of match and rest.
        hint: PostgreSQL's.
    """

    types: frozenset[str] = field(converter=_words)
    pattern: re.Pattern[str] = field(converter=_compiled)
    sqlstate: str
    message: str | _Message | None = None
    detail: str | _Detail | None = None
    hint: str | None = None


_NO_FUNCTION_HINT = "No function matches the given name and argument types. You might need to add explicit type casts."
_AMBIGUOUS_HINT = "Could not choose a best candidate function. You might need to add explicit type casts."
_NAME = r'"?(?P<name>[^"]*?)"?'
_INTEGER_TYPES = "|".join(sorted(INTEGERS))

RULES: tuple[Rule, ...] = (
    # Conflicts, whatever DuckDB (or an extension's catalog) calls them: the client may try again.
    Rule("", r"database is locked", "40001", "could not serialize access due to concurrent update"),
    Rule(
        "TRANSACTION CATALOG CONSTRAINT",
        r"(?i)write-write conflict|Transaction conflict|Conflict on |transaction.*conflict",
        "40001",
        "could not serialize access due to concurrent update",
        lambda match, rest: f"{match.string}\n{rest}".replace("\0", ".").strip(),
    ),
    Rule("", r"^deadlock detected$", "40P01", "deadlock detected"),
    # Constraints; those that only a commit finds have the type of the transaction.
    Rule(
        "",
        r'Duplicate key "(?P<key>.*)" violates (?:primary key|unique) constraint',
        "23505",
        "duplicate key value violates unique constraint",
        key_detail("already exists."),
    ),
    Rule(
        "",
        r'PRIMARY KEY or UNIQUE constraint violation: duplicate key "(?P<key>.*)"',
        "23505",
        "duplicate key value violates unique constraint",
        key_detail("already exists."),
    ),
    Rule(
        "CONSTRAINT", r"contains duplicates", "23505", "could not create unique index", "The data has duplicate keys."
    ),
    Rule(
        "",
        r"NOT NULL constraint failed: (?P<table>.*)\.(?P<column>[^.]*)$",
        "23502",
        r'null value in column "\g<column>" of relation "\g<table>" violates not-null constraint',
    ),
    Rule(
        "",
        r"CHECK constraint failed on table (?P<table>.*?) with expression (?P<check>.*)$",
        "23514",
        r'new row for relation "\g<table>" violates check constraint',
        lambda match, rest: f"The constraint is {match['check']}.",
    ),
    Rule(
        "CONSTRAINT",
        r'foreign key constraint because key "(?P<key>.*)" does not exist',
        "23503",
        "insert or update on table violates foreign key constraint",
        key_detail("is not present in the referenced table."),
    ),
    Rule(
        "CONSTRAINT",
        r'foreign key constraint because key "(?P<key>.*)" is still referenced',
        "23503",
        "update or delete on table violates foreign key constraint",
        key_detail("is still referenced from another table."),
    ),
    # Transactions.
    Rule(
        "TRANSACTION",
        r"Current transaction is aborted",
        "25P02",
        "current transaction is aborted, commands ignored until end of transaction block",
    ),
    Rule("TRANSACTION", r"within a transaction", "25001", "there is already a transaction in progress"),
    Rule("TRANSACTION", r"no transaction is active", "25P01", "there is no transaction in progress"),
    Rule("", r"read-only mode", "25006", read_only),
    # Relations and other objects.
    Rule("CATALOG", r'does not exist because schema ".*" does not exist', "42P01", missing),
    Rule(
        "CATALOG",
        rf"^(?P<kind>Table|View|Sequence|Materialized View) with name {_NAME} does not exist",
        "42P01",
        relation,
    ),
    Rule("CATALOG", rf"^Schema with name {_NAME} does not exist", "3F000", r'schema "\g<name>" does not exist'),
    Rule("CATALOG", r'No catalog \+ schema named "(?P<name>.*)" found', "3F000", r'schema "\g<name>" does not exist'),
    Rule("CATALOG", rf"^Index with name {_NAME} does not exist", "42704", r'index "\g<name>" does not exist'),
    Rule("CATALOG", rf"^Type with name {_NAME} does not exist", "42704", r'type "\g<name>" does not exist'),
    Rule("CATALOG", rf"^Collation with name {_NAME} does not exist", "42704", r'collation "\g<name>" does not exist'),
    Rule(
        "CATALOG",
        rf"^Pragma Function with name {_NAME} does not exist",
        "42704",
        r'unrecognized configuration parameter "\g<name>"',
    ),
    Rule("CATALOG", rf"^[\w ]*Function with name {_NAME} does not exist", "42883", r"function \g<name> does not exist"),
    Rule(
        "CATALOG",
        rf"^[\w ]*Function with name {_NAME} is not in the catalog",
        "42883",
        r"function \g<name> does not exist",
    ),
    Rule("CATALOG", rf"^(?:Type|Copy Function) with name {_NAME} is not in the catalog", "42704"),
    Rule("CATALOG", r"unrecognized configuration parameter", "42704"),
    Rule("CATALOG", rf"^Schema with name {_NAME} already exists", "42P06", r'schema "\g<name>" already exists'),
    Rule("CATALOG", rf"^Type with name {_NAME} already exists", "42710", r'type "\g<name>" already exists'),
    Rule(
        "CATALOG",
        rf"^[\w ]*Function with name {_NAME} already exists",
        "42723",
        r'function "\g<name>" already exists with same argument types',
    ),
    Rule("CATALOG", rf"^Column with name {_NAME} already exists", "42701", column_exists),
    Rule("CATALOG", rf"^\w+ with name {_NAME} already exists", "42P07", r'relation "\g<name>" already exists'),
    Rule(
        "CATALOG",
        r'Could not rename ".*" to "(?P<name>.*)": another entry',
        "42P07",
        r'relation "\g<name>" already exists',
    ),
    Rule(
        "CATALOG",
        r"Existing object (?P<name>.*) is of type (?P<found>\w+), trying to \w+ type (?P<wanted>\w+)",
        "42809",
        lambda match, sql: f'"{match["name"]}" is not a {match["wanted"].lower()}',
        hint="Name the object with the command for its own kind.",
    ),
    Rule("CATALOG", r"^(?P<name>.*) is not an? table", "55000", r'cannot insert into view "\g<name>"'),
    Rule("CATALOG", r'does not have a column named "(?P<name>.*)"', "42703", r'column "\g<name>" does not exist'),
    Rule("CATALOG", r"because .* depends? on it|an index depends on it|main key table", "2BP01"),
    Rule("CATALOG", r"only has one column|Can only modify", "0A000"),
    # Binding.
    Rule("BINDER", r'^Catalog "(?P<name>.*)" does not exist', "3D000", r'database "\g<name>" does not exist'),
    Rule(
        "BINDER",
        r'database with name "(?P<name>.*)": database not found',
        "3D000",
        r'database "\g<name>" does not exist',
    ),
    Rule("BINDER", r'^Prepared statement "(?P<name>.*)" does not exist', "26000"),
    Rule(
        "BINDER", r'^Referenced column "(?P<name>.*)" (?:was )?not found', "42703", r'column "\g<name>" does not exist'
    ),
    Rule("BINDER", r"^Referenced update column (?P<name>.*) not found", "42703", r'column "\g<name>" does not exist'),
    Rule(
        "BINDER",
        r'^[\w ]+ "(?P<table>.*)" does not have a column named "(?P<name>.*)"',
        "42703",
        r"column \g<table>.\g<name> does not exist",
    ),
    Rule(
        "BINDER",
        r'^[\w ]+ "(?P<table>.*)" does not have a column with name "(?P<name>.*)"',
        "42703",
        r'column "\g<name>" of relation "\g<table>" does not exist',
    ),
    Rule("BINDER", r'^Column "(?P<name>.*)" in \w+ list not found', "42703", r'column "\g<name>" does not exist'),
    Rule(
        "BINDER",
        r'^Could not find key "(?P<name>.*)" in struct',
        "42703",
        r'column "\g<name>" not found in data type record',
    ),
    Rule(
        "BINDER",
        r'^Referenced table "(?P<name>.*)" not found',
        "42P01",
        r'missing FROM-clause entry for table "\g<name>"',
    ),
    Rule(
        "BINDER",
        r'^Ambiguous reference to column name "(?P<name>.*?)"',
        "42702",
        r'column reference "\g<name>" is ambiguous',
    ),
    Rule(
        "BINDER",
        r'^Ambiguous reference to table "(?P<name>.*?)"',
        "42712",
        r'table name "\g<name>" specified more than once',
    ),
    Rule("BINDER", r'[Dd]uplicate alias "(?P<name>.*?)"', "42712", r'table name "\g<name>" specified more than once'),
    Rule("BINDER", r'^Duplicate column name "(?P<name>.*)"', "42701", r'column "\g<name>" specified more than once'),
    Rule(
        "BINDER",
        r"^No function matches the given name and argument types '(?P<signature>.*)'\.",
        "42883",
        function,
        lambda match, rest: rest,
        _NO_FUNCTION_HINT,
    ),
    Rule(
        "BINDER",
        r'^Could not choose a best candidate function for the function call "(?P<signature>.*)"\.',
        "42725",
        ambiguous_function,
        lambda match, rest: rest,
        _AMBIGUOUS_HINT,
    ),
    Rule("BINDER", r"must appear in the GROUP BY clause|cannot contain aggregates|cannot be nested", "42803"),
    Rule("BINDER", r"cannot contain window functions|window functions? (?:is|are) not allowed", "42P20"),
    Rule("BINDER", r"ORDER term out of range", "42P10"),
    Rule("BINDER", r"is a table function but|is an aggregate function but|is not an aggregate", "42809"),
    Rule("BINDER", r"Can only \w+ (?:from )?base table", "55000"),
    Rule("BINDER", r"Cannot (?:mix|compare|combine) |Cannot deduce template type", "42804"),
    Rule("BINDER", r"ON CONFLICT|conflict target", "42P10"),
    Rule("BINDER", r"DECIMAL type width", "22023"),
    Rule("BINDER", r"cannot contain column names", "0A000"),
    Rule("BINDER", r"(?i)not supported|not yet supported|unsupported", "0A000"),
    # Parsing.
    Rule("PARSER", r"(?i)not supported|not yet supported|not implemented", "0A000"),
    Rule(
        "PARSER",
        r"^A CTE needs a SELECT",
        "0A000",
        "data-modifying statements in WITH are not supported",
        hint="Send them one after the other, in one transaction.",
    ),
    Rule(
        "PARSER", r'Duplicate CTE name "(?P<name>.*)"', "42712", r'WITH query name "\g<name>" specified more than once'
    ),
    Rule("PARSER", r"must be less than MAXVALUE", "22023"),
    Rule("SYNTAX", r"escape string", "22025", "invalid escape string", "Escape string must be empty or one character."),
    # Values.
    Rule(
        "CONVERSION",
        rf"""convert string ['"](?P<value>[+-]?\d+)['"] to (?P<type>{_INTEGER_TYPES})\b""",
        "22003",
        value_out_of_range,
    ),
    Rule(
        "CONVERSION",
        r"""convert string ['"](?P<value>.*)['"] to (?P<type>[A-Z0-9]+(?:\(.*\))?(?: WITH TIME ZONE)?)""",
        "22P02",
        invalid_text,
    ),
    Rule("CONVERSION", r"out of range for the destination type (?P<type>.*)$", "22003", out_of_range),
    Rule(
        "CONVERSION",
        r"Could not cast value .* to (?P<type>DECIMAL.*)$",
        "22003",
        out_of_range,
        lambda match, rest: f"{match[0]}.",
    ),
    Rule("CONVERSION", r"^Casting .* to (?P<type>DECIMAL\S*) failed", "22003", out_of_range),
    # The complaints of text_types; DuckDB says behind them what was cast.
    Rule(
        "CONVERSION",
        r'^(?P<whole>invalid cidr value: ".*")',
        "22P02",
        r"\g<whole>",
        "Value has bits set to right of mask.",
    ),
    Rule("CONVERSION", r'^(?P<whole>invalid octet value in "macaddr" value: ".*")', "22003", r"\g<whole>"),
    Rule(
        "CONVERSION",
        r'^(?P<whole>invalid input syntax for type (?:inet|cidr|macaddr|point): ".*")',
        "22P02",
        r"\g<whole>",
    ),
    Rule(
        "CONVERSION",
        r'^invalid (?P<type>date|timestamp|time) field format: "(?P<value>.*?)"',
        "22007",
        r'invalid input syntax for type \g<type>: "\g<value>"',
    ),
    Rule(
        "CONVERSION",
        r'^(?:date|timestamp|time) field value out of range: "(?P<value>[^"]*\d[^"]*)"',
        "22008",
        r'date/time field value out of range: "\g<value>"',
    ),
    Rule(
        "CONVERSION",
        r'^(?P<type>date|timestamp|time) field value out of range: "(?P<value>.*?)"',
        "22007",
        r'invalid input syntax for type \g<type>: "\g<value>"',
    ),
    Rule("CONVERSION OUT_OF_RANGE", r"(?i)(?:date|timestamp|time|interval)\b.* out of range", "22008"),
    Rule("CONVERSION", r"^Unimplemented type for cast \((?P<source>.*) -> (?P<target>.*)\)", "42846", cannot_cast),
    Rule(
        "CONVERSION INVALID_INPUT",
        r"^Malformed JSON",
        "22P02",
        "invalid input syntax for type json",
        lambda match, rest: f"{match.string}.",
    ),
    Rule(
        "CONVERSION",
        r"value '(?P<value>.*)' can't be cast to the destination type (?P<type>.*\[\d*\])",
        "22P02",
        r'malformed array literal: "\g<value>"',
    ),
    Rule("INVALID_INPUT", r"^division by zero$", "22012"),
    Rule("INVALID_INPUT", r"^null character not permitted$", "54000"),
    Rule("OUT_OF_RANGE", r"^Overflow in .* of (?P<type>\w+)", "22003", out_of_range),
    Rule("OUT_OF_RANGE", r"square root of a negative", "2201F"),
    Rule("OUT_OF_RANGE", r"logarithm", "2201E"),
    Rule(
        "INVALID_INPUT",
        r"^More than one row returned by a subquery",
        "21000",
        "more than one row returned by a subquery used as an expression",
        "",
    ),
    # What the catalog's look-ups say of a name: 't'::regclass, current_setting('x').
    Rule("INVALID_INPUT", r'^relation ".*" does not exist$', "42P01"),
    Rule("INVALID_INPUT", r'^function ".*" does not exist$', "42883"),
    Rule("INVALID_INPUT", r'^schema ".*" does not exist$', "3F000"),
    Rule("INVALID_INPUT", r'^(?:type|role) ".*" does not exist$|^unrecognized configuration parameter ', "42704"),
    Rule(
        "INVALID_INPUT",
        r"^permission denied to (?P<word>cancel|terminate) process",
        "42501",
        r"permission denied to \g<word> process",
        "Only a superuser may stop what is another user's.",
    ),
    Rule("INVALID_INPUT", r"values were not provided|Values were not provided", "08P01"),
    Rule("INVALID_INPUT", r"rebinding|Rebinding", "0A000", "cached plan must not change result type"),
    Rule("SEQUENCE", r"reached (?:maximum|minimum)", "2200H"),
    # The outside.
    Rule("IO", r"No space left on device", "53100"),
    Rule("IO", r"No files found|No such file|not found", "58P01"),
    Rule("IO", r"Could not set lock", "55006"),
    Rule("IO", r"Permission denied", "42501"),
)


# By type alone.
TYPE_SQLSTATES: dict[str, str] = {
    "OUT_OF_RANGE": "22003",
    "CONVERSION": "22P02",
    "UNKNOWN_TYPE": "42704",
    "DECIMAL": "22003",
    "MISMATCH_TYPE": "42804",
    "DIVIDE_BY_ZERO": "22012",
    "OBJECT_SIZE": "54000",
    "INVALID_TYPE": "42804",
    "SERIALIZATION": "XX001",
    "TRANSACTION": "25000",
    "NOT_IMPLEMENTED": "0A000",
    "EXPRESSION": "42601",
    "CATALOG": "42704",
    "PARSER": "42601",
    "PLANNER": "42601",
    "CONSTRAINT": "23000",
    "INDEX": "55000",
    "CONNECTION": "08000",
    "SYNTAX": "42601",
    "SETTINGS": "22023",
    "BINDER": "42601",
    "NETWORK": "08006",
    "IO": "58030",
    "INVALID_INPUT": "22023",
    "OUT_OF_MEMORY": "53200",
    "PERMISSION": "42501",
    "PARAMETER_NOT_RESOLVED": "42P18",
    "PARAMETER_NOT_ALLOWED": "42P02",
    "DEPENDENCY": "2BP01",
    "HTTP": "58030",
    "MISSING_EXTENSION": "0A000",
    "AUTOLOAD": "0A000",
    "SEQUENCE": "55000",
    "INVALID_CONFIGURATION": "22023",
}
