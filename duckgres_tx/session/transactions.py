"""Where a session stands towards its transaction, as PostgreSQL would tell it.

DuckDB goes on after some errors, and commits an aborted transaction without a word; so the state is kept here. DuckDB's own
transaction begins with the block's first statement that needs it and is rolled back as soon as the block has failed.

Spec: protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT, protocol-flow.html#PROTOCOL-FLOW-PIPELINING
"""

from __future__ import annotations

import enum

from attrs import define, field

from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.sql.classify import StatementClass
from duckgres_tx.sql.forms import TransactionModes
from duckgres_tx.wire.backend import TransactionStatus

# What is still heard in a block that has failed.
ENDS_OF_BLOCKS = frozenset(
    {
        StatementClass.COMMIT,
        StatementClass.ROLLBACK,
        StatementClass.ROLLBACK_TO,
        StatementClass.PREPARED_TRANSACTION,
    }
)


class BlockState(enum.Enum):
    """What kind of block is open."""

    NONE = "each statement is its own transaction"
    IMPLICIT = "the statements of one Query, or those before a Sync, are one transaction"
    EXPLICIT = "BEGIN was said"
    FAILED = "BEGIN was said, and an error has ended it: only its end is awaited"


_STATUS = {
    BlockState.NONE: TransactionStatus.IDLE,
    BlockState.IMPLICIT: TransactionStatus.IDLE,
    BlockState.EXPLICIT: TransactionStatus.IN_TRANSACTION,
    BlockState.FAILED: TransactionStatus.FAILED,
}


@define(eq=False)
class TransactionBlock:
    """The block a session is in. It decides; ``Session`` carries out what DuckDB has to do.

    Attributes:
        state: What kind of block is open.
        native_open: DuckDB has a transaction open for it.
        modes: What BEGIN and SET TRANSACTION have said.
        ran: A statement has run in it, so that its modes are fixed.
        catalog_changed: A statement in it may have changed the catalog, so others will see that after the commit.
        savepoints: Names in the order in which they were set.
        dropped_at_commit: Temporary tables that were made in it, and end with it.
    """

    state: BlockState = BlockState.NONE
    native_open: bool = False
    modes: TransactionModes = field(factory=TransactionModes)
    ran: bool = False
    catalog_changed: bool = False
    savepoints: list[str] = field(factory=list)
    dropped_at_commit: list[str] = field(factory=list)

    @property
    def status(self) -> TransactionStatus:
        """What ReadyForQuery says."""
        return _STATUS[self.state]

    @property
    def wants_native(self) -> bool:
        """DuckDB's transaction has to begin before the next statement."""
        return self.state is not BlockState.NONE and not self.native_open

    def begin(self, modes: TransactionModes) -> PgError | None:
        """BEGIN.

        Returns:
            A WARNING when a block is open already.
        """
        if self.state is BlockState.EXPLICIT:
            return PgError("25001", "there is already a transaction in progress", severity=Severity.WARNING)
        self.state = BlockState.EXPLICIT
        self.modes = modes
        return None

    def begin_implicit(self) -> bool:
        """Statements that belong together begin, unless a block is open; whether one has begun now."""
        if self.state is not BlockState.NONE:
            return False
        self.state = BlockState.IMPLICIT
        return True

    def end(self) -> None:
        """The block is over."""
        self.state = BlockState.NONE
        self.native_open = False
        self.modes = TransactionModes()
        self.ran = False
        self.catalog_changed = False
        self.savepoints.clear()
        self.dropped_at_commit.clear()

    def fail(self) -> None:
        """An error was said, and DuckDB's transaction is rolled back."""
        if self.state in (BlockState.EXPLICIT, BlockState.FAILED):
            self.state = BlockState.FAILED
            self.native_open = False
            self.catalog_changed = False
            self.dropped_at_commit.clear()
        else:
            self.end()

    def set_savepoint(self, name: str) -> PgError:
        """SAVEPOINT: the name is remembered; there is no way back to it, which is said.

        Raises:
            PgError: 25P01 outside a block.
        """
        self._need_block("SAVEPOINT")
        self.savepoints.append(name)
        return PgError(
            "01000",
            "savepoints can be released but not rolled back to",
            detail="An error still fails the whole transaction.",
            severity=Severity.WARNING,
        )

    def release_savepoint(self, name: str) -> None:
        """RELEASE: the savepoint and those after it are forgotten.

        Raises:
            PgError: 25P01 outside a block, 3B001 for an unknown name.
        """
        self._need_block("RELEASE SAVEPOINT")
        del self.savepoints[self._position(name) :]

    def rollback_to_savepoint(self, name: str) -> None:
        """ROLLBACK TO: not possible, so it is an error that fails the transaction.

        Raises:
            PgError: 25P01 outside a block, 3B001 for an unknown name, else 0A000.
        """
        self._need_block("ROLLBACK TO SAVEPOINT")
        self._position(name)
        raise FeatureNotSupported(
            "ROLLBACK TO SAVEPOINT is not supported", hint="Roll the whole transaction back and try it again."
        )

    def need_none(self, what: str) -> None:
        """Refuse what can't be undone.

        Raises:
            PgError: 25001 inside a block.
        """
        if self.state is not BlockState.NONE:
            raise PgError("25001", f"{what} cannot run inside a transaction block")

    def _need_block(self, what: str) -> None:
        if self.state not in (BlockState.EXPLICIT, BlockState.FAILED):
            raise PgError("25P01", f"{what} can only be used in transaction blocks")

    def _position(self, name: str) -> int:
        for position in range(len(self.savepoints) - 1, -1, -1):
            if self.savepoints[position] == name:
                return position
        raise PgError("3B001", f'savepoint "{name}" does not exist')


def aborted() -> PgError:
    """What everything but the block's end is answered with once it has failed."""
    return PgError("25P02", "current transaction is aborted, commands ignored until end of transaction block")


def no_transaction() -> PgError:
    """The WARNING for COMMIT and ROLLBACK outside a block."""
    return PgError("25P01", "there is no transaction in progress", severity=Severity.WARNING)
