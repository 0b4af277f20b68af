"""A session's parameters: SET, SET LOCAL, RESET, SHOW, and what a transaction's end does to them.

The session owns one ``Variables`` and uses it on the reactor's thread only. Every call that may change something
gives back ``Changes``: what the session has to tell DuckDB, its context functions and the client.

Spec: sql-set.html#SQL-SET, protocol-flow.html#PROTOCOL-ASYNC
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from attrs import define, field, frozen

from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.sql import guc_rules, guc_special
from duckgres_tx.sql.forms import ResetVariable, SetTransaction, SetVariable, TransactionModes
from duckgres_tx.sql.guc_table import DEFINITIONS
from duckgres_tx.sql.tokens import quote_string


@frozen
class Changes:
    """What changed, and what the session has to do about it, in this order.

    Attributes:
        values: The new values as SHOW has them, by lower-case name.
        duckdb_statements: To run on the session's connection. For ``search_path`` there is none: the session makes
            it, since it depends on which schemas exist.
        parameter_status: ``(name, value)`` for ParameterStatus messages.
        context: ``(name, value)`` for ``Connection.set_context``.
        notices: NOTICEs and WARNINGs for the client.
    """

    values: Mapping[str, str] = field(factory=dict)
    duckdb_statements: tuple[str, ...] = ()
    parameter_status: tuple[tuple[str, str], ...] = ()
    context: tuple[tuple[str, str], ...] = ()
    notices: tuple[PgError, ...] = ()


@frozen
class ShownVariable:
    """One row of SHOW ALL."""

    name: str
    setting: str
    description: str


@define
class _Transaction:
    """What a transaction did to the parameters: values from before it, and SET LOCAL's, which end with it."""

    before: dict[str, str | None] = field(factory=dict)
    local: dict[str, str] = field(factory=dict)


# SHOW transaction_isolation outside of a transaction gives what the next one will have.
_TRANSACTION_DEFAULTS = {
    "transaction_isolation": "default_transaction_isolation",
    "transaction_read_only": "default_transaction_read_only",
    "transaction_deferrable": "default_transaction_deferrable",
}
_IDENTITY = frozenset(("role", "session_authorization"))


@lru_cache(maxsize=8)
def _server_defaults(server_values: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """What all sessions of a server begin with, in stored form. The caller copies it."""
    initial = {name: definition.default for name, definition in DEFINITIONS.items()}
    for name, text in server_values:
        key = name.lower()
        definition = guc_rules.find_definition(key)
        initial[key] = guc_rules.stored_form(definition, text, initial[key]) if definition is not None else text
    return initial


@define
class Variables:
    """The parameters of one session; all values inside are stored forms (see ``guc_table``).

    ``server_values`` are what the server's configuration decides, by lower-case name and in any form that SET would
    take; they may set read-only parameters.
    """

    user: str
    superuser: bool = False
    server_values: Mapping[str, str] = field(factory=dict)
    # Taken over as it is when it is given.
    _initial: dict[str, str] = field(factory=dict)
    _session: dict[str, str] = field(init=False, factory=dict)
    _transaction: _Transaction | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        if self._initial:
            return
        self._initial = dict(_server_defaults(tuple(self.server_values.items())))
        self._initial["session_authorization"] = self.user
        self._initial["is_superuser"] = "on" if self.superuser else "off"

    def copy(self) -> Variables:
        """Those of another session that begins alike, outside a transaction."""
        copied = Variables(self.user, self.superuser, self.server_values, self._initial.copy())
        copied._session.update(self._session)
        return copied

    # Reading

    def show(self, name: str) -> str:
        """A parameter's value as SHOW gives it.

        Raises:
            PgError: 42704 when there is none of this name.
        """
        key = name.lower()
        stored = self._stored(key)
        if stored is None:
            raise guc_rules.unrecognized(name)
        definition = DEFINITIONS.get(key)
        return stored if definition is None else guc_rules.shown_form(definition, stored)

    def initial(self, name: str) -> str:
        """A known parameter's value at the session's start, which RESET goes back to, as SHOW gives it."""
        key = name.lower()
        return guc_rules.shown_form(DEFINITIONS[key], self._initial[key])

    def number(self, name: str) -> float:
        """A number in the parameter's base unit: ``statement_timeout`` in milliseconds."""
        return float(self._stored(name) or 0)

    def is_on(self, name: str) -> bool:
        """Whether a Boolean parameter is on."""
        return self._stored(name) == "on"

    @property
    def time_zone(self) -> str:
        """The IANA name of the zone that TimeZone means, for DuckDB and the encoders."""
        return guc_special.read_time_zone(self._stored("timezone") or "UTC").name

    def show_all(self) -> list[ShownVariable]:
        """The rows of SHOW ALL, by name."""
        rows = [
            ShownVariable(definition.name, self.show(key), definition.description)
            for key, definition in DEFINITIONS.items()
            if not definition.hidden
        ]
        rows.extend(ShownVariable(name, self.show(name), "") for name in self._custom_names())
        return sorted(rows, key=lambda row: row.name.lower())

    def reported(self) -> list[tuple[str, str]]:
        """All ``(name, value)`` that ParameterStatus tells a client after it has logged in."""
        return [(each.name, self.show(key)) for key, each in DEFINITIONS.items() if each.report]

    def all_context(self) -> list[tuple[str, str]]:
        """All ``(name, value)`` for ``Connection.set_context`` on a new connection."""
        return [(f"guc.{key}", self.show(key)) for key in (*DEFINITIONS, *self._custom_names())]

    # Changing

    def start(self, values: Mapping[str, str]) -> None:
        """Take the values of a startup packet (parameters and ``options``): what RESET goes back to.

        Raises:
            PgError: as ``set``; the caller makes it FATAL.
        """
        for name, text in values.items():
            key = name.lower()
            definition = guc_rules.find_definition(key)
            if definition is None:
                self._initial[key] = text
            else:
                guc_rules.check_may_set(definition, superuser=self.superuser, at_start=True)
                self._check_identity(key, text)
                self._initial[key] = guc_rules.stored_form(definition, text, self._initial[key])

    def set(self, name: str, value: str, local: bool = False) -> Changes:
        """SET, SET LOCAL or set_config(): give a parameter a value.

        Outside of a transaction SET LOCAL only checks the value, and warns.

        Raises:
            PgError: 42704, 42602, 55P02, 42501, 22023, 0A000 (see ``guc_rules``).
        """
        key = name.lower()
        definition = guc_rules.find_definition(key)
        notices: tuple[PgError, ...] = ()
        if definition is None:
            stored = value
        else:
            guc_rules.check_may_set(definition, superuser=self.superuser, at_start=False)
            self._check_identity(key, value)
            stored = guc_rules.stored_form(definition, value, self._stored(key) or "")
            notices = self._notices(key, stored)
        if key in _TRANSACTION_DEFAULTS:
            return self._set_for_transaction({key: stored}, "SET TRANSACTION", notices)
        if local and self._transaction is None:
            return Changes(notices=(*notices, _only_in_blocks("SET LOCAL")))
        before = self._before(key)
        if definition is None:
            # Once named, an extension's parameter exists: RESET and ROLLBACK leave an empty text, as in PostgreSQL.
            self._initial.setdefault(key, "")
        self._put(key, stored, local)
        return self._changes_since(before, notices)

    def apply(self, statement: SetVariable | ResetVariable | SetTransaction) -> Changes:
        """Carry out a parsed statement.

        Raises:
            PgError: as ``set``.
        """
        if isinstance(statement, SetTransaction):
            return self.set_modes(statement.modes, for_session=statement.for_session)
        if isinstance(statement, ResetVariable):
            return self.reset_all() if statement.name is None else self.reset(statement.name)
        if statement.arguments is None:
            return self.reset(statement.name, statement.local)
        return self.set(statement.name, guc_rules.join_arguments(statement.name, statement.arguments), statement.local)

    def reset(self, name: str, local: bool = False) -> Changes:
        """RESET or SET … TO DEFAULT: back to what the session began with.

        Raises:
            PgError: 42704, 55P02, 42501.
        """
        key = name.lower()
        definition = guc_rules.find_definition(key)
        if definition is None:
            if self._stored(key) is None:
                raise guc_rules.unrecognized(name)
        else:
            guc_rules.check_may_set(definition, superuser=self.superuser, at_start=False)
        if key in _TRANSACTION_DEFAULTS:
            default = self._stored(_TRANSACTION_DEFAULTS[key]) or ""
            return self._set_for_transaction({key: default}, "RESET TRANSACTION", ())
        before = self._before(key)
        if not local:
            self._put(key, None, local=False)
        elif self._transaction is None:
            return Changes(notices=(_only_in_blocks("SET LOCAL"),))
        elif key in self._initial:
            self._put(key, self._initial[key], local=True)
        return self._changes_since(before)

    def reset_all(self) -> Changes:
        """RESET ALL; the role, the session's user and the transaction's modes stay, as in PostgreSQL."""
        names = set(self._session)
        if self._transaction is not None:
            names |= set(self._transaction.local)
        names -= _IDENTITY | set(_TRANSACTION_DEFAULTS)
        before = self._before(*names)
        for name in names:
            self._put(name, None, local=False)
        return self._changes_since(before)

    def set_modes(self, modes: TransactionModes, *, for_session: bool = False) -> Changes:
        """BEGIN's modes and SET TRANSACTION (for this transaction), or SET SESSION CHARACTERISTICS."""
        said = {
            "transaction_isolation": modes.isolation,
            "transaction_read_only": None if modes.read_only is None else _on_off(modes.read_only),
            "transaction_deferrable": None if modes.deferrable is None else _on_off(modes.deferrable),
        }
        values = {name: value for name, value in said.items() if value is not None}
        notices = self._notices("transaction_isolation", values.get("transaction_isolation", ""))
        if not for_session:
            return self._set_for_transaction(values, "SET TRANSACTION", notices)
        names = [_TRANSACTION_DEFAULTS[name] for name in values]
        before = self._before(*names)
        for name, value in zip(names, values.values(), strict=True):
            self._put(name, value, local=False)
        return self._changes_since(before, notices)

    # From one worker to another

    def taken_along(self) -> dict[str, str]:
        """What was set in the session, as stored; there must be no transaction. A placeholder that has no value any more is "" here."""
        placeholders = {name: value for name, value in self._initial.items() if name not in DEFINITIONS}
        return {**placeholders, **self._session}

    def restore(self, values: Mapping[str, str]) -> None:
        """Take over what `taken_along` gave elsewhere; what is not there has the value that sessions begin with here."""
        for name, stored in values.items():
            if name not in DEFINITIONS:
                self._initial.setdefault(name, "")
            self._session[name] = stored

    # A transaction's course

    def begin(self) -> None:
        """A transaction (explicit or a batch's implicit one) begins; a second one within is none."""
        if self._transaction is None:
            self._transaction = _Transaction()

    def commit(self) -> Changes:
        """The transaction is committed: SET LOCAL's values end, SET's stay."""
        transaction = self._transaction
        if transaction is None:
            return Changes()
        before = self._before(*transaction.local)
        self._transaction = None
        return self._changes_since(before)

    def rollback(self) -> Changes:
        """The transaction is rolled back: every parameter has the value from before it."""
        transaction = self._transaction
        if transaction is None:
            return Changes()
        before = self._before(*transaction.local, *transaction.before)
        self._transaction = None
        for name, stored in transaction.before.items():
            self._replace(name, stored)
        return self._changes_since(before)

    # Inside

    def _custom_names(self) -> list[str]:
        local = self._transaction.local if self._transaction is not None else {}
        return sorted({*self._initial, *self._session, *local} - DEFINITIONS.keys())

    def _stored(self, key: str) -> str | None:
        if self._transaction is not None and key in self._transaction.local:
            return self._transaction.local[key]
        if key in self._session:
            return self._session[key]
        if key in _TRANSACTION_DEFAULTS:
            return self._stored(_TRANSACTION_DEFAULTS[key])
        return self._initial.get(key)

    def _before(self, *names: str) -> dict[str, str | None]:
        """The present values of these parameters, and of those that follow them."""
        following = (name for name, default in _TRANSACTION_DEFAULTS.items() if default in names)
        return {name: None if self._stored(name) is None else self.show(name) for name in (*names, *following)}

    def _put(self, key: str, stored: str | None, local: bool) -> None:
        transaction = self._transaction
        if transaction is not None and local and stored is not None:
            transaction.local[key] = stored
            return
        if transaction is not None:
            # A default is for the transactions to come: this one keeps what it began with.
            for name, default in _TRANSACTION_DEFAULTS.items():
                if default == key:
                    transaction.local.setdefault(name, self._stored(name) or "")
            transaction.local.pop(key, None)
            transaction.before.setdefault(key, self._session.get(key))
        self._replace(key, stored)

    def _replace(self, key: str, stored: str | None) -> None:
        if stored is None:
            self._session.pop(key, None)
        else:
            self._session[key] = stored

    def _set_for_transaction(self, values: Mapping[str, str], what: str, notices: tuple[PgError, ...]) -> Changes:
        if self._transaction is None:
            return Changes(notices=(*notices, _only_in_blocks(what)))
        before = self._before(*values)
        self._transaction.local.update(values)
        return self._changes_since(before, notices)

    def _check_identity(self, key: str, value: str) -> None:
        if key in _IDENTITY and value != self.user and not (key == "role" and value.lower() == "none"):
            if not self.superuser:
                what = "set role" if key == "role" else "set session authorization"
                raise PgError("42501", f'permission denied to {what} "{value}"')
            raise FeatureNotSupported(f"setting {key} to another user is not supported")

    @staticmethod
    def _notices(key: str, stored: str) -> tuple[PgError, ...]:
        notice = guc_special.isolation_notice(stored) if key.endswith("transaction_isolation") else None
        return () if notice is None else (notice,)

    def _changes_since(self, before: Mapping[str, str | None], notices: Iterable[PgError] = ()) -> Changes:
        now = {name: self.show(name) for name in before}
        values = {name: value for name, value in now.items() if value != before[name]}
        reported = [(DEFINITIONS[name], value) for name, value in values.items() if name in DEFINITIONS]
        return Changes(
            values,
            (f"SET TimeZone = {quote_string(self.time_zone)}",) if "timezone" in values else (),
            tuple((each.name, value) for each, value in reported if each.report),
            tuple((f"guc.{name}", value) for name, value in values.items()),
            tuple(notices),
        )


def _on_off(value: bool) -> str:
    return "on" if value else "off"


def _only_in_blocks(what: str) -> PgError:
    return PgError("25P01", f"{what} can only be used in transaction blocks", severity=Severity.WARNING)
