"""Users' enums by labels and by OID."""

from __future__ import annotations

from duckgres_tx.engine.enum_types import EnumType, EnumTypes
from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.pg_types import PgType, duckdb_type_name, pg_type_of

MOOD = EnumType("mood", "mood", '"d"."public"."mood"', 1000, 1001, ("sad", "ok"))
TWIN = EnumType('s."Twin"', "Twin", '"d"."s"."Twin"', 2000, 2001, ("sad", "ok"))
OTHER = EnumType("other", "other", '"d"."public"."other"', 3000, 3001, ("ok", "sad"))
ENUMS = EnumTypes((MOOD, TWIN, OTHER))
LABELS = LogicalType(TypeId.ENUM, dictionary=("sad", "ok"))


def test_a_column_is_of_the_type_with_its_labels():
    """In their order; an array of whatever depth is the array type."""
    assert pg_type_of(LABELS, ENUMS) == PgType(1000, 4)
    assert pg_type_of(LogicalType(TypeId.LIST, child=LogicalType(TypeId.LIST, child=LABELS)), ENUMS) == PgType(1001, -1)
    assert pg_type_of(LogicalType(TypeId.ENUM, dictionary=("ok", "sad")), ENUMS).oid == 3000
    assert pg_type_of(LogicalType(TypeId.ENUM, dictionary=("new",)), ENUMS).oid == 25


def test_of_twins_the_one_that_a_statement_speaks_of():
    """By name in any case, or by the OID of it or its array; else the first."""
    assert ENUMS.of_labels(("sad", "ok")) is MOOD
    assert ENUMS.preferring({"twin"}, ()).of_labels(("sad", "ok")) is TWIN
    assert ENUMS.preferring((), {2001}).of_labels(("sad", "ok")) is TWIN
    assert ENUMS.preferring({"mood", "twin"}, ()).of_labels(("sad", "ok")) is MOOD
    alone = EnumTypes((MOOD, OTHER))
    assert alone.preferring({"other"}, ()) is alone


def test_duckdb_is_told_where_it_is():
    """For casts of parameters."""
    assert duckdb_type_name(2000, ENUMS) == '"d"."s"."Twin"'
    assert duckdb_type_name(2001, ENUMS) == '"d"."s"."Twin"[]'
    assert duckdb_type_name(2002, ENUMS) is None
    assert ENUMS.of_oid(3001) is OTHER
