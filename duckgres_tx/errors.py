"""What can go wrong, in PostgreSQL's terms.

Everything that a client is told about a failure is a `PgError`: it carries a SQLSTATE and PostgreSQL's wording.
A mistake of our own towards the protocol is a `LocalProtocolError`, which is no `PgError`: it is logged with its
traceback, and the client hears `XX000`.

Spec: errcodes-appendix.html#ERRCODES-APPENDIX, protocol-error-fields.html#PROTOCOL-ERROR-FIELDS
"""

from __future__ import annotations

import enum
import inspect
from typing import NamedTuple, Self

__all__ = [
    "AdminShutdown",
    "FeatureNotSupported",
    "LocalProtocolError",
    "PgError",
    "ProtocolViolation",
    "QueryCanceled",
    "Severity",
    "TooManyConnections",
]


class Severity(enum.Enum):
    """How bad it is; the value is what the fields S and V say.

    ERROR, FATAL and PANIC belong into an ErrorResponse (FATAL: the connection is closed after it), the others
    into a NoticeResponse.
    """

    ERROR = "ERROR"
    FATAL = "FATAL"
    PANIC = "PANIC"
    WARNING = "WARNING"
    NOTICE = "NOTICE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    LOG = "LOG"

    @property
    def is_error(self) -> bool:
        """Whether it is said in an ErrorResponse rather than a NoticeResponse."""
        return self in _ERROR_SEVERITIES


_ERROR_SEVERITIES = frozenset({Severity.ERROR, Severity.FATAL, Severity.PANIC})


class MadeAt(NamedTuple):
    """The place in the source where an error was made."""

    filename: str
    lineno: int
    name: str


def _caller() -> MadeAt:
    """Who has called the constructor that calls this."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    if frame is None:
        return MadeAt(__file__, 0, "")
    return MadeAt(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


class PgError(Exception):
    """A failure (or, by its severity, a notice) as a client is told of it.

    Attributes:
        sqlstate: Five characters, see `duckgres_tx.wire.sqlstate`.
        message: One line in PostgreSQL's style: lower case, no full stop.
        detail: More about it, whole sentences.
        hint: What the user could do, whole sentences.
        position: Where in the text that the client sent, counted in characters from 1; None when not known.
        where: The context in which it happened, e.g. `COPY t, line 3`.
        severity: ERROR unless said otherwise.
        made_at: Where in the source of this server it was made.
    """

    def __init__(
        self,
        sqlstate: str,
        message: str,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        severity: Severity = Severity.ERROR,
        *,
        where: str | None = None,
    ) -> None:
        super().__init__(sqlstate, message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position
        self.severity = severity
        self.where = where
        self.made_at = _caller()

    def fatal(self) -> Self:
        """The same error as FATAL: the connection ends after it."""
        error = type(self).__new__(type(self), *self.args)
        error.__dict__.update(self.__dict__)
        error.severity = Severity.FATAL
        return error.with_traceback(self.__traceback__)

    def __str__(self) -> str:
        return f"{self.severity.value}: {self.message} (SQLSTATE {self.sqlstate})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.sqlstate} {self.severity.value} {self.message!r}>"


class _FixedSqlstateError(PgError):
    """An error whose class stands for one SQLSTATE."""

    SQLSTATE = ""

    def __init__(
        self,
        message: str,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        super().__init__(self.SQLSTATE, message, detail, hint, position, severity)


class ProtocolViolation(_FixedSqlstateError):
    """The peer broke the protocol (08P01).

    As ERROR the message was whole and the conversation can go on; as FATAL the place in the stream is lost.
    """

    SQLSTATE = "08P01"


class QueryCanceled(_FixedSqlstateError):
    """A statement was stopped by a CancelRequest or a time limit (57014)."""

    SQLSTATE = "57014"


class AdminShutdown(_FixedSqlstateError):
    """The server ends this session: shutdown, drain, termination by an administrator (57P01)."""

    SQLSTATE = "57P01"


class TooManyConnections(_FixedSqlstateError):
    """A limit on connections is reached (53300)."""

    SQLSTATE = "53300"


class FeatureNotSupported(_FixedSqlstateError):
    """Well-formed, and not offered by this server (0A000)."""

    SQLSTATE = "0A000"


class LocalProtocolError(Exception):
    """The server was about to break the protocol: a bug of ours.

    Whoever runs a session logs it with its traceback, tells the client `XX000`, and closes the connection.
    """
