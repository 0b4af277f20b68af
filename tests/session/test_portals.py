"""Portals and prepared statements by name."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError
from duckgres_tx.session.portals import Cursor, ExhaustedPortal, Portal, Portals
from duckgres_tx.session.prepared_statements import PreparedStatement, PreparedStatements
from duckgres_tx.wire.backend import FieldDescription, RowDescription
from duckgres_tx.wire.fields import spread


class FakeExecution:
    """Knows whether it was closed."""

    closed = False

    def close(self):
        """Remember."""
        self.closed = True


def statement(name="", **changes):
    """A statement that nothing is known of."""
    return PreparedStatement(name, None, **changes)


def test_the_unnamed_portal_is_replaced_and_freed():
    """Every Bind of most drivers makes one."""
    portals, execution = Portals(), FakeExecution()
    portals.add(Portal("", statement(), execution=execution))
    portals.add(Portal("", statement()))
    assert execution.closed
    assert len(portals) == 1


def test_a_named_portal_is_not_replaced():
    """42P03 as in PostgreSQL."""
    portals = Portals()
    portals.add(Portal("c", statement()))
    with pytest.raises(PgError, match='cursor "c" already exists') as refused:
        portals.add(Portal("c", statement()))
    assert refused.value.sqlstate == "42P03"


def test_unknown_portals_are_named_for_what_asks():
    """Execute says portal, CLOSE says cursor."""
    portals = Portals()
    with pytest.raises(PgError, match='portal "c" does not exist') as unknown:
        portals.find("c")
    assert unknown.value.sqlstate == "34000"
    with pytest.raises(PgError, match='cursor "c" does not exist'):
        portals.find_cursor("c")
    portals.close("c")


def test_an_exhausted_portal_stays_until_it_is_closed():
    """It gives no more rows, and says so."""
    portals = Portals()
    portal = Portal("c", statement(), result_formats=(1,))
    portals.add(portal)
    portals.exhaust(portal)
    assert portals.find("c") == ExhaustedPortal("c", portal.statement, (1,), portal.created_at)


def test_a_portal_that_its_own_commit_has_closed_does_not_come_back():
    """COMMIT through the extended protocol ends the portal that runs it."""
    portals = Portals()
    portal = Portal("", statement())
    portals.add(portal)
    portals.close_all()
    portals.exhaust(portal)
    assert len(portals) == 0


def test_names_of_statements():
    """Taken, unknown, unnamed."""
    statements = PreparedStatements()
    statements.add(statement("s"))
    statements.add(statement(""))
    statements.check_new("")
    with pytest.raises(PgError, match='prepared statement "s" already exists') as taken:
        statements.check_new("s")
    assert taken.value.sqlstate == "42P05"
    statements.pop("s")
    statements.pop("s")
    with pytest.raises(PgError, match='prepared statement "s" does not exist') as unknown:
        statements.find("s")
    assert unknown.value.sqlstate == "26000"
    statements.clear()
    with pytest.raises(PgError, match="unnamed prepared statement does not exist"):
        statements.find("")


def test_formats_are_spread_over_the_columns():
    """None, one, or one for each."""
    assert spread((), 2) == (0, 0)
    assert spread((1,), 3) == (1, 1, 1)
    assert spread((0, 1), 2) == (0, 1)


def test_a_row_description_tells_the_formats_of_bind():
    """Drivers such as pgx read the rows by it."""
    fields = (FieldDescription("a", type_oid=23, type_size=4), FieldDescription("b"))
    described = statement(fields=fields).row_description((1, 0))
    expected = RowDescription([FieldDescription("a", type_oid=23, type_size=4, format=1), FieldDescription("b")])
    assert described == expected.encode()


def test_a_held_cursor_outlives_the_transaction():
    """WITH HOLD; the others end with it, and what they hold is freed."""
    portals, mortal, held = Portals(), FakeExecution(), FakeExecution()
    portals.add(Cursor("mortal", statement(), execution=mortal))
    portals.add(Cursor("held", statement(), execution=held, hold=True))
    for cursor in portals.to_hold():
        cursor.held = True

    portals.end_of_transaction()

    assert [portal.name for portal in portals] == ["held"]
    assert (mortal.closed, held.closed) == (True, False)
    assert portals.to_hold() == []
    portals.close_all()
    assert held.closed
