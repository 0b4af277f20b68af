"""The grammar of the session's own statements."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import LocalProtocolError, PgError
from duckgres_tx.sql.classify import StatementClass, classify
from duckgres_tx.sql.forms import (
    BeginTransaction,
    CloseCursor,
    CommitTransaction,
    CreateDatabase,
    Deallocate,
    DeclareCursor,
    Direction,
    Discard,
    DiscardTarget,
    DropDatabase,
    ExecuteStatement,
    FetchCursor,
    Listen,
    LockTables,
    Notify,
    PreparedTransaction,
    PrepareStatement,
    ReleaseSavepoint,
    ResetVariable,
    RollbackToSavepoint,
    RollbackTransaction,
    Savepoint,
    SetConstraints,
    SetTransaction,
    SetVariable,
    ShowVariable,
    TransactionModes,
    Unlisten,
)
from duckgres_tx.sql.session_statements import is_session_statement, parse
from duckgres_tx.sql.split import split


def parsed(sql):
    """One statement, parsed."""
    statement = split(sql)[-1]
    return parse(statement, classify(statement))


@pytest.mark.parametrize(
    ("sql", "form"),
    [
        ("begin", BeginTransaction(TransactionModes())),
        ("BEGIN WORK READ ONLY", BeginTransaction(TransactionModes(read_only=True))),
        (
            "start transaction isolation level repeatable read, read write not deferrable",
            BeginTransaction(TransactionModes("repeatable read", read_only=False, deferrable=False), "start"),
        ),
        ("begin deferrable", BeginTransaction(TransactionModes(deferrable=True))),
        ("commit and chain", CommitTransaction(chain=True)),
        ("end transaction and no chain", CommitTransaction(chain=False)),
        ("abort", RollbackTransaction(chain=False)),
        ("savepoint a", Savepoint("a")),
        ("rollback work to savepoint A", RollbackToSavepoint("a")),
        ("rollback to savepoint", RollbackToSavepoint("savepoint")),
        ('release "A"', ReleaseSavepoint("A")),
        ("prepare transaction 'g'", PreparedTransaction("prepare", "g")),
        ("commit prepared 'g'", PreparedTransaction("commit", "g")),
        ("set transaction read only", SetTransaction(TransactionModes(read_only=True), for_session=False)),
        (
            "set session characteristics as transaction isolation level read uncommitted",
            SetTransaction(TransactionModes("read uncommitted"), for_session=True),
        ),
        ("set constraints all deferred", SetConstraints((), deferred=True)),
        ("set constraints a, s.b immediate", SetConstraints(("a", "b"), deferred=False)),
        ("set Work_Mem = '1MB'", SetVariable("work_mem", ("1MB",))),
        ("set local x.Y to on", SetVariable("x.y", ("on",), local=True)),
        ("set x to -1.5, 'a', \"B\", c", SetVariable("x", ("-1.5", "a", "B", "c"))),
        ("set session x = default", SetVariable("x", None)),
        ("set time zone local", SetVariable("timezone", None)),
        ("set local time zone -3", SetVariable("timezone", ("-3",), local=True)),
        ("set time zone interval '+02:00' hour to minute", SetVariable("timezone", ("INTERVAL +02:00",))),
        ("set time zone interval(0) '-03:00' hour to minute", SetVariable("timezone", ("INTERVAL -03:00",))),
        ("set names 'utf8'", SetVariable("client_encoding", ("utf8",))),
        ("set names", SetVariable("client_encoding", None)),
        ("set schema 'S'", SetVariable("search_path", ("S",))),
        ("set schema = 's'", SetVariable("search_path", ("s",))),
        ("set role none", SetVariable("role", ("none",))),
        ("set role = none", SetVariable("role", ("none",))),
        ("set session authorization default", SetVariable("session_authorization", None)),
        ("set xml option content", SetVariable("xmloption", ("content",))),
        ("show All", ShowVariable(None)),
        ("show time zone", ShowVariable("timezone")),
        ("show transaction isolation level", ShowVariable("transaction_isolation")),
        ("show a.B", ShowVariable("a.b")),
        ("reset all", ResetVariable(None)),
        ("reset session authorization", ResetVariable("session_authorization")),
        ("discard all", Discard(DiscardTarget.ALL)),
        ("discard temporary", Discard(DiscardTarget.TEMP)),
        ("execute p", ExecuteStatement("p", ())),
        ("execute p(1 + 1, f(a, b), 'x,y')", ExecuteStatement("p", ("1 + 1", "f(a, b)", "'x,y'"))),
        ("deallocate prepare all", Deallocate(None)),
        ("deallocate prepare", Deallocate("prepare")),
        ('fetch forward 10 from "C"', FetchCursor("C", Direction.FORWARD, 10)),
        ("fetch 100 in c", FetchCursor("c", Direction.FORWARD, 100)),
        ("fetch c", FetchCursor("c", Direction.FORWARD, 1)),
        ("fetch next", FetchCursor("next", Direction.FORWARD, 1)),
        ("fetch -3 c", FetchCursor("c", Direction.BACKWARD, 3)),
        ("fetch backward -3 c", FetchCursor("c", Direction.FORWARD, 3)),
        ("fetch backward all in c", FetchCursor("c", Direction.BACKWARD, None)),
        ("fetch last from c", FetchCursor("c", Direction.ABSOLUTE, -1)),
        ("fetch relative -2 c", FetchCursor("c", Direction.RELATIVE, -2)),
        ("move all c", FetchCursor("c", Direction.FORWARD, None, move=True)),
        ("close all", CloseCursor(None)),
        ("create database d", CreateDatabase("d")),
        (
            "create database d with owner = me encoding 'UTF8' connection limit -1",
            CreateDatabase("d", (("owner", "me"), ("encoding", "UTF8"), ("connection limit", "-1"))),
        ),
        ("drop database if exists d with (force)", DropDatabase("d", if_exists=True, force=True)),
        ("drop database d (force, force)", DropDatabase("d", if_exists=False, force=True)),
        ("drop database d", DropDatabase("d", if_exists=False, force=False)),
        ("listen A", Listen("a")),
        ("notify a, 'b'", Notify("a", "b")),
        ("notify a", Notify("a", "")),
        ("unlisten *", Unlisten(None)),
        ("lock s.t", LockTables((("s", "t"),), "access exclusive", nowait=False)),
        (
            "lock table only a, b * in share row exclusive mode nowait",
            LockTables((("a",), ("b",)), "share row exclusive", nowait=True),
        ),
    ],
)
def test_forms(sql, form):
    """Each spelling comes to its form."""
    assert parsed(sql) == form


def test_prepare_keeps_the_body_and_its_place():
    """Errors in the body are pointed at in the whole query string."""
    sql = "select 1; prepare p (int, numeric(10,2)) as select $1, $2"
    form = parsed(sql)
    assert isinstance(form, PrepareStatement)
    assert (form.name, form.types, form.body.text) == ("p", ("int", "numeric(10,2)"), "select $1, $2")
    assert sql[form.body.offset :] == form.body.text
    assert form.body.tokens[1].start == 7


def test_declare():
    """Psycopg and Tableau declare cursors in these spellings."""
    form = parsed('declare "SQL_CUR0x1" binary insensitive no scroll cursor with hold for select 1')
    assert isinstance(form, DeclareCursor)
    assert (form.name, form.binary, form.scroll, form.hold, form.body.text) == (
        "SQL_CUR0x1",
        True,
        False,
        True,
        "select 1",
    )
    scrolling = parsed("declare c scroll cursor without hold for select 1")
    assert isinstance(scrolling, DeclareCursor)
    assert (scrolling.scroll, scrolling.hold) == (True, False)
    plain = parsed("declare c cursor for select 1")
    assert isinstance(plain, DeclareCursor)
    assert (plain.scroll, plain.hold) == (None, False)


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("begin foo", 'syntax error at or near "foo"', 7),
        ("begin read only,", "syntax error at end of input", 17),
        ("set transaction", "syntax error at end of input", 16),
        ("set x", "syntax error at end of input", 6),
        ("set x = ,", 'syntax error at or near ","', 9),
        ("set x = - a", 'syntax error at or near "a"', 11),
        ("show", None, None),
        ("discard foo", 'syntax error at or near "foo"', 9),
        ("prepare p() as select 1", 'syntax error at or near "as"', 13),
        ("prepare p as", "syntax error at end of input", 13),
        ("execute p(1", "syntax error at end of input", 12),
        ("execute p(1,,2)", 'syntax error at or near ","', 13),
        ("fetch absolute c", 'syntax error at or near "c"', 16),
        ("select 1; savepoint 1", 'syntax error at or near "1"', 21),
        ("prepare p as explain select 1", 'syntax error at or near "explain"', 14),
        ("declare c cursor for explain select 1", 'syntax error at or near "explain"', 22),
        ("declare c cursor select 1", 'syntax error at or near "select"', 18),
        ("lock t in foo mode", 'syntax error at or near "foo"', 11),
        ("commit and", "syntax error at end of input", 11),
        ("notify a, b", 'syntax error at or near "b"', 11),
        ("savepoint", "syntax error at end of input", 10),
        ("set x =", "syntax error at end of input", 8),
        ("drop database d x", 'syntax error at or near "x"', 17),
    ],
)
def test_syntax_errors(sql, message, position):
    """What doesn't fit is refused as PostgreSQL's parser refuses it."""
    statement = split(sql)[-1]
    if message is None:
        assert classify(statement) is StatementClass.QUERY
        return
    with pytest.raises(PgError) as caught:
        parse(statement, classify(statement))
    assert (caught.value.sqlstate, caught.value.message, caught.value.position) == ("42601", message, position)


def test_a_snapshot_is_refused():
    """SET TRANSACTION SNAPSHOT can't be honoured, so it isn't acknowledged."""
    with pytest.raises(PgError) as caught:
        parsed("set transaction snapshot 'x'")
    assert caught.value.sqlstate == "0A000"


def test_a_query_is_none_of_the_sessions():
    """Asking for its form is a mistake of ours."""
    (statement,) = split("select 1")
    assert not is_session_statement(classify(statement))
    with pytest.raises(LocalProtocolError):
        parse(statement, classify(statement))
