"""What a session begins with: its variables, and what follows from them.

Clients log in with the same few startup packets again and again. What follows from one is found out for its first session and
kept, because it takes longer than all the rest of a login.
"""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field, frozen

from duckgres_tx.catalog.search_path import effective_search_path
from duckgres_tx.errors import PgError
from duckgres_tx.session.acting_values import ActingValues
from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.sql.guc_values import read_name_list
from duckgres_tx.sql.tokens import quote_string
from duckgres_tx.sql.variables import Variables
from duckgres_tx.wire.backend import ParameterStatus

# Bounds what a result that is read slowly holds; what can be set for a whole instance is in ``opening``.
_BUFFER_SIZE = "SET streaming_buffer_size = '64KiB'"
# A startup packet has 10,000 bytes at most.
MAX_KEPT = 64


@frozen(eq=False)
class SessionStart:
    """What all sessions begin with that ask for the same.

    Attributes:
        variables: As they are at the start; each session takes a copy.
        acting: What they mean for the session.
        search_path: The names in ``search_path``, ``$user`` among them.
        greeting: The ParameterStatus messages of a login.
        context: What the context functions are told of the variables; all others have their default values, which are in
            the settings' table.
    """

    variables: Variables
    acting: ActingValues
    search_path: tuple[str, ...]
    greeting: bytes
    context: dict[str, str]

    def script(self, path: tuple[str, ...], catalog: str, instance_zone: str) -> str:
        """What runs on a session's connection before anything else.

        Args:
            path: The schemas of its search path that exist.
            catalog: The name under which its database is attached.
            instance_zone: The time zone of those who set none.
        """
        statements = [_BUFFER_SIZE, effective_search_path(path, catalog)]
        zone = self.acting.render.time_zone
        if zone != instance_zone:
            statements.append(f"SET TimeZone = {quote_string(zone)}")
        return "; ".join(statements)


@define(eq=False)
class SessionStarts:
    """The starts that were asked for last."""

    _settings: WorkerSettings | None = None
    _kept: OrderedDict[tuple[object, ...], SessionStart] = field(factory=OrderedDict)

    def start_of(self, request: LoginRequest, settings: WorkerSettings) -> SessionStart:
        """What a session begins with.

        Raises:
            PgError: FATAL; a value in the startup packet is refused.
        """
        if settings is not self._settings:
            self._settings = settings
            self._kept.clear()
        key = (request.user, *request.variables.items())
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        made = _make(request, settings)
        self._kept[key] = made
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return made


def _make(request: LoginRequest, settings: WorkerSettings) -> SessionStart:
    variables = _start_variables(request, settings)
    names = {*variables.server_values, *request.variables, "session_authorization", "is_superuser"}
    return SessionStart(
        variables=variables,
        acting=ActingValues.of(variables),
        search_path=read_name_list(variables.show("search_path")),
        greeting=b"".join(ParameterStatus(name, value).encode() for name, value in variables.reported()),
        context={f"guc.{name.lower()}": variables.show(name) for name in names},
    )


def _start_variables(request: LoginRequest, settings: WorkerSettings) -> Variables:
    server_values = {
        "server_version": settings.server_version,
        "search_path": settings.search_path,
        "timezone": settings.time_zone,
        "statement_timeout": str(settings.statement_timeout_ms),
        "idle_session_timeout": str(int(settings.idle_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": str(int(settings.idle_in_transaction_timeout_s * 1000)),
        "max_connections": str(settings.max_connections),
        **settings.defaults,
    }
    variables = Variables(request.user, request.user in settings.superusers, server_values)
    try:
        variables.start(request.variables)
    except PgError as error:
        raise error.fatal() from None
    return variables
