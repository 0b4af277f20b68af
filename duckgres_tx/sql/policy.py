"""What SQL may not do on this server, and the words in which it is told.

DuckDB itself keeps SQL away from files outside the allowed directories (``enable_external_access``); what it has no
switch for is refused here: extensions, other databases, instance-wide settings, secrets, logging and profiling, and
the functions that would run SQL or settings out of this module's sight.

A refusal is 42501, as for PostgreSQL's privileges; what PostgreSQL has and this server hasn't is 0A000.
"""

from __future__ import annotations

import re

from attrs import frozen

from duckgres_tx.errors import PgError
from duckgres_tx.sql.classify import StatementClass, classify
from duckgres_tx.sql.settings_of_duckdb import SESSION_SETTINGS
from duckgres_tx.sql.split import SourceStatement, split
from duckgres_tx.sql.tokens import Kind, Token, string_value


@frozen
class Policy:
    """What the server's configuration allows beyond the secure default; an instance is shared by all sessions.

    Attributes:
        extensions: INSTALL, LOAD and UPDATE EXTENSIONS.
        other_databases: ATTACH, DETACH, USE of another database, COPY FROM DATABASE.
        server_settings: SET of DuckDB's instance-wide settings.
        secrets: CREATE SECRET and DROP SECRET.
        file_exports: EXPORT DATABASE and IMPORT DATABASE; the files themselves are DuckDB's to allow.
    """

    extensions: bool = False
    other_databases: bool = False
    server_settings: bool = False
    secrets: bool = False
    file_exports: bool = False

    def check(self, statement: SourceStatement, statement_class: StatementClass) -> None:
        """Refuse a statement that isn't allowed; to be asked for every QUERY, GUARDED and UNSUPPORTED statement.

        Raises:
            PgError: 42501 for what is forbidden, 0A000 for what doesn't exist here; positions count in the whole
                query string.
        """
        if statement_class is StatementClass.UNSUPPORTED:
            raise _unsupported(statement)
        _check_names(statement)
        self._check_functions(statement)
        if statement_class is StatementClass.GUARDED:
            self._check_guarded(statement)

    def _check_guarded(self, statement: SourceStatement) -> None:
        tokens = statement.tokens
        match tokens[0].word:
            case "install" | "load" | "update":
                _require(self.extensions, "load extensions")
            case "attach" | "detach":
                _require(self.other_databases, "attach databases")
            case "use":
                _require(self.other_databases, "change the default database")
            case "export" | "import":
                _require(self.file_exports, "export or import databases")
            case "create" | "drop":
                _require(self.secrets, "change secrets")
            case "force":
                # It ends the transactions of other sessions.
                _require(self.server_settings, "force a checkpoint")
            case "alter":
                raise PgError("0A000", "ALTER DATABASE is not supported")
            case "set" | "reset":
                self._check_setting(statement, tokens)
            case "pragma":
                self._check_pragma(statement)
            case "copy":
                self._check_copy(statement)
            case "explain":
                self._check_explain(statement)

    def _check_setting(self, statement: SourceStatement, tokens: tuple[Token, ...]) -> None:
        index = 1
        if tokens[1].is_word("session", "local", "global") and len(tokens) > 2 and tokens[2].text not in ("=", "."):
            index = 2
            if tokens[1].is_word("local"):
                raise PgError("0A000", f"SET LOCAL is not supported for DuckDB's setting {tokens[2].name}")
        name = tokens[index].name
        if name not in SESSION_SETTINGS or tokens[1].is_word("global"):
            _require(self.server_settings, f'set parameter "{name}"')

    def _check_pragma(self, statement: SourceStatement) -> None:
        tokens = statement.tokens
        if len(tokens) < 2:
            return
        name = tokens[1].name
        if len(tokens) > 2 and tokens[2].text == "=":
            if name not in SESSION_SETTINGS:
                _require(self.server_settings, f'set parameter "{name}"')
        elif name not in _HARMLESS_PRAGMAS:
            _require(self.server_settings, f"run PRAGMA {name}")

    def _check_copy(self, statement: SourceStatement) -> None:
        tokens = statement.tokens
        for index, token in enumerate(tokens[:-1]):
            if token.is_word("program") and tokens[index - 1].is_word("from", "to"):
                raise PgError("0A000", "COPY to or from an external program is not supported")
        if len(tokens) > 2 and tokens[1].is_word("from") and tokens[2].is_word("database"):
            _require(self.other_databases, "copy databases")

    def _check_explain(self, statement: SourceStatement) -> None:
        """EXPLAIN ANALYZE carries its statement out, so only what is harmless in itself may be explained."""
        index = 1
        tokens = statement.tokens
        while index < len(tokens) and tokens[index].is_word("analyze", "analyse", "verbose"):
            index += 1
        if index < len(tokens) and tokens[index].text == "(" and _is_option_list(tokens, index):
            index = next((i for i in range(index, len(tokens)) if tokens[i].text == ")"), index) + 1
        if index < len(tokens) and not (tokens[index].word in _EXPLAINABLE or tokens[index].text == "("):
            token = tokens[index]
            raise PgError(
                "42601",
                f'syntax error at or near "{token.text}"',
                position=statement.offset + token.start + 1,
            )

    def _check_functions(self, statement: SourceStatement) -> None:
        """Look for calls of functions that would go round this policy, wherever in the statement they stand."""
        tokens = statement.tokens
        for index, token in enumerate(tokens[:-1]):
            if tokens[index + 1].text != "(" or not (token.word or token.kind is Kind.QUOTED_NAME):
                continue
            name = token.word or token.name.lower()
            if name in _FORBIDDEN_FUNCTIONS:
                raise PgError(
                    "42501",
                    f"permission denied for function {name}",
                    position=statement.offset + token.start + 1,
                )
            if name in _MISSING_FUNCTIONS:
                raise PgError(
                    "0A000",
                    f"{_MISSING_FUNCTIONS[name]} are not supported",
                    position=statement.offset + token.start + 1,
                )
            if name == "query":
                self._check_query_function(statement, index)

    def _check_query_function(self, statement: SourceStatement, index: int) -> None:
        """``query('…')`` runs the text that it is given: look into it, and refuse what is only known later."""
        tokens = statement.tokens
        constant = index + 3 < len(tokens) and tokens[index + 2].kind is Kind.STRING and tokens[index + 3].text == ")"
        if not constant:
            raise PgError(
                "42501",
                "permission denied for function query",
                detail="Its argument must be a string constant.",
                position=statement.offset + tokens[index].start + 1,
            )
        for inner in split(string_value(tokens[index + 2].text)):
            self.check(inner, classify(inner))


# What the catalog is made of, see ``catalog/names``.
_INTERNAL_PREFIX = "__pg"
_CATALOG_SCHEMAS = frozenset(("pg_catalog", "information_schema"))
# What stands before the name of what a statement makes, changes or drops.
_BEFORE_TARGET_WORDS = "table view into update exists sequence type macro function truncate"
_BEFORE_TARGET = frozenset(_BEFORE_TARGET_WORDS.split())
# A text without any of these has no name to look at; U&"…" may spell anything.
_SUSPICIOUS = re.compile(r'__pg|pg_catalog|information_schema|u&"', re.IGNORECASE)


def _check_names(statement: SourceStatement) -> None:
    """Keep SQL from the catalog: from what it is made of altogether, and from changing it under PostgreSQL's names."""
    if not _SUSPICIOUS.search(statement.text):
        return
    tokens = statement.tokens
    for index, token in enumerate(tokens):
        name = token.name
        if name.startswith(_INTERNAL_PREFIX) and tokens[index - 1].text != ".":
            raise PgError("42501", f"permission denied for schema {name}", position=statement.offset + token.start + 1)
        if name not in _CATALOG_SCHEMAS or index + 2 >= len(tokens) or tokens[index + 1].text != ".":
            continue
        if tokens[index - 1].word in _BEFORE_TARGET or (tokens[0].is_word("delete") and index == 2):
            raise PgError("42501", f'permission denied: "{tokens[index + 2].name}" is a system catalog')


def _require(allowed: bool, what: str) -> None:
    if not allowed:
        raise PgError("42501", f"permission denied to {what}")


# They write files or the process' output, abort the process when files are out of bounds, run SQL that is given as
# data, take addresses for arguments, show other sessions' statements, or end other sessions' transactions.
_FORBIDDEN_FUNCTION_WORDS = """
    enable_logging disable_logging truncate_duckdb_logs enable_profiling disable_profiling write_log
    json_execute_serialized_sql arrow_scan arrow_scan_dumb pandas_scan python_map_function read_duckdb duckdb_logs
    duckdb_log_contexts duckdb_logs_parsed parse_duckdb_log_message force_checkpoint
"""
_FORBIDDEN_FUNCTIONS = frozenset(_FORBIDDEN_FUNCTION_WORDS.split())

# Of functions that are missing, those whose callers should hear what it is that they can't have.
_MISSING_FUNCTIONS = {
    "pg_notify": "notifications",
    "pg_export_snapshot": "exported snapshots",
    **dict.fromkeys(("lo_create", "lo_creat", "lo_open", "lo_import", "lo_export", "lo_unlink"), "large objects"),
}

_HARMLESS_PRAGMA_WORDS = """
    collations database_list database_size functions metadata_info platform show show_databases show_tables
    show_tables_expanded storage_info table_info version user_agent extension_versions
"""
_HARMLESS_PRAGMAS = frozenset(_HARMLESS_PRAGMA_WORDS.split())

_EXPLAINABLE_WORDS = """
    select insert update delete merge values table with from create pivot unpivot pivot_wider pivot_longer describe
    summarize show execute call
"""
_EXPLAINABLE = frozenset(_EXPLAINABLE_WORDS.split())


def _is_option_list(tokens: tuple[Token, ...], index: int) -> bool:
    """Whether the parenthesis after EXPLAIN holds options and no query."""
    return index + 1 < len(tokens) and tokens[index + 1].word != "" and tokens[index + 1].word not in _EXPLAINABLE


# By the first words of a statement: what PostgreSQL calls it, for the message.
_TWO_WORDS = frozenset(("materialized", "foreign", "event", "access", "user"))


def _unsupported(statement: SourceStatement) -> PgError:
    tokens = statement.tokens
    first = tokens[0].word
    if first not in ("create", "drop", "alter"):
        return PgError("0A000", f"{_WHOLE_NAMES.get(first, first.upper())} is not supported")
    words = [token for token in tokens[1:] if token.word not in _MODIFIERS]
    count = 2 if words[0].word in _TWO_WORDS and len(words) > 1 and words[1].word else 1
    what = " ".join(token.word.upper() for token in words[:count])
    return PgError("0A000", f"{first.upper()} {what} is not supported")


_WHOLE_NAMES = {
    "refresh": "REFRESH MATERIALIZED VIEW",
    "reassign": "REASSIGN OWNED",
    "security": "SECURITY LABEL",
}
_MODIFIERS = frozenset(("or", "replace", "constraint", "trusted", "procedural", "temp", "temporary", "persistent"))
