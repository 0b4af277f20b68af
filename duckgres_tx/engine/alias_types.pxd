"""Types of PostgreSQL's catalogs as DuckDB aliases: the seam that ``database`` uses."""

from duckgres_tx.engine.capi cimport duckdb_connection


# Register the alias types and their implicit casts with the instance behind `connection`; once per instance, before
# anything names one of them. 0, or -1 when DuckDB refuses one. Any thread.
cdef int register_alias_types(duckdb_connection connection) noexcept nogil
