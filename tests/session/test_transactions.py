"""The block's state is PostgreSQL's, whatever DuckDB makes of an error."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.session.transactions import BlockState, TransactionBlock
from duckgres_tx.sql.forms import TransactionModes
from duckgres_tx.wire.backend import TransactionStatus


def begun():
    """A block after BEGIN."""
    block = TransactionBlock()
    block.begin(TransactionModes())
    return block


def test_begin_opens_a_block_and_a_second_one_warns():
    """BEGIN twice is a WARNING, not an error."""
    block = TransactionBlock()
    assert block.begin(TransactionModes()) is None
    assert block.status is TransactionStatus.IN_TRANSACTION
    warning = block.begin(TransactionModes())
    assert warning is not None
    assert warning.sqlstate == "25001"


def test_begin_within_a_batch_makes_its_transaction_explicit():
    """`insert …; begin; insert …` leaves the session in a transaction that holds both."""
    block = TransactionBlock()
    assert block.begin_implicit()
    assert block.status is TransactionStatus.IDLE
    assert block.begin(TransactionModes()) is None
    assert block.state is BlockState.EXPLICIT


def test_a_batch_within_a_block_begins_nothing():
    """Inside BEGIN … COMMIT a batch is a part of that."""
    assert not begun().begin_implicit()


def test_an_error_fails_an_explicit_block_until_its_end():
    """Status E stays until ROLLBACK, also after another error."""
    block = begun()
    block.fail()
    block.fail()
    assert block.status is TransactionStatus.FAILED
    assert not block.native_open
    block.end()
    assert block.status is TransactionStatus.IDLE


def test_an_error_ends_an_implicit_block():
    """After a failed batch nobody has to say ROLLBACK."""
    block = TransactionBlock()
    block.begin_implicit()
    block.fail()
    assert block.state is BlockState.NONE


def test_duckdb_begins_when_the_first_statement_needs_it():
    """BEGIN alone costs DuckDB nothing."""
    block = TransactionBlock()
    assert not block.wants_native
    block.begin(TransactionModes())
    assert block.wants_native
    block.native_open = True
    assert not block.wants_native


def test_savepoints_can_be_set_and_released_but_not_returned_to():
    """ROLLBACK TO must never claim to have undone what it has not."""
    block = begun()
    for name in ("a", "b", "a"):
        assert block.set_savepoint(name).sqlstate == "01000"
    block.release_savepoint("b")
    assert block.savepoints == ["a"]
    with pytest.raises(FeatureNotSupported):
        block.rollback_to_savepoint("a")
    with pytest.raises(PgError) as unknown:
        block.release_savepoint("b")
    assert unknown.value.sqlstate == "3B001"


def test_savepoints_outside_a_block_are_refused():
    """As in PostgreSQL."""
    with pytest.raises(PgError) as refused:
        TransactionBlock().set_savepoint("a")
    assert refused.value.sqlstate == "25P01"


def test_what_cannot_be_undone_is_refused_in_any_block():
    """CREATE DATABASE in a batch or after BEGIN."""
    TransactionBlock().need_none("CREATE DATABASE")
    for block in (begun(), TransactionBlock(state=BlockState.IMPLICIT)):
        with pytest.raises(PgError, match="CREATE DATABASE cannot run inside a transaction block") as refused:
            block.need_none("CREATE DATABASE")
        assert refused.value.sqlstate == "25001"
