"""How tasks fail: DuckDB's error types, by number and by the beginning of a text. No GIL."""

from duckgres_tx.engine.tasks cimport Task

# Write down how a task failed. `text` is copied.
cdef void fail(Task *task, const char *error_type, const char *text) noexcept nogil
# The same for a text that starts with the type's name, as those of prepare do ("Catalog Error: ...").
cdef void fail_by_text(Task *task, const char *text) noexcept nogil
# The same with PostgreSQL's own code and words.
cdef void fail_as(Task *task, const char *error_type, const char *sqlstate, const char *text) noexcept nogil
# The type's name for a duckdb_error_type.
cdef const char *error_type_name(int code) noexcept nogil
cdef const char *INTERRUPT
cdef const char *NO_MEMORY
