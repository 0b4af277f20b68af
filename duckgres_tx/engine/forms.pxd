"""How the simple types are written, and what alias types stand for. No GIL."""

from duckgres_tx.engine.capi cimport duckdb_logical_type, duckdb_type


cdef enum:
    TYPES = 42


# How a simple type is written; see plans. `known` is false for nested types, DECIMAL and ENUM.
cdef struct Form:
    bint known
    int text
    int binary
    int oid
    int quoting
    size_t width


# By duckdb_type; read-only after import.
cdef Form[TYPES] forms

# The OID that the type's alias stands for, 0 when it has none or a user's own.
cdef int alias_oid(duckdb_logical_type type, duckdb_type base) noexcept nogil
