"""COPY's stream on its way from the reactor to batches of rows.

The reactor's thread writes bytes; they are parsed into data chunks, of which there are a few, used in turn. Inserting takes
longer than parsing, so the parser has a thread of its own when there is much to do and one is free.

Touches: the copy it is given. No GIL.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport api, duckdb_logical_type, idx_t
from duckgres_tx.engine.copy_arena cimport reset_arena
from duckgres_tx.engine.copy_columns cimport bind_column
from duckgres_tx.engine.copy_parser cimport add_input, fail_line, has_failed, needs_input, parse_rows
from duckgres_tx.engine.copy_state cimport BATCHES, GROUP_ROWS
from duckgres_tx.engine.tasks cimport (
    TASK_GONE,
    Core,
    add_news_locked,
    lock,
    monotonic_ns,
    pthread_cond_broadcast,
    pthread_cond_signal,
    pthread_cond_wait,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    ring,
    start_worker,
    submit_locked,
    unlock,
    wait_until,
)

cdef enum:
    # A batch of longer rows has fewer of them.
    BATCH_BYTES = 2 * 1024 * 1024
    # While DuckDB compresses, so much is parsed ahead, lest a processor be idle.
    FILLED_BYTES = 8 * 1024 * 1024
    # A shorter stream is parsed by who inserts it.
    BYTES_OF_LONG_STREAM = 512 * 1024
    HELPER_PATIENCE_NS = 20 * 1000 * 1000
    # So long DuckDB may take to compress what it has, before it takes more.
    COMPRESSION_NS = 1000 * 1000 * 1000
    KEEP_BYTES = 4 * 1024 * 1024


cdef bint _take_input(CopyIn *copy) noexcept nogil:
    """Move what has come into the parser's window; whether there was anything, the end included."""
    cdef Buffer taken
    cdef bint must_ring = False
    cdef bint was_full
    cdef bint ended
    # Before it is taken: what comes after this is told again.
    lock(copy.task.core)
    copy.has_input = False
    unlock(copy.task.core)
    pthread_mutex_lock(&copy.input_mutex)
    taken = copy.incoming
    copy.incoming = copy.taken
    copy.incoming.length = 0
    ended = copy.input_ended
    was_full = copy.full
    copy.full = False
    pthread_mutex_unlock(&copy.input_mutex)
    copy.taken = taken
    if was_full:
        lock(copy.task.core)
        must_ring = add_news_locked(&copy.task)
        unlock(copy.task.core)
    if must_ring:
        ring(copy.task.core)
    copy.parsed_bytes += taken.length
    add_input(&copy.parser, taken.data, taken.length)
    if copy.taken.capacity > KEEP_BYTES:
        free(copy.taken.data)
        copy.taken.data = NULL
        copy.taken.capacity = 0
    if ended and copy.abandoned:
        # What stands at the end is no row.
        copy.gave_up = True
    elif ended:
        copy.parser.ended = True
    return taken.length > 0 or ended


cdef bint _make_chunk(CopyIn *copy, Batch *batch) noexcept nogil:
    cdef duckdb_logical_type *types = <duckdb_logical_type *>calloc(copy.parser.n_vectors + 1, sizeof(duckdb_logical_type))
    cdef int column
    if types != NULL:
        for column in range(copy.parser.n_vectors):
            types[column] = copy.parser.columns[column].carrier
        batch.chunk = api.create_data_chunk(types, copy.parser.n_vectors)
    free(types)
    if batch.chunk == NULL:
        fail_line(&copy.parser, b"53200", b"out of memory", NULL)
    return batch.chunk != NULL


cdef bint _begin_batch(CopyIn *copy, Batch *batch) noexcept nogil:
    cdef int column
    if batch.chunk == NULL and not _make_chunk(copy, batch):
        return False
    api.data_chunk_reset(batch.chunk)
    # Of a row that wasn't whole.
    reset_arena(&batch.arena)
    batch.rows = 0
    batch.bytes = 0
    for column in range(copy.parser.n_vectors):
        bind_column(&copy.parser.columns[column], api.data_chunk_get_vector(batch.chunk, column))
    return True


cdef bint _fill_batch(CopyIn *copy) noexcept nogil:
    """Parse into the batch behind the filled ones, of which there is one. False: more input is needed for it."""
    cdef Batch *batch = &copy.batches[copy.filling]
    cdef idx_t capacity = api.vector_size()
    cdef idx_t before
    cdef size_t window = copy.parser.window.length - copy.parser.at
    cdef bint over
    if batch.chunk == NULL or batch.rows == 0:
        if not _begin_batch(copy, batch):
            batch.rows = 0
    before = batch.rows
    capacity = min(capacity, before + GROUP_ROWS - copy.parsed_rows % GROUP_ROWS)
    if not has_failed(&copy.parser):
        batch.rows = parse_rows(&copy.parser, before, capacity, &batch.arena)
        copy.parsed_rows += batch.rows - before
        batch.bytes += window - (copy.parser.window.length - copy.parser.at)
    over = has_failed(&copy.parser) or ((copy.parser.ended or copy.gave_up) and needs_input(&copy.parser))
    if batch.rows < capacity and not over and batch.bytes < BATCH_BYTES:
        return False
    batch.ends_group = copy.parsed_rows % GROUP_ROWS == 0
    if batch.rows and not has_failed(&copy.parser):
        api.data_chunk_set_size(batch.chunk, batch.rows)
    lock(copy.task.core)
    if batch.rows and not has_failed(&copy.parser):
        copy.filling = (copy.filling + 1) % BATCHES
        copy.filled += 1
        copy.filled_bytes += batch.bytes
    copy.parsed_all = over
    pthread_cond_broadcast(&copy.changed)
    unlock(copy.task.core)
    return True


cdef bint parse_some(CopyIn *copy) noexcept nogil:
    if needs_input(&copy.parser) and not has_failed(&copy.parser) and not copy.parser.ended and not copy.gave_up:
        if not _take_input(copy):
            return False
    return _fill_batch(copy) or copy.has_input


cdef Outcome help_parsing(Task *task) noexcept nogil:
    """The helper's step. Once it isn't active any more it may be freed by who waits for that."""
    cdef CopyIn *copy = <CopyIn *>(<char *>task - <size_t>(<char *>&(<CopyIn *>NULL).helper))
    cdef Core *core = task.core
    cdef bint late = False
    cdef bint more
    lock(core)
    while not copy.helper_stop and not copy.parsed_all and not late:
        if copy.filled == BATCHES or copy.filled_bytes >= FILLED_BYTES:
            late = wait_until(&copy.more, core, monotonic_ns() + COMPRESSION_NS)
            continue
        unlock(core)
        more = parse_some(copy)
        lock(core)
        while not more and not copy.has_input and not copy.helper_stop and not late:
            late = wait_until(&copy.more, core, monotonic_ns() + HELPER_PATIENCE_NS)
    copy.helper_active = False
    pthread_cond_broadcast(&copy.changed)
    unlock(core)
    return TASK_GONE


cdef bint start_helper_locked(CopyIn *copy) noexcept nogil:
    cdef Core *core = copy.task.core
    if copy.parsed_bytes < BYTES_OF_LONG_STREAM or core.stop:
        return False
    if not (core.idle > core.ready or (core.ready == 0 and core.threads < core.max_threads and start_worker(core))):
        return False
    copy.helper_stop = False
    copy.helper_active = submit_locked(&copy.helper)
    return copy.helper_active


cdef void stop_helper(CopyIn *copy) noexcept nogil:
    lock(copy.task.core)
    copy.helper_stop = True
    pthread_cond_broadcast(&copy.more)
    while copy.helper_active:
        pthread_cond_wait(&copy.changed, &copy.task.core.mutex)
    unlock(copy.task.core)


# --- handing out

cdef Batch *next_batch_locked(CopyIn *copy) noexcept nogil:
    cdef Core *core = copy.task.core
    cdef int64_t deadline = monotonic_ns() + PATIENCE_NS
    while not copy.task.interrupted:
        if copy.filled:
            return &copy.batches[copy.first]
        if copy.parsed_all:
            return NULL
        if copy.helper_active:
            wait_until(&copy.changed, core, monotonic_ns() + SLICE_NS)
            deadline = monotonic_ns() + PATIENCE_NS
        elif copy.has_input or not needs_input(&copy.parser):
            if start_helper_locked(copy):
                # Its thread is called when the mutex is free.
                unlock(core)
            else:
                unlock(core)
                parse_some(copy)
            lock(core)
            deadline = monotonic_ns() + PATIENCE_NS
        elif monotonic_ns() >= deadline:
            return NULL
        else:
            wait_until(&copy.changed, core, min(deadline, monotonic_ns() + SLICE_NS))
    return NULL


cdef void return_batch_locked(CopyIn *copy) noexcept nogil:
    cdef Batch *batch = &copy.batches[copy.first]
    batch.rows = 0
    copy.filled_bytes -= batch.bytes
    # It may be long until it is filled again.
    reset_arena(&batch.arena)
    copy.first = (copy.first + 1) % BATCHES
    copy.filled -= 1
    pthread_cond_signal(&copy.more)
