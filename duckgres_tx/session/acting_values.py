"""The values of variables that a session itself acts by, read once for each change and not at each use."""

from __future__ import annotations

from typing import Self

from attrs import frozen

from duckgres_tx.engine.rendering import RenderOptions
from duckgres_tx.sql.variables import Variables
from duckgres_tx.wire.encodings import SERVER_ENCODING, SQL_ASCII, Encoding, find

# What client_min_messages may be, the most talkative first.
NOTICE_LEVELS = ("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error")


@frozen
class ActingValues:
    """What a session's variables mean for the session.

    Attributes:
        statement_limit_s: How long a statement may take; 0 = for ever.
        idle_limit_s: How long the client may be silent outside a transaction; 0 = for ever.
        idle_in_transaction_limit_s: Likewise inside one.
        transaction_limit_s: How long a transaction may last.
        notice_level: The first of ``NOTICE_LEVELS`` that the client wants to hear of.
        render: The text form of values.
        standard_strings: A backslash is nothing special in ``'…'``.
        warns_of_escapes: Where it is, the client is told that it should not rely on that.
        encoding: The client's, where something is to be converted for it; None for UTF8 and SQL_ASCII.
    """

    statement_limit_s: float
    idle_limit_s: float
    idle_in_transaction_limit_s: float
    transaction_limit_s: float
    notice_level: int
    render: RenderOptions
    standard_strings: bool
    warns_of_escapes: bool
    encoding: Encoding | None

    @classmethod
    def of(cls, variables: Variables) -> Self:
        """Read them."""
        encoding = find(variables.show("client_encoding"))
        return cls(
            statement_limit_s=variables.number("statement_timeout") / 1000,
            idle_limit_s=variables.number("idle_session_timeout") / 1000,
            idle_in_transaction_limit_s=variables.number("idle_in_transaction_session_timeout") / 1000,
            transaction_limit_s=variables.number("transaction_timeout") / 1000,
            notice_level=NOTICE_LEVELS.index(variables.show("client_min_messages")),
            render=RenderOptions(
                time_zone=variables.time_zone,
                extra_float_digits=int(variables.number("extra_float_digits")),
                bytea_output=variables.show("bytea_output"),
                interval_style=variables.show("intervalstyle"),
                date_style=variables.show("datestyle"),
            ),
            standard_strings=variables.is_on("standard_conforming_strings"),
            warns_of_escapes=variables.is_on("escape_string_warning"),
            encoding=None if encoding is None or encoding.name in (SERVER_ENCODING, SQL_ASCII) else encoding,
        )
