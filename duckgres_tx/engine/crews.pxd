"""Threads that do DuckDB's own tasks, so that a long statement runs on several processors: see ``crews.pyx``."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport duckdb_database
from duckgres_tx.engine.tasks cimport Core, Crew

# Without the mutex. Between the two the database must stay open. The second waits until no thread is inside.
cdef void found_crew(Core *core, Crew *crew, duckdb_database database) noexcept nogil
cdef void dismiss_crew(Core *core, Crew *crew) noexcept nogil

# With the mutex held: have all threads in that may be, or none.
cdef void engage_crew_locked(Core *core, Crew *crew) noexcept nogil
cdef void relieve_crew_locked(Crew *crew) noexcept nogil
