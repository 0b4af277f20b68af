"""A session's variables at its start: from the server's configuration, then from the startup packet."""

from __future__ import annotations

from datetime import UTC, datetime

from duckgres_tx.catalog.search_path import effective_search_path
from duckgres_tx.engine.database import Connection
from duckgres_tx.errors import PgError
from duckgres_tx.session.client import Client
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.sql.tokens import quote_string
from duckgres_tx.sql.variables import Variables

# Bounds what a result that is read slowly holds; what can be set for a whole instance is in ``opening``.
_BUFFER_SIZE = "SET streaming_buffer_size = '64KiB'"


def start_variables(settings: WorkerSettings, request: LoginRequest, *, superuser: bool) -> Variables:
    """The variables of a new session.

    Raises:
        PgError: FATAL; a value in the startup packet is refused.
    """
    version = settings.server_version
    server_values = {
        "server_version": version,
        "search_path": settings.search_path,
        "timezone": settings.time_zone,
        "statement_timeout": str(settings.statement_timeout_ms),
        "idle_session_timeout": str(int(settings.idle_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": str(int(settings.idle_in_transaction_timeout_s * 1000)),
        "max_connections": str(settings.max_connections),
        **settings.defaults,
    }
    variables = Variables(request.user, superuser, server_values)
    try:
        variables.start(request.variables)
    except PgError as error:
        raise error.fatal() from None
    return variables


def connection_script(variables: Variables, path: tuple[str, ...], catalog: str, instance_zone: str) -> str:
    """What runs on a session's connection before anything else.

    Args:
        variables: The session's.
        path: The schemas of its search path that exist.
        catalog: The name under which its database is attached.
        instance_zone: The time zone of those who set none.
    """
    statements = [_BUFFER_SIZE, effective_search_path(path, catalog)]
    if variables.time_zone != instance_zone:
        statements.append(f"SET TimeZone = {quote_string(variables.time_zone)}")
    return "; ".join(statements)


def tell_context(
    native: Connection,
    client: Client,
    request: LoginRequest,
    variables: Variables,
    path: tuple[str, ...],
    started_at: float,
) -> None:
    """Tell the context functions who and where this session is."""
    accepted = client.accepted
    context = {
        "pid": str(accepted.backend_pid),
        "user": request.user,
        "session_user": request.user,
        "database": request.database,
        "ssl": "on" if client.encrypted else "off",
        "start_time": datetime.fromtimestamp(started_at, UTC).isoformat(sep=" "),
    }
    if accepted.remote_host:
        context["client_addr"] = accepted.remote_host
        context["client_port"] = str(accepted.remote_port)
    for name, value in context.items():
        native.set_context(name, value)
    native.set_context("search_path", ",".join(path))
    # All others have their default values, which are in the settings' table.
    for name in {*variables.server_values, *request.variables, "session_authorization", "is_superuser"}:
        key = name.lower()
        native.set_context(f"guc.{key}", variables.show(key))
