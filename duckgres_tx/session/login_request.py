"""What a StartupMessage asks for, once it is read."""

from __future__ import annotations

from attrs import frozen

from duckgres_tx.errors import FeatureNotSupported, Severity
from duckgres_tx.wire.startup import StartupMessage, parse_options

_TRUE_WORDS = frozenset({"true", "on", "yes", "1", "database"})
_NOT_VARIABLES = frozenset({"user", "database", "options", "replication"})


@frozen
class LoginRequest:
    """Who wants to log in, and how.

    Attributes:
        user: Not authenticated yet.
        database: The name as sent.
        variables: Values from ``options`` and from further startup parameters, in this order; they act after login.
    """

    user: str
    database: str
    variables: dict[str, str]

    @classmethod
    def from_message(cls, message: StartupMessage) -> LoginRequest:
        """Read a StartupMessage.

        Raises:
            PgError: FATAL; 28000 without a user, 0A000 for replication, 42601 for options that are none.
        """
        message.check_version()
        user = message.user
        if message.parameters.get("replication", "false").lower() in _TRUE_WORDS:
            raise FeatureNotSupported("replication connections are not supported", severity=Severity.FATAL)
        variables = parse_options(message.parameters.get("options", ""))
        for name, value in message.parameters.items():
            if name not in _NOT_VARIABLES and not name.startswith("_pq_."):
                variables[name] = value
        return cls(user, message.database, variables)
