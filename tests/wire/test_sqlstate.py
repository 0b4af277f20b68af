"""PostgreSQL's SQLSTATEs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from duckgres_tx.errors import AdminShutdown, FeatureNotSupported, ProtocolViolation, QueryCanceled, TooManyConnections
from duckgres_tx.wire import sqlstate

ROOT = Path(__file__).parent.parent.parent


def tool():
    """The script that writes the module."""
    spec = importlib.util.spec_from_file_location("update_sqlstates", ROOT / "tools" / "update_sqlstates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_errors_that_have_a_class_have_postgresqls_numbers():
    """What errors.py spells out agrees with PostgreSQL's list."""
    assert sqlstate.PROTOCOL_VIOLATION == ProtocolViolation.SQLSTATE
    assert sqlstate.QUERY_CANCELED == QueryCanceled.SQLSTATE
    assert sqlstate.ADMIN_SHUTDOWN == AdminShutdown.SQLSTATE
    assert sqlstate.TOO_MANY_CONNECTIONS == TooManyConnections.SQLSTATE
    assert sqlstate.FEATURE_NOT_SUPPORTED == FeatureNotSupported.SQLSTATE


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("UNDEFINED_TABLE", "42P01"),
        ("IN_FAILED_SQL_TRANSACTION", "25P02"),
        ("INVALID_PASSWORD", "28P01"),
        ("UNDEFINED_DATABASE", "3D000"),
        ("INTERNAL_ERROR", "XX000"),
    ],
)
def test_names_have_postgresqls_codes(name, code):
    """A few that clients look for."""
    assert code == getattr(sqlstate, name)


ERRCODES = """# comment
Section: Class 57 - Operator Intervention
57014    E    ERRCODE_QUERY_CANCELED                                         query_canceled
26000    E    ERRCODE_UNDEFINED_PSTATEMENT
"""


def test_the_list_is_read_from_postgresqls_file():
    """Sections, names and codes."""
    sections = tool().read(ERRCODES)

    assert sections == {
        "Class 57 - Operator Intervention": [("QUERY_CANCELED", "57014"), ("UNDEFINED_PSTATEMENT", "26000")]
    }
    written = {}
    exec(tool().write(sections), written)
    assert written["QUERY_CANCELED"] == "57014"


def test_a_name_with_two_codes_is_refused():
    """One of them would be lost."""
    with pytest.raises(ValueError, match="a name comes twice"):
        tool().read(ERRCODES + "57015    E    ERRCODE_QUERY_CANCELED    query_canceled\n")
