"""From the text that a client gives for a parameter to the stored form, or PostgreSQL's refusal."""

from __future__ import annotations

from collections.abc import Callable

from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.sql import guc_special, guc_values
from duckgres_tx.sql.guc_table import DEFINITIONS, Context, GucDefinition, Kind, Meaning

_SPECIAL: dict[str, Callable[[str, str], str]] = {
    "datestyle": guc_special.date_style,
    "timezone": guc_special.time_zone,
    "client_encoding": guc_special.client_encoding,
    "search_path": guc_special.search_path,
}
LISTS = frozenset(("datestyle", "search_path", "temp_tablespaces"))
"""Parameters whose value is a list: SET takes several arguments for them."""
_QUOTED_LISTS = frozenset(("search_path", "temp_tablespaces"))

# Spellings that PostgreSQL takes without naming them in its hint.
_ALIASES: dict[str, dict[str, str]] = {
    "client_min_messages": {"debug": "debug2", "info": "notice"},
    "log_min_messages": {"debug": "debug2"},
    "log_min_error_statement": {"debug": "debug2"},
    "synchronous_commit": {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"},
    "constraint_exclusion": {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"},
    "backslash_quote": {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"},
    "compute_query_id": {"true": "on", "yes": "on", "1": "on", "false": "off", "no": "off", "0": "off"},
}


def find_definition(name: str) -> GucDefinition | None:
    """The definition of a parameter by its lower-case name; None for an extension's (``a.b``).

    Raises:
        PgError: 42704 when there is no such parameter, 42602 when there can't be.
    """
    definition = DEFINITIONS.get(name)
    if definition is not None:
        return definition
    if "." not in name:
        raise unrecognized(name)
    if not guc_values.is_custom_name(name):
        raise PgError(
            "42602",
            f'invalid configuration parameter name "{name}"',
            detail="Custom parameter names must be two or more simple identifiers separated by dots.",
        )
    return None


def unrecognized(name: str) -> PgError:
    """PostgreSQL's error for a parameter that doesn't exist (42704)."""
    return PgError("42704", f'unrecognized configuration parameter "{name}"')


def check_may_set(definition: GucDefinition, *, superuser: bool, at_start: bool) -> None:
    """Refuse what this session may not set.

    Args:
        definition: The parameter.
        superuser: Whether the session's user is a superuser.
        at_start: The value comes with the connection's startup packet.

    Raises:
        PgError: 55P02 for what can't be changed (now), 42501 for what only superusers change.
    """
    name, context = definition.name, definition.context
    if context is Context.INTERNAL:
        raise PgError("55P02", f'parameter "{name}" cannot be changed')
    if context is Context.POSTMASTER:
        raise PgError("55P02", f'parameter "{name}" cannot be changed without restarting the server')
    if context is Context.SIGHUP:
        raise PgError("55P02", f'parameter "{name}" cannot be changed now')
    if definition.meaning is Meaning.READ_ONLY and not at_start:
        raise PgError("55P02", f'parameter "{name}" cannot be set after connection start')
    if context in (Context.SUPERUSER, Context.SUPERUSER_BACKEND) and not superuser:
        raise PgError("42501", f'permission denied to set parameter "{name}"')


def join_arguments(name: str, arguments: tuple[str, ...]) -> str:
    """The text that SET's arguments come to: a list's items joined, names quoted where they need it.

    Raises:
        PgError: 22023 when there are several for a parameter that is no list.
    """
    if name in _QUOTED_LISTS:
        return guc_values.name_list(arguments)
    if name in LISTS:
        return ", ".join(arguments)
    if len(arguments) != 1:
        definition = DEFINITIONS.get(name)
        raise PgError("22023", f"SET {definition.name if definition else name} takes only one argument")
    return arguments[0]


def stored_form(definition: GucDefinition, text: str, current: str) -> str:
    """Check a value and bring it into its stored form.

    Args:
        definition: The parameter.
        text: What the client gave.
        current: The present stored form, of which DateStyle keeps what isn't said.

    Raises:
        PgError: 22023 for what PostgreSQL refuses too, 0A000 for what only this server refuses.
    """
    value = _by_kind(definition, text, current)
    # What SHOW gives may be given back.
    if definition.only and value.lower() not in map(str.lower, definition.only):
        raise FeatureNotSupported(f'setting {definition.name} to "{value}" is not supported')
    return value


def _by_kind(definition: GucDefinition, text: str, current: str) -> str:
    name = definition.name
    special = _SPECIAL.get(definition.key)
    if special is not None:
        return special(text, current)
    match definition.kind:
        case Kind.BOOLEAN:
            return guc_values.boolean(name, text)
        case Kind.INTEGER:
            return guc_values.integer(name, text, definition.unit, definition.bounds)
        case Kind.REAL:
            return guc_values.real(name, text, definition.unit, definition.bounds)
        case Kind.ENUM:
            return guc_values.choice(name, text, definition.choices, _ALIASES.get(name, {}))
        case Kind.STRING:
            return _application_name(text) if name == "application_name" else text


def _application_name(text: str) -> str:
    # As PostgreSQL 16 does: only printable ASCII is kept as it is, and 63 bytes at most.
    clean = "".join(
        chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in text.encode("utf-8", "surrogateescape")
    )
    return clean[:63]


def shown_form(definition: GucDefinition, stored: str) -> str:
    """A stored form as SHOW and current_setting have it."""
    if definition.kind in (Kind.INTEGER, Kind.REAL):
        return guc_values.with_unit(stored, definition.unit)
    return stored
