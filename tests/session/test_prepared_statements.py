"""Statements that are ready to run."""

from __future__ import annotations

import pytest

from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.session.parameter_types import unresolved_columns
from duckgres_tx.session.prepared_statements import PreparedStatement

TYPES = (LogicalType(TypeId.INTEGER), LogicalType(TypeId.INVALID), LogicalType(TypeId.VARCHAR))


@pytest.mark.parametrize(
    ("formats", "expected"), [((), (0, 0, 0)), ((1,), (1, 0, 1)), ((0,), (0, 0, 0)), ((1, 1, 0), (1, 0, 0))]
)
def test_a_column_whose_type_its_values_tell_is_text_in_both_formats(formats, expected):
    """The client was told that it is text, so it gets no number in binary."""
    statement = PreparedStatement("", None, column_types=TYPES, told_as_text=unresolved_columns(TYPES))
    assert statement.formats_of_values(formats) == expected


@pytest.mark.parametrize("formats", [(), (1,), (0, 1, 1)])
def test_columns_with_types_come_as_asked_for(formats):
    """Untouched."""
    assert PreparedStatement("", None, column_types=TYPES).formats_of_values(formats) is formats
