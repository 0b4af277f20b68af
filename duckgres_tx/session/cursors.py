"""SQL's cursors: DECLARE, FETCH, MOVE. They are portals (`portals.Cursor`), and go forward only.

A cursor is begun when it is declared, so it shows what there was then: whatever runs after it first has its rows spooled to a
temporary file. Its rows are encoded as they are made, in the format that DECLARE was asked in or BINARY says; a FETCH in another
format is possible as long as nothing was fetched and nothing else has run.

Spec: sql-declare.html#SQL-DECLARE, sql-fetch.html#SQL-FETCH, sql-move.html#SQL-MOVE
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duckgres_tx.errors import FeatureNotSupported, PgError
from duckgres_tx.session.execution import conclude, make_ready
from duckgres_tx.session.portals import Cursor, ExhaustedPortal, Portal
from duckgres_tx.session.prepared_statements import PreparedStatement
from duckgres_tx.session.session import Session
from duckgres_tx.session.transactions import BlockState
from duckgres_tx.sql.forms import DeclareCursor, Direction, FetchCursor
from duckgres_tx.wire.fields import spread

Sink = Callable[[list[bytes]], None]

_BINARY = (1,)


async def declare(
    session: Session,
    statement: PreparedStatement,
    form: DeclareCursor,
    *,
    parameters: Sequence[bytes | None] = (),
    parameter_formats: tuple[int, ...] = (),
    formats: tuple[int, ...] = (),
    in_series: bool = False,
) -> str:
    """DECLARE: make a cursor and begin it.

    Args:
        session: Whose it is.
        statement: The DECLARE, prepared.
        form: The same, parsed.
        parameters: As bound; None is NULL.
        parameter_formats: One for each, one for all, or none.
        formats: Those of the rows that will probably be asked for.
        in_series: The extended protocol has said it; the messages up to the Sync are no transaction block.

    Returns:
        The command tag.

    Raises:
        PgError: 25P01 outside a transaction block, 42P03 when there is such a cursor, whatever the query raises.
    """
    block = session.block.state
    if not form.hold and (block is BlockState.NONE or (in_series and block is BlockState.IMPLICIT)):
        raise PgError("25P01", "DECLARE CURSOR can only be used in transaction blocks")
    if form.scroll:
        raise FeatureNotSupported("SCROLL cursors are not supported", hint="Cursors go forward only: leave SCROLL out.")
    assert statement.body is not None, "it was prepared with its query"  # noqa: S101
    cursor = Cursor(
        form.name,
        statement.body,
        parameters,
        parameter_formats,
        _BINARY if form.binary else formats,
        declaration=statement.query,
        binary=form.binary,
        hold=form.hold,
    )
    session.portals.add(cursor)
    try:
        alone = block is BlockState.NONE
        if alone:
            session.begin_implicit()
        for notice in statement.body.notices:
            session.notice(notice)
        await _begin(session, cursor)
        if alone and not in_series:
            await session.commit()
    except PgError:
        session.close_portal(form.name)
        raise
    return "DECLARE CURSOR"


async def fetch(
    session: Session,
    form: FetchCursor,
    formats: tuple[int, ...] | None = None,
    sink: Sink | None = None,
) -> str:
    """FETCH or MOVE.

    Args:
        session: Whose cursor it is.
        form: What to do.
        formats: Those of the rows, as bound; None is the simple protocol: the cursor's own, and the rows are described.
        sink: Gets the rows instead of the client.

    Returns:
        The command tag.

    Raises:
        PgError: 34000 for an unknown cursor, 55000 for a way back, whatever the query raises.
    """
    portal = session.portals.find_cursor(form.name)
    if isinstance(portal, Portal) and portal.statement.fields is None:
        raise PgError("55000", f'portal "{form.name}" cannot be run')
    described = formats is None
    if formats is None:
        formats = _BINARY if isinstance(portal, Cursor) and portal.binary else ()
    head = portal.statement.row_description(formats) if described and not form.move else b""
    word = "MOVE" if form.move else "FETCH"
    if isinstance(portal, ExhaustedPortal):
        session.output.write(head)
        return f"{word} 0"
    cursor = portal if isinstance(portal, Cursor) else await _as_cursor(session, portal)
    skip, count = _steps(cursor, form)
    if not form.move:
        await _agree_on_formats(session, cursor, formats)
    if skip and await advance(session, cursor, skip, sink=_nowhere) < skip:
        count = 0
    if form.move:
        sink = _nowhere
    return f"{word} {await advance(session, cursor, count, head, sink)}"


async def advance(
    session: Session, cursor: Cursor, count: int | None, head: bytes = b"", sink: Sink | None = None
) -> int:
    """Give the next rows.

    Args:
        session: Whose it is.
        cursor: Where they come from.
        count: How many at most; None is all.
        head: Written before the first, or in place of rows when there are none.
        sink: Gets the rows instead of the client.

    Returns:
        How many there were.

    Raises:
        PgError: The query has failed.
    """
    given = 0
    if count == 0:
        session.output.write(head)
        return 0
    session.rows_are(cursor.statement, cursor.result_formats)
    if cursor.ahead:
        rows, cursor.ahead = cursor.ahead, []
        session.output.write(head)
        head = b""
        (sink or session.output.write_all)(rows)
        given = 1
    execution = cursor.execution
    if execution is None or (count is not None and count <= given):
        session.output.write(head)
        cursor.position += given
        return given
    if session.suspended is not cursor and not execution.spooled:
        await session.free_connection()
    if session.suspended is cursor:
        session.suspended = None
    session.resume(execution, 0 if count is None else count - given)
    if sink is None:
        await session.running.finish(execution, head)
    else:
        await session.running.divert(execution, sink)
    conclude(session, cursor.statement, execution)
    given += execution.rows
    cursor.position += given
    _note_end(session, cursor)
    return given


async def _begin(session: Session, cursor: Cursor) -> None:
    """Start the query, and keep its first row: what runs next has the rest spooled."""
    await make_ready(session, cursor.statement, cursor.parameters)
    execution = cursor.execution = session.execute(
        cursor.statement, cursor.parameters, cursor.parameter_formats, cursor.result_formats, 1
    )
    await session.running.divert(execution, cursor.ahead.extend)
    conclude(session, cursor.statement, execution)
    _note_end(session, cursor)


def _note_end(session: Session, cursor: Cursor) -> None:
    execution = cursor.execution
    if execution is None:
        return
    if not execution.suspended:
        execution.close()
        cursor.execution = None
    elif not execution.spooled:
        session.suspended = cursor


def _steps(cursor: Cursor, form: FetchCursor) -> tuple[int, int | None]:
    """How many rows to pass over, and how many to give after that; None is all.

    Raises:
        PgError: 55000: it would have to go back.
    """
    count = form.count
    if form.direction is Direction.FORWARD and count != 0:
        return 0, count
    steps = 0
    if form.direction is Direction.RELATIVE and count is not None:
        steps = count
    elif form.direction is Direction.ABSOLUTE and count is not None and count > 0:
        steps = count - cursor.position
    if steps <= 0:
        raise PgError(
            "55000",
            "cursor can only scan forward",
            hint="Declare it with SCROLL option to enable backward scan.",
        )
    return steps - 1, 1


async def _as_cursor(session: Session, portal: Portal) -> Cursor:
    """A portal that Bind has made goes on as a cursor: FETCH may name it too."""
    if portal.statement.native is None:
        raise FeatureNotSupported(f'the rows of portal "{portal.name}" can\'t be fetched')
    cursor = Cursor(
        portal.name,
        portal.statement,
        portal.parameters,
        portal.parameter_formats,
        portal.result_formats,
        portal.execution,
        created_at=portal.created_at,
        declaration=portal.statement.query,
    )
    if session.suspended is portal:
        session.suspended = cursor
    session.portals.replace(cursor)
    if cursor.execution is None:
        await _begin(session, cursor)
    return cursor


async def _agree_on_formats(session: Session, cursor: Cursor, formats: tuple[int, ...]) -> None:
    """Begin again if the rows are wanted in another format and nobody has seen one of them, or anything since.

    Raises:
        PgError: 0A000 when it is too late for that.
    """
    columns = len(cursor.statement.fields or ())
    if spread(formats, columns) == spread(cursor.result_formats, columns):
        return
    execution = cursor.execution
    if execution is None and not cursor.ahead:
        # there is nothing to be in any format
        return
    if execution is not None and cursor.position == 0 and session.suspended is cursor:
        session.suspended = None
        cursor.ahead.clear()
        execution.close()
        cursor.result_formats = formats
        await _begin(session, cursor)
        return
    raise FeatureNotSupported(
        f'the rows of cursor "{cursor.name}" are in another format already',
        hint="Declare it in the format that its rows are fetched in, or BINARY.",
    )


def _nowhere(rows: list[bytes]) -> None:
    """For rows that are passed over."""
