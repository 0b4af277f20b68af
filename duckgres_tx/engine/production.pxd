"""The step of a running statement, and the parts of it that spooling uses: see ``production.pyx``."""

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.runs cimport Run
from duckgres_tx.engine.tasks cimport Outcome, Task

cdef Outcome produce(Task *task) noexcept nogil

# Encode at most `max_rows` (0: any number) rows of the open result until `out` has `soft_limit` bytes, at most what is
# left of a chunk. False: the result is at its end, or has failed, and is closed.
cdef bint encode_some(Run *run, Buffer *out, size_t soft_limit, idx_t max_rows, idx_t *encoded) noexcept nogil

# Drop what the run has of DuckDB's, and its file; in its strand.
cdef void end_run(Run *run) noexcept nogil
