"""What errors say of themselves beside their message."""

from __future__ import annotations

import pytest

from duckgres_tx.errors import FeatureNotSupported, PgError, Severity
from duckgres_tx.wire.backend import ErrorResponse, NoticeResponse
from duckgres_tx.wire.error_origins import origin_of


@pytest.mark.parametrize(
    ("sqlstate", "message", "expected"),
    [
        ("0A000", "cached plan must not change result type", ("plancache.c", "722", "RevalidateCachedQuery")),
        ("22P02", 'invalid input syntax for type integer: ""', ("numutils.c", "232", "pg_strtoint32")),
        ("42P01", 'table "t" does not exist', ("tablecmds.c", "1304", "DropErrorMsgNonExistent")),
    ],
)
def test_fields_as_postgresql_has_them(sqlstate, message, expected):
    """By what they are told apart."""
    assert tuple(origin_of(PgError(sqlstate, message)).values()) == expected


@pytest.mark.parametrize(
    ("sqlstate", "message", "expected"),
    [
        (
            "23502",
            'null value in column "a b" of relation "t" violates not-null constraint',
            {"t": "t", "c": "a b", "F": "execMain.c", "L": "2023", "R": "ExecConstraints"},
        ),
        (
            "23514",
            'new row for relation "t" violates check constraint',
            {"t": "t", "F": "execMain.c", "L": "2074", "R": "ExecConstraints"},
        ),
    ],
)
def test_fields_of_constraints(sqlstate, message, expected):
    """The table, and the column."""
    assert origin_of(PgError(sqlstate, message)) == expected


@pytest.mark.parametrize("error", [PgError("XX000", "internal error"), FeatureNotSupported("LISTEN is not supported")])
def test_what_postgresql_has_no_place_for(error):
    """Where it was made, as it is never left out by PostgreSQL."""
    fields = origin_of(error)

    assert fields["F"] == "test_error_origins.py"
    assert int(fields["L"]) > 0


def test_they_are_sent_behind_the_others():
    """With errors, and with notices."""
    error = PgError("42P07", "m")
    assert (
        ErrorResponse.from_error(error).encode()[5:]
        == b"SERROR\0VERROR\0C42P07\0Mm\0Fheap.c\0L1164\0Rheap_create_with_catalog\0\0"
    )
    notice = PgError("00000", 'table "t" does not exist, skipping', severity=Severity.NOTICE)
    assert NoticeResponse.from_error(notice).encode().endswith(b"Ftablecmds.c\0L1310\0RDropErrorMsgNonExistent\0\0")
