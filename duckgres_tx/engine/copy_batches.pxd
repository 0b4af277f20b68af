"""COPY's stream on its way from the reactor to batches of rows. No GIL."""

from duckgres_tx.engine.copy_state cimport Batch, CopyIn
from duckgres_tx.engine.tasks cimport Outcome, Task

cdef enum:
    # Who waits so long for the client gives the thread back.
    PATIENCE_NS = 100 * 1000 * 1000
    # Between two looks at whether a wait is to end.
    SLICE_NS = 10 * 1000 * 1000

# Parse what has come into one batch; False: more input is needed for it. One thread at a time: the helper if it is active.
cdef bint parse_some(CopyIn *copy) noexcept nogil

# The helper's step.
cdef Outcome help_parsing(Task *task) noexcept nogil
# With the mutex held. Only if a thread is to be had at once.
cdef bint start_helper_locked(CopyIn *copy) noexcept nogil
# Without it: wait until it has stopped.
cdef void stop_helper(CopyIn *copy) noexcept nogil

# With the mutex held, for the one whose turn it is: the next batch, waited for; NULL when the stream has no more, has paused
# for long or is interrupted. It is filled until it is returned.
cdef Batch *next_batch_locked(CopyIn *copy) noexcept nogil
cdef void return_batch_locked(CopyIn *copy) noexcept nogil
