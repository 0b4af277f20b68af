"""What errors say of themselves beside their message."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.wire.backend import ErrorResponse, NoticeResponse
from duckgres_tx.wire.error_origins import origin_of


@pytest.mark.parametrize(
    ("sqlstate", "message", "expected"),
    [
        ("0A000", "cached plan must not change result type", {"F": "plancache.c", "R": "RevalidateCachedQuery"}),
        ("0A000", "LISTEN is not supported", {}),
        ("22P02", 'invalid input syntax for type integer: ""', {"F": "numutils.c", "R": "pg_strtoint32"}),
        (
            "23502",
            'null value in column "a b" of relation "t" violates not-null constraint',
            {"t": "t", "c": "a b", "F": "execMain.c", "R": "ExecConstraints"},
        ),
        (
            "23514",
            'new row for relation "t" violates check constraint',
            {"t": "t", "F": "execMain.c", "R": "ExecConstraints"},
        ),
        ("42P01", 'table "t" does not exist', {"F": "tablecmds.c", "R": "DropErrorMsgNonExistent"}),
        ("XX000", "internal error", {}),
    ],
)
def test_fields_as_postgresql_has_them(sqlstate, message, expected):
    """By what they are told apart."""
    assert origin_of(sqlstate, message) == expected


def test_they_are_sent_behind_the_others():
    """With errors; a notice of the same code comes from elsewhere."""
    error = PgError("42P07", "m")
    assert (
        ErrorResponse.from_error(error).encode()[5:]
        == b"SERROR\0VERROR\0C42P07\0Mm\0Fheap.c\0Rheap_create_with_catalog\0\0"
    )
    notice = PgError("42P07", "m", severity=Severity.NOTICE)
    assert NoticeResponse.from_error(notice).encode()[5:] == b"SNOTICE\0VNOTICE\0C42P07\0Mm\0\0"
