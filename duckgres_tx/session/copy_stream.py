"""COPY between a relation, or a query, and the client: what both directions begin with.

Spec: sql-copy.html#SQL-COPY, protocol-flow.html#PROTOCOL-COPY
"""

from __future__ import annotations

from duckgres_tx.session.copy_in import copy_in
from duckgres_tx.session.copy_out import copy_out
from duckgres_tx.session.session import Session
from duckgres_tx.session.turn import Turn
from duckgres_tx.sql.copy_options import read_options
from duckgres_tx.sql.forms import CopyStandardStream


async def copy_stream(turn: Turn, session: Session, form: CopyStandardStream) -> str:
    """Carry a COPY … FROM STDIN or COPY … TO STDOUT out.

    Args:
        turn: Told whose turn it is.
        session: The client's.
        form: The statement.

    Returns:
        The command tag, not sent yet.

    Raises:
        PgError: It failed; what it has done is to be rolled back.
    """
    options = read_options(form.options, to_client=form.to_client)
    if form.to_client:
        return await copy_out(turn, session, form, options)
    return await copy_in(turn, session, form, options)
