"""The session's own statements, parsed: one frozen class per kind.

Spec: sql-commands.html#SQL-COMMANDS
"""

from __future__ import annotations

import enum

from attrs import frozen

from duckgres_tx.sql.split import SourceStatement


@frozen
class TransactionModes:
    """What BEGIN or SET TRANSACTION says of a transaction; None where it says nothing.

    ``isolation`` is PostgreSQL's name in lower case: ``read committed``, ``repeatable read`` …
    """

    isolation: str | None = None
    read_only: bool | None = None
    deferrable: bool | None = None


@frozen
class BeginTransaction:
    """BEGIN or START TRANSACTION; ``word`` is the one that was used, for the command tag."""

    modes: TransactionModes
    word: str = "begin"


@frozen
class CommitTransaction:
    """COMMIT or END [AND CHAIN]."""

    chain: bool


@frozen
class RollbackTransaction:
    """ROLLBACK or ABORT [AND CHAIN]."""

    chain: bool


@frozen
class Savepoint:
    """SAVEPOINT name."""

    name: str


@frozen
class RollbackToSavepoint:
    """ROLLBACK TO name."""

    name: str


@frozen
class ReleaseSavepoint:
    """RELEASE name."""

    name: str


@frozen
class PreparedTransaction:
    """PREPARE TRANSACTION, COMMIT PREPARED or ROLLBACK PREPARED; ``word`` is the first keyword."""

    word: str
    gid: str


@frozen
class SetVariable:
    """SET [LOCAL] name = arguments; ``arguments`` is None for DEFAULT, else the values as text.

    ``name`` is lower case and holds dots for an extension's parameter.
    """

    name: str
    arguments: tuple[str, ...] | None
    local: bool = False


@frozen
class SetTransaction:
    """SET TRANSACTION (this one) or SET SESSION CHARACTERISTICS AS TRANSACTION (those to come)."""

    modes: TransactionModes
    for_session: bool


@frozen
class SetConstraints:
    """SET CONSTRAINTS; ``names`` is empty for ALL."""

    names: tuple[str, ...]
    deferred: bool


@frozen
class ShowVariable:
    """SHOW name; ``name`` is None for ALL."""

    name: str | None


@frozen
class ResetVariable:
    """RESET name; ``name`` is None for ALL."""

    name: str | None


class DiscardTarget(enum.Enum):
    """What DISCARD throws away; the value is the end of the command tag."""

    ALL = "ALL"
    PLANS = "PLANS"
    SEQUENCES = "SEQUENCES"
    TEMP = "TEMP"


@frozen
class Discard:
    """DISCARD what."""

    what: DiscardTarget


@frozen
class PrepareStatement:
    """PREPARE name (types) AS body; the types as they were written."""

    name: str
    types: tuple[str, ...]
    body: SourceStatement


@frozen
class ExecuteStatement:
    """EXECUTE name (arguments); each argument is an expression's text."""

    name: str
    arguments: tuple[str, ...]


@frozen
class Deallocate:
    """DEALLOCATE name; ``name`` is None for ALL."""

    name: str | None


@frozen
class DeclareCursor:
    """DECLARE name … CURSOR … FOR body; ``scroll`` is None when neither SCROLL nor NO SCROLL is said."""

    name: str
    body: SourceStatement
    binary: bool = False
    scroll: bool | None = None
    hold: bool = False


class Direction(enum.Enum):
    """Where FETCH and MOVE go."""

    FORWARD = "forward"
    BACKWARD = "backward"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"


@frozen
class FetchCursor:
    """FETCH or MOVE; ``count`` is None for ALL. ``FETCH -3`` is BACKWARD 3, FIRST is ABSOLUTE 1, LAST ABSOLUTE -1."""

    name: str
    direction: Direction
    count: int | None
    move: bool = False


@frozen
class CloseCursor:
    """CLOSE name; ``name`` is None for ALL."""

    name: str | None


@frozen
class CopyOption:
    """One option of COPY's as it was written; what it means is ``copy_options``' to say.

    ``argument`` is a constant's or a word's text, ``*``, the names of a list, or None when nothing is said; ``position`` is
    where the option stands in the whole query string, from 1.
    """

    name: str
    argument: str | tuple[str, ...] | None
    position: int


@frozen
class CopyStandardStream:
    """COPY … FROM STDIN (``to_client`` false) or COPY … TO STDOUT.

    Either ``relation`` (a name of one to three parts, with its ``columns`` if they are listed) or ``query`` is copied;
    ``condition`` is the text behind WHERE.
    """

    to_client: bool
    relation: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    query: SourceStatement | None = None
    options: tuple[CopyOption, ...] = ()
    condition: SourceStatement | None = None
    relation_position: int = 0


@frozen
class CreateDatabase:
    """CREATE DATABASE name; the options' names in lower case, their values as text."""

    name: str
    options: tuple[tuple[str, str], ...] = ()


@frozen
class DropDatabase:
    """DROP DATABASE [IF EXISTS] name [WITH (FORCE)]."""

    name: str
    if_exists: bool
    force: bool


@frozen
class Listen:
    """LISTEN channel."""

    channel: str


@frozen
class Notify:
    """NOTIFY channel, payload."""

    channel: str
    payload: str


@frozen
class Unlisten:
    """UNLISTEN channel; ``channel`` is None for ``*``."""

    channel: str | None


@frozen
class LockTables:
    """LOCK [TABLE] tables IN mode MODE [NOWAIT]; ``mode`` in lower case."""

    tables: tuple[tuple[str, ...], ...]
    mode: str
    nowait: bool


@frozen
class RunScript:
    """A statement that is several of DuckDB's: ``scripts.script`` makes them, to be run in one transaction."""

    source: SourceStatement


SessionStatement = (
    BeginTransaction
    | CommitTransaction
    | RollbackTransaction
    | Savepoint
    | RollbackToSavepoint
    | ReleaseSavepoint
    | PreparedTransaction
    | SetVariable
    | SetTransaction
    | SetConstraints
    | ShowVariable
    | ResetVariable
    | Discard
    | PrepareStatement
    | ExecuteStatement
    | Deallocate
    | DeclareCursor
    | FetchCursor
    | CloseCursor
    | CopyStandardStream
    | CreateDatabase
    | DropDatabase
    | Listen
    | Notify
    | Unlisten
    | LockTables
    | RunScript
)
