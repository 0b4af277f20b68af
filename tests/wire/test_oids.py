"""PostgreSQL's types."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from duckgres_tx.wire import oids

ROOT = Path(__file__).parent.parent.parent


def tool():
    """The script that writes the list."""
    spec = importlib.util.spec_from_file_location("update_oids", ROOT / "tools" / "update_oids.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("constant", "name", "oid"),
    [
        ("BOOL", "bool", 16),
        ("CHAR", "char", 18),
        ("INT2VECTOR", "int2vector", 22),
        ("TEXT", "text", 25),
        ("JSON", "json", 114),
        ("INT4_ARRAY", "_int4", 1007),
        ("TIMESTAMPTZ", "timestamptz", 1184),
        ("NUMERIC", "numeric", 1700),
        ("UUID_ARRAY", "_uuid", 2951),
        ("REGNAMESPACE", "regnamespace", 4089),
    ],
)
def test_types_have_postgresqls_numbers(constant, name, oid):
    """Every client knows these by heart."""
    assert oid == getattr(oids, constant) == oids.OIDS[name]
    assert name == oids.NAMES[oid]


def test_arrays_and_elements_belong_together():
    """An array's element has that array, int2vector and oidvector apart, which are arrays in their own way."""
    assert {oids.INT2VECTOR, oids.OIDVECTOR} == {
        array for array, element in oids.ELEMENTS.items() if oids.ARRAYS[element] != array
    }
    assert oids.ELEMENTS[oids.INT4_ARRAY] == oids.INT4
    assert oids.POINT not in oids.ELEMENTS


def test_a_number_that_comes_twice_is_noticed_at_import():
    """A type would take another one's place."""
    with pytest.raises(ValueError, match="'int4' comes twice"):
        oids._unique([("int4", 23), ("int4", 24)])


BKI = """# PostgreSQL
create pg_type 1247 bootstrap rowtype_oid 71
 (
 oid = oid ,
 typname = name ,
 typtype = char ,
 typcategory = char ,
 typelem = oid ,
 typarray = oid
 )
insert ( 23 int4 b N 0 1007 )
insert ( 71 pg_type c C 0 210 )
insert ( 210 _pg_type b A 71 0 )
insert ( 600 point b G 701 1017 )
insert ( 1007 _int4 b A 23 0 )
close pg_type
"""


def test_the_list_is_read_from_what_initdb_reads():
    """Types and their arrays, no row types, no elements of what is no array."""
    assert list(tool().read(BKI)) == [(23, "int4", 0, 1007), (600, "point", 0, 1017), (1007, "_int4", 23, 0)]


def test_another_file_is_refused():
    """Not an empty list."""
    with pytest.raises(ValueError, match="no pg_type"):
        list(tool().read("something else"))


def test_the_module_is_what_the_tool_writes():
    """Nobody edited the generated part."""
    types = [tuple(each) for each in oids._TYPES]

    assert tool().write(types) in tool().TARGET.read_text()
