"""COPY … FROM STDIN: bytes in, rows into a table.

The reactor's thread writes bytes; they are parsed into data chunks; the chunks are appended, and inserted by the tens of
thousands. DuckDB compresses what it inserts, which takes longer than all the rest, so the parser has a thread of its own when
there is much to do and one is free. What is on its way is bounded everywhere: the writer hears when it should wait, and
who has nothing to do for a while gives the thread back.

GIL: the class only. Touches: the connection, in its strand.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

from duckgres_tx.engine.capi cimport api, duckdb_logical_type
from duckgres_tx.engine.copy_arena cimport free_arena, reset_arena
from duckgres_tx.engine.copy_columns cimport CopyColumn, bind_column, free_column, make_column
from duckgres_tx.engine.copy_parser cimport (
    add_input, fail_line, free_parser, has_failed, init_parser, needs_input, parse_rows
)
from duckgres_tx.engine.error_types cimport INTERRUPT, NO_MEMORY, fail, fail_as, fail_by_text
from duckgres_tx.engine.execution cimport keep_render, release_render
from duckgres_tx.engine.handles cimport ConnectionHandle, end_stream, release_statement
from duckgres_tx.engine.statements cimport note_failure
from duckgres_tx.engine.tasks cimport (
    PHASE_OVER,
    PHASE_PARKED,
    PHASE_QUEUED,
    PHASE_RUNNING,
    TASK_GONE,
    TASK_OVER,
    TASK_PARKED,
    Core,
    Outcome,
    add_news_locked,
    init_monotonic_cond,
    init_task,
    interrupt_locked,
    is_interrupted,
    lock,
    monotonic_ns,
    pthread_cond_broadcast,
    pthread_cond_destroy,
    pthread_cond_signal,
    pthread_cond_wait,
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    remove_news_locked,
    ring,
    start_worker,
    submit_locked,
    submit_or_run,
    unlock,
    wait_until,
)

from duckgres_tx.engine.error_types import DuckDBError

cdef enum:
    # Rows, or bytes of the stream, after which what was appended is inserted.
    FLUSH_ROWS = 61440
    FLUSH_BYTES = 16 * 1024 * 1024
    # The writer waits when so much has not been looked at.
    FULL_INPUT_BYTES = 1024 * 1024
    # A shorter stream is parsed by who appends it.
    BYTES_OF_LONG_STREAM = 512 * 1024
    # Who waits so long gives the thread back.
    PATIENCE_NS = 100 * 1000 * 1000
    HELPER_PATIENCE_NS = 20 * 1000 * 1000
    KEEP_BYTES = 4 * 1024 * 1024


# --- parsing, by one thread at a time

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
    cdef duckdb_logical_type *types = <duckdb_logical_type *>calloc(copy.parser.n_columns + 1, sizeof(duckdb_logical_type))
    cdef int column
    if types != NULL:
        for column in range(copy.parser.n_columns):
            types[column] = copy.parser.columns[column].carrier
        batch.chunk = api.create_data_chunk(types, copy.parser.n_columns)
    free(types)
    if batch.chunk == NULL:
        fail_line(&copy.parser, b"53200", b"out of memory", NULL)
    return batch.chunk != NULL


cdef bint _begin_batch(CopyIn *copy, Batch *batch) noexcept nogil:
    cdef int column
    if batch.chunk == NULL and not _make_chunk(copy, batch):
        return False
    api.data_chunk_reset(batch.chunk)
    reset_arena(&batch.arena)
    batch.rows = 0
    batch.bytes = 0
    for column in range(copy.parser.n_columns):
        bind_column(&copy.parser.columns[column], api.data_chunk_get_vector(batch.chunk, column))
    return True


cdef bint _fill_batch(CopyIn *copy) noexcept nogil:
    """Parse into the batch behind the filled ones, of which there is one. False: more input is needed for it."""
    cdef Batch *batch = &copy.batches[(copy.first + copy.filled) % BATCHES]
    cdef idx_t capacity = api.vector_size()
    cdef size_t window = copy.parser.window.length - copy.parser.at
    cdef bint over
    if batch.chunk == NULL or batch.rows == 0:
        if not _begin_batch(copy, batch):
            batch.rows = 0
    if not has_failed(&copy.parser):
        batch.rows = parse_rows(&copy.parser, batch.rows, capacity, &batch.arena)
        batch.bytes += window - (copy.parser.window.length - copy.parser.at)
    over = has_failed(&copy.parser) or ((copy.parser.ended or copy.gave_up) and needs_input(&copy.parser))
    if batch.rows < capacity and not over and batch.bytes < FLUSH_BYTES // BATCHES:
        return False
    if batch.rows and not has_failed(&copy.parser):
        api.data_chunk_set_size(batch.chunk, batch.rows)
    lock(copy.task.core)
    if batch.rows and not has_failed(&copy.parser):
        copy.filled += 1
    copy.parsed_all = over
    pthread_cond_signal(&copy.changed)
    unlock(copy.task.core)
    return True


cdef bint _parse_some(CopyIn *copy) noexcept nogil:
    """Fill one batch as far as what has come allows; False: more input is needed."""
    if needs_input(&copy.parser) and not has_failed(&copy.parser) and not copy.parser.ended and not copy.gave_up:
        if not _take_input(copy):
            return False
    return _fill_batch(copy) or copy.has_input


cdef Outcome _help(Task *task) noexcept nogil:
    """The helper's step. Once it isn't active any more it may be freed by who waits for that."""
    cdef CopyIn *copy = <CopyIn *>(<char *>task - <size_t>(<char *>&(<CopyIn *>NULL).helper))
    cdef Core *core = task.core
    cdef bint late = False
    cdef bint more
    lock(core)
    while not copy.helper_stop and not copy.parsed_all and not late:
        if copy.filled == BATCHES:
            late = wait_until(&copy.more, core, monotonic_ns() + PATIENCE_NS)
            continue
        unlock(core)
        more = _parse_some(copy)
        lock(core)
        while not more and not copy.has_input and not copy.helper_stop and not late:
            late = wait_until(&copy.more, core, monotonic_ns() + HELPER_PATIENCE_NS)
    copy.helper_active = False
    pthread_cond_broadcast(&copy.changed)
    unlock(core)
    return TASK_GONE


cdef bint _start_helper_locked(CopyIn *copy) noexcept nogil:
    """Only if a thread is to be had at once."""
    cdef Core *core = copy.task.core
    if copy.parsed_bytes < BYTES_OF_LONG_STREAM or core.stop:
        return False
    if not (core.idle > core.ready or (core.ready == 0 and core.threads < core.max_threads and start_worker(core))):
        return False
    copy.helper_stop = False
    copy.helper_active = submit_locked(&copy.helper)
    return copy.helper_active


cdef void _stop_helper(CopyIn *copy) noexcept nogil:
    lock(copy.task.core)
    copy.helper_stop = True
    pthread_cond_broadcast(&copy.more)
    while copy.helper_active:
        pthread_cond_wait(&copy.changed, &copy.task.core.mutex)
    unlock(copy.task.core)


# --- appending

cdef bint _make_appender(CopyIn *copy) noexcept nogil:
    cdef ConnectionHandle *connection = copy.statement.connection
    cdef int count = copy.parser.n_columns
    cdef duckdb_logical_type *types = <duckdb_logical_type *>calloc(count + 1, sizeof(duckdb_logical_type))
    cdef int column
    cdef bint failed
    if types == NULL:
        fail(&copy.task, NO_MEMORY, b"Out of Memory Error: no memory for an appender")
        return False
    for column in range(count):
        types[column] = copy.parser.columns[column].carrier
    failed = api.appender_create_query(
        connection.strand.connection, copy.insert, count, types, NULL, copy.names, &copy.appender
    )
    free(types)
    copy.appender_made = True
    return not failed or _appender_fails(copy)


cdef bint _appender_fails(CopyIn *copy) noexcept nogil:
    """False, always."""
    fail_by_text(&copy.task, api.appender_error(copy.appender) if copy.appender != NULL else NULL)
    return False


cdef bint _append(CopyIn *copy, Batch *batch) noexcept nogil:
    if not copy.appender_made and not _make_appender(copy):
        return False
    if api.append_data_chunk(copy.appender, batch.chunk):
        return _appender_fails(copy)
    copy.unflushed += batch.rows
    copy.unflushed_bytes += batch.bytes
    copy.rows += batch.rows
    batch.rows = 0
    if copy.unflushed < FLUSH_ROWS and copy.unflushed_bytes < FLUSH_BYTES:
        return True
    copy.unflushed = 0
    copy.unflushed_bytes = 0
    return not api.appender_flush(copy.appender) or _appender_fails(copy)


cdef void _drop_appender(CopyIn *copy) noexcept nogil:
    if copy.appender != NULL:
        # Else what is not inserted yet would be now.
        api.appender_clear(copy.appender)
        api.appender_destroy(&copy.appender)
    copy.appender = NULL


# --- the step

cdef Outcome _end(CopyIn *copy) noexcept nogil:
    _stop_helper(copy)
    if copy.task.error_type == NULL and has_failed(&copy.parser):
        fail_as(&copy.task, b"INVALID_INPUT", copy.parser.sqlstate, copy.parser.error)
    if copy.task.error_type == NULL and not copy.abandoned and copy.appender != NULL:
        if is_interrupted(&copy.task):
            fail(&copy.task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
        elif api.appender_close(copy.appender):
            _appender_fails(copy)
    _drop_appender(copy)
    note_failure(copy.statement.connection.database, &copy.task)
    return TASK_OVER


cdef bint _wait_locked(CopyIn *copy, int64_t deadline) noexcept nogil:
    """With the mutex held: until something changes; True when the time is over."""
    cdef bint late
    copy.task.waits_on = &copy.changed
    late = wait_until(&copy.changed, copy.task.core, deadline)
    copy.task.waits_on = NULL
    return late


# What the task does next.
cdef enum Next:
    NEXT_APPEND
    NEXT_PARSE
    NEXT_END
    NEXT_PARK


cdef Next _choose(CopyIn *copy) noexcept nogil:
    cdef Core *core = copy.task.core
    cdef int64_t deadline = monotonic_ns() + PATIENCE_NS
    cdef Next chosen = NEXT_PARK
    lock(core)
    while True:
        if copy.task.interrupted:
            chosen = NEXT_END
            break
        if copy.filled:
            chosen = NEXT_APPEND
            break
        if copy.parsed_all:
            chosen = NEXT_END
            break
        if copy.helper_active:
            _wait_locked(copy, monotonic_ns() + PATIENCE_NS)
            continue
        if copy.has_input or not needs_input(&copy.parser):
            if not _start_helper_locked(copy):
                chosen = NEXT_PARSE
                break
            # Its thread is called when the mutex is free.
            unlock(core)
            lock(core)
            continue
        if _wait_locked(copy, deadline):
            if copy.has_input or copy.task.interrupted:
                continue
            break
    unlock(core)
    return chosen


cdef Outcome _copy(Task *task) noexcept nogil:
    cdef CopyIn *copy = <CopyIn *>task
    cdef Next next
    if copy.statement.connection.strand.connection == NULL:
        fail_as(task, b"CONNECTION", b"08003", b"connection is closed")
        return _end(copy)
    # DuckDB would end it with the first insertion.
    end_stream(copy.statement.connection)
    while True:
        next = _choose(copy)
        if next == NEXT_PARSE:
            _parse_some(copy)
        elif next == NEXT_PARK:
            return TASK_PARKED
        elif next == NEXT_END:
            if task.interrupted:
                fail(task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
            return _end(copy)
        elif not _append(copy, &copy.batches[copy.first]):
            return _end(copy)
        else:
            lock(task.core)
            copy.first = (copy.first + 1) % BATCHES
            copy.filled -= 1
            pthread_cond_signal(&copy.more)
            unlock(task.core)


# --- its life

cdef void _free_copy(CopyIn *copy) noexcept nogil:
    """Without anything of DuckDB's but chunks and types: any thread."""
    cdef int at
    for at in range(BATCHES):
        if copy.batches[at].chunk != NULL:
            api.destroy_data_chunk(&copy.batches[at].chunk)
        free_arena(&copy.batches[at].arena)
    if copy.parser.columns != NULL:
        for at in range(copy.parser.n_columns):
            free_column(&copy.parser.columns[at])
    free(copy.parser.columns)
    free(<void *>copy.parser.forced)
    free(copy.names)
    free_parser(&copy.parser)
    free(copy.taken.data)
    free(copy.incoming.data)
    pthread_cond_destroy(&copy.changed)
    pthread_cond_destroy(&copy.more)
    pthread_mutex_destroy(&copy.input_mutex)
    free(copy.task.error_text)
    release_render(copy.render)
    release_statement(copy.statement)
    free(copy)


cdef Outcome _retire(Task *task) noexcept nogil:
    cdef CopyIn *copy = <CopyIn *>task
    _drop_appender(copy)
    _free_copy(copy)
    return TASK_GONE


cdef CopyIn *_make_copy(Core *core, StatementHandle *statement, SharedRender *render) except NULL:
    cdef CopyIn *copy = <CopyIn *>calloc(1, sizeof(CopyIn))
    if copy == NULL:
        raise MemoryError
    if (
        init_monotonic_cond(&copy.changed) or init_monotonic_cond(&copy.more)
        or pthread_mutex_init(&copy.input_mutex, NULL) or not init_parser(&copy.parser)
    ):
        free(copy)
        raise MemoryError
    init_task(&copy.task, core, &statement.connection.strand, _copy)
    init_task(&copy.helper, core, NULL, _help)
    # DuckDB inserts what is appended by one task.
    copy.task.alone = True
    copy.statement = statement
    copy.render = render
    keep_render(render)
    lock(core)
    statement.references += 1
    unlock(core)
    return copy


cdef int _describe(CopyIn *copy, object source, tuple kept) except -1:
    """What the parser is told; ``kept`` keeps its texts."""
    cdef Parser *parser = &copy.parser
    cdef int count = <int>len(source.names)
    cdef uint8_t *forced
    cdef int at
    if <idx_t>count != copy.statement.n_columns:
        raise ValueError(f"{count} names for a statement of {copy.statement.n_columns} columns")
    parser.format = source.format
    parser.header = int(source.header)
    parser.delimiter = source.delimiter[0]
    parser.quote = source.quote[0]
    parser.escape = source.escape[0]
    parser.relation = <const char *><bytes>kept[0]
    copy.insert = <const char *><bytes>kept[1]
    parser.null = <const char *><bytes>kept[2]
    parser.null_length = len(kept[2])
    copy.names = <const char **>calloc(count + 1, sizeof(char *))
    parser.columns = <CopyColumn *>calloc(count + 1, sizeof(CopyColumn))
    forced = <uint8_t *>calloc(count + 1, 1)
    parser.forced = forced
    parser.names = copy.names
    if copy.names == NULL or parser.columns == NULL or forced == NULL:
        raise MemoryError
    for at in range(count):
        copy.names[at] = <const char *><bytes>kept[3 + at]
        forced[at] = (at in source.force_not_null) | ((at in source.force_null) << 1)
        parser.n_columns = at + 1
        if not make_column(&parser.columns[at], copy.statement.column_types[at], copy.render.render):
            raise MemoryError
    return 0


cdef CopyInJob start_copy_in(Pool pool, StatementHandle *statement, RenderBox render, object source):
    cdef CopyInJob job = CopyInJob.__new__(CopyInJob)
    cdef CopyIn *copy
    job.kept = tuple(
        text.encode() + b"\0" if isinstance(text, str) else text
        for text in (source.relation, source.insert, source.null, *source.names)
    )
    copy = _make_copy(pool.core, statement, render.shared)
    job.task = &copy.task
    job.pool = pool
    _describe(copy, source, job.kept)
    job.start()
    return job


cdef class CopyInJob(Job):
    """A COPY … FROM STDIN. See the stub for what callers may rely on."""

    def __dealloc__(self):
        cdef CopyIn *copy = <CopyIn *>self.task
        self.task = NULL
        if copy == NULL:
            return
        # Not held by the pool, so neither queued nor running; then there is no helper either.
        lock(copy.task.core)
        copy.task.owner = NULL
        remove_news_locked(&copy.task)
        if copy.task.strand.parked == &copy.task:
            copy.task.strand.parked = NULL
        unlock(copy.task.core)
        if copy.appender == NULL:
            _free_copy(copy)
            return
        copy.task.step = _retire
        submit_or_run(&copy.task)

    def write(self, data not None):
        """Take bytes of the stream; False: wait for news before writing more."""
        cdef CopyIn *copy = <CopyIn *>self.task
        cdef const unsigned char[::1] view = data
        cdef size_t length = view.shape[0]
        cdef size_t wanted
        cdef char *moved
        cdef bint full
        if length == 0:
            return True
        pthread_mutex_lock(&copy.input_mutex)
        wanted = copy.incoming.length + length
        if wanted > copy.incoming.capacity:
            wanted = wanted if wanted > 2 * copy.incoming.capacity else 2 * copy.incoming.capacity
            moved = <char *>realloc(copy.incoming.data, wanted)
            if moved == NULL:
                pthread_mutex_unlock(&copy.input_mutex)
                raise MemoryError
            copy.incoming.data = moved
            copy.incoming.capacity = wanted
        memcpy(copy.incoming.data + copy.incoming.length, &view[0], length)
        copy.incoming.length += length
        full = copy.incoming.length >= FULL_INPUT_BYTES
        copy.full = full
        pthread_mutex_unlock(&copy.input_mutex)
        self._tell()
        return not full

    def finish(self, reason=None):
        """The stream is at its end: of itself, or because the client gives up for a reason."""
        cdef CopyIn *copy = <CopyIn *>self.task
        if reason is not None:
            self.reason = reason.encode()
        lock(copy.task.core)
        copy.abandoned = reason is not None
        unlock(copy.task.core)
        pthread_mutex_lock(&copy.input_mutex)
        copy.input_ended = True
        pthread_mutex_unlock(&copy.input_mutex)
        self._tell()

    def _tell(self):
        """There is input."""
        cdef CopyIn *copy = <CopyIn *>self.task
        cdef bint parked
        lock(copy.task.core)
        copy.has_input = True
        copy.task.wake = True
        pthread_cond_signal(&copy.more)
        pthread_cond_signal(&copy.changed)
        parked = copy.task.phase == PHASE_PARKED and not copy.task.core.stop
        unlock(copy.task.core)
        if parked:
            self.start()

    def interrupt(self):
        """Make it fail with INTERRUPT, in whatever state it is."""
        cdef CopyIn *copy = <CopyIn *>self.task
        cdef bint parked
        lock(copy.task.core)
        parked = copy.task.phase == PHASE_PARKED and not copy.task.core.stop
        if parked or copy.task.phase == PHASE_QUEUED or copy.task.phase == PHASE_RUNNING:
            interrupt_locked(&copy.task)
        unlock(copy.task.core)
        if parked:
            self.start()

    cdef int collect(self) except -1:
        cdef CopyIn *copy = <CopyIn *>self.task
        if copy.task.phase != PHASE_OVER:
            return 0
        Job.collect(self)
        if self.failure is None and copy.abandoned:
            self.failure = DuckDBError(
                "INVALID_INPUT", f"COPY from stdin failed: {(self.reason or b'').decode()}", "57014"
            )
        return 0

    @property
    def rows(self):
        """How many have been appended."""
        return (<CopyIn *>self.task).rows

    @property
    def input_is_bad(self):
        """It has failed by what the client sent, or because the client gave up."""
        cdef CopyIn *copy = <CopyIn *>self.task
        return copy.parser.sqlstate[0] != 0 or copy.abandoned

    @property
    def where(self):
        """The context of such a failure, in PostgreSQL's words."""
        cdef CopyIn *copy = <CopyIn *>self.task
        if copy.parser.sqlstate[0]:
            return copy.parser.where.decode(errors="replace")
        if copy.abandoned:
            return f"COPY {copy.parser.relation.decode()}, line {copy.parser.line + 1}"
        return ""

    @property
    def hint(self):
        """What the client could do about it; "" for nothing."""
        return (<CopyIn *>self.task).parser.hint.decode()
