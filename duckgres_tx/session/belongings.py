"""What a session takes along from one worker to another: `Belongings`.

Both workers may be of different releases: what a reader doesn't know it leaves out, what a writer didn't know has a default.
"""

from __future__ import annotations

import json
from typing import Any, Self

import cattrs
from attrs import Factory, frozen

from duckgres_tx.session.login_request import LoginRequest
from duckgres_tx.session.prepared_statements import SleepingStatement
from duckgres_tx.session.session import Session

# A session with more than this stays where it is.
MAX_BYTES = 4 << 20


@frozen(kw_only=True)
class Belongings:
    """Plain values only, so that it travels as JSON.

    Attributes:
        user: Who logged in.
        database: Its database.
        minor: The minor version of the protocol that is spoken.
        start: The variables of its startup packet, as sent.
        secret_key: What a CancelRequest must know, in hexadecimal.
        variables: What was set since, as stored.
        told: Values of the variables that the client was told last.
        statements: Its prepared statements.
        unread: What the client has sent and nobody has acted on, in hexadecimal.
    """

    user: str
    database: str
    minor: int = 0
    start: dict[str, str] = Factory(dict)
    secret_key: str = ""
    variables: dict[str, str] = Factory(dict)
    told: dict[str, str] = Factory(dict)
    statements: tuple[SleepingStatement, ...] = ()
    unread: str = ""

    @classmethod
    def of(cls, session: Session, request: LoginRequest, secret_key: bytes, unread: bytes) -> Self:
        """Those of a session that is idle and outside a transaction."""
        return cls(
            user=request.user,
            database=request.database,
            minor=request.minor,
            start=request.variables,
            secret_key=secret_key.hex(),
            variables=session.variables.taken_along(),
            told=dict(session.variables.reported()),
            statements=tuple(SleepingStatement.of(statement) for statement in session.statements),
            unread=unread.hex(),
        )

    @property
    def request(self) -> LoginRequest:
        """What the client asked for when it logged in."""
        return LoginRequest(self.user, self.database, self.start, self.minor)

    def to_json(self) -> bytes:
        """As it travels."""
        document: dict[str, Any] = cattrs.unstructure(self)
        return json.dumps(document, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, document: bytes) -> Self:
        """Read what another worker has written.

        Raises:
            ValueError: They are none.
        """
        try:
            return cattrs.structure(json.loads(document), cls)
        except cattrs.BaseValidationError as error:
            raise ValueError(f"not a session: {' '.join(cattrs.transform_error(error))}") from error
