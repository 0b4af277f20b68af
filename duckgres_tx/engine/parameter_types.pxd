"""PostgreSQL's types as parameters know them, by OID. No GIL."""

from duckgres_tx.engine.capi cimport duckdb_type


# Types whose values are any text.
cdef bint is_textual(int oid) noexcept nogil

# What PostgreSQL's messages call a type; static.
cdef const char *type_name(int oid) noexcept nogil

# The PostgreSQL type that a parameter of a resolved type, no list, is announced as.
cdef int oid_of_target(duckdb_type id) noexcept nogil

# DuckDB's type nearest to a PostgreSQL type.
cdef duckdb_type natural_type(int oid) noexcept nogil

# The type of an array's elements, 0 for what is no array.
cdef int element_oid(int array_oid) noexcept nogil
# The other way.
cdef int array_oid(int element) noexcept nogil
