"""What a StartupMessage asks for, once it is read."""

from __future__ import annotations

from attrs import frozen

from duckgres_tx.errors import FeatureNotSupported, Severity
from duckgres_tx.wire.startup import LONG_KEYS_SINCE_MINOR, NEWEST_MINOR, StartupMessage, parse_options

# Protocol 3.0 knows no other length.
SHORT_KEY_BYTES = 4
LONG_KEY_BYTES = 32

_TRUE_WORDS = frozenset({"true", "on", "yes", "1", "database"})
# What a worker adds to the message of a client that it relays, when the client's certificate was all the proof that is wanted.
# No client's own message is believed in this.
CERTIFIED = "_duckgres.certified"
_NOT_VARIABLES = frozenset({"user", "database", "options", "replication", CERTIFIED})


@frozen
class LoginRequest:
    """Who wants to log in, and how.

    Attributes:
        user: Not authenticated yet.
        database: The name as sent.
        minor: The minor version of the protocol that both sides speak.
        variables: Values from ``options`` and from further startup parameters, in this order; they act after login.
    """

    user: str
    database: str
    variables: dict[str, str]
    minor: int = 0

    @property
    def cancel_key_bytes(self) -> int:
        """How long the session's cancel key is: as in PostgreSQL 18."""
        return LONG_KEY_BYTES if self.minor >= LONG_KEYS_SINCE_MINOR else SHORT_KEY_BYTES

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
        return cls(user, message.database, variables, min(message.minor, NEWEST_MINOR))


def to_pass_on(message: StartupMessage, *, certified: bool) -> StartupMessage:
    """The message for the worker that owns the database: whether the client has proved who it is with its certificate is said by us."""
    parameters = {name: value for name, value in message.parameters.items() if name != CERTIFIED}
    if certified:
        parameters[CERTIFIED] = "on"
    return StartupMessage(message.major, message.minor, parameters)
