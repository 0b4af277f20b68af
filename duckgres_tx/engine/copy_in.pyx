"""COPY … FROM STDIN: bytes in, rows into a table.

The reactor's thread writes bytes; they are parsed into batches of rows (``copy_batches``); when there are some, a statement
is run that takes them, and goes on as long as more come (``copy_feed``). What is on its way is bounded everywhere: the writer
hears when it should wait, and who has nothing to do for a while gives the thread back.

GIL: the class only. Touches: the connection, in its strand.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy

from duckgres_tx.engine.capi cimport DUCKDB_TYPE_BOOLEAN, api, duckdb_logical_type, idx_t
from duckgres_tx.engine.copy_arena cimport free_arena
from duckgres_tx.engine.copy_batches cimport PATIENCE_NS, help_parsing, parse_some, start_helper_locked, stop_helper
from duckgres_tx.engine.copy_columns cimport CopyColumn, free_column, make_column
from duckgres_tx.engine.copy_feed cimport insert_rows
from duckgres_tx.engine.copy_parser cimport Parser, free_parser, has_failed, init_parser, needs_input, tell_ends
from duckgres_tx.engine.copy_state cimport BATCHES, CopyIn
from duckgres_tx.engine.error_types cimport INTERRUPT, fail, fail_as
from duckgres_tx.engine.execution cimport RenderBox, keep_render, release_render
from duckgres_tx.engine.handles cimport StatementHandle, end_stream, release_statement
from duckgres_tx.engine.native_threads cimport Job, Pool
from duckgres_tx.engine.plans cimport Render
from duckgres_tx.engine.runs cimport SharedRender
from duckgres_tx.engine.statements cimport note_failure
from duckgres_tx.engine.tasks cimport (
    PHASE_OVER,
    PHASE_PARKED,
    PHASE_QUEUED,
    PHASE_RUNNING,
    TASK_OVER,
    TASK_PARKED,
    Core,
    Outcome,
    Task,
    init_monotonic_cond,
    init_task,
    interrupt_locked,
    is_interrupted,
    lock,
    monotonic_ns,
    pthread_cond_broadcast,
    pthread_cond_destroy,
    pthread_cond_signal,
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_unlock,
    remove_news_locked,
    unlock,
    wait_until,
)

from duckgres_tx.engine.error_types import DuckDBError

cdef enum:
    # The writer waits when so much has not been looked at.
    FULL_INPUT_BYTES = 1024 * 1024
    # Among the texts that a job keeps.
    FIRST_NAME = 8


# --- the step

cdef Outcome _end(CopyIn *copy) noexcept nogil:
    stop_helper(copy)
    if copy.task.error_type == NULL and has_failed(&copy.parser):
        fail_as(&copy.task, b"INVALID_INPUT", copy.parser.sqlstate, copy.parser.error)
    if copy.task.error_type == NULL and is_interrupted(&copy.task):
        fail(&copy.task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
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
    NEXT_INSERT
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
            chosen = NEXT_INSERT
            break
        if copy.parsed_all:
            chosen = NEXT_END
            break
        if copy.helper_active:
            _wait_locked(copy, monotonic_ns() + PATIENCE_NS)
            continue
        if copy.has_input or not needs_input(&copy.parser):
            if not start_helper_locked(copy):
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
            parse_some(copy)
        elif next == NEXT_PARK:
            return TASK_PARKED
        elif next == NEXT_END:
            return _end(copy)
        elif not insert_rows(copy, copy.statement.connection.strand.connection):
            return _end(copy)


# --- its life

cdef void _free_copy(CopyIn *copy) noexcept nogil:
    """Nothing of DuckDB's but chunks and types is left: any thread."""
    cdef int at
    for at in range(BATCHES):
        if copy.batches[at].chunk != NULL:
            api.destroy_data_chunk(&copy.batches[at].chunk)
        free_arena(&copy.batches[at].arena)
    if copy.parser.columns != NULL:
        for at in range(copy.parser.n_vectors):
            free_column(&copy.parser.columns[at])
    free(copy.parser.columns)
    free(copy.parser.flags)
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
    init_task(&copy.helper, core, NULL, help_parsing)
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
    cdef int all_vectors = count + <int>len(source.defaults)
    cdef uint8_t *forced
    cdef int at
    if <idx_t>count != copy.statement.n_columns:
        raise ValueError(f"{count} names for a statement of {copy.statement.n_columns} columns")
    parser.format = source.format
    parser.header = int(source.header)
    parser.delimiter = source.delimiter[0]
    parser.quote = source.quote[0]
    parser.escape = source.escape[0]
    tell_ends(parser)
    parser.relation = <const char *><bytes>kept[0]
    copy.insert = <const char *><bytes>kept[1]
    copy.select = <const char *><bytes>kept[2]
    copy.condition = <const char *><bytes>kept[3]
    copy.merge = <const char *><bytes>kept[4]
    copy.merge_end = <const char *><bytes>kept[5]
    parser.null = <const char *><bytes>kept[6]
    parser.null_length = len(source.null)
    if source.default is not None:
        parser.default_marker = <const char *><bytes>kept[7]
        parser.default_length = len(source.default)
    copy.names = <const char **>calloc(all_vectors + 1, sizeof(char *))
    parser.columns = <CopyColumn *>calloc(all_vectors + 1, sizeof(CopyColumn))
    parser.flags = <CopyColumn **>calloc(count + 1, sizeof(CopyColumn *))
    forced = <uint8_t *>calloc(count + 1, 1)
    parser.forced = forced
    parser.names = copy.names
    parser.n_columns = count
    if copy.names == NULL or parser.columns == NULL or parser.flags == NULL or forced == NULL:
        raise MemoryError
    for at in range(all_vectors):
        copy.names[at] = <const char *><bytes>kept[FIRST_NAME + at]
    for at in range(count):
        forced[at] = (at in source.force_not_null) | ((at in source.force_null) << 1)
        parser.n_vectors = at + 1
        if not make_column(&parser.columns[at], copy.statement.column_types[at], copy.render.render):
            raise MemoryError
    for column, _ in source.defaults:
        parser.flags[<int>column] = &parser.columns[parser.n_vectors]
        parser.n_vectors += 1
        _make_flag(parser.flags[<int>column], copy.render.render)
    return 0


cdef int _make_flag(CopyColumn *column, const Render *render) except -1:
    cdef duckdb_logical_type boolean = api.create_logical_type(DUCKDB_TYPE_BOOLEAN)
    cdef bint well = make_column(column, boolean, render)
    api.destroy_logical_type(&boolean)
    if not well:
        raise MemoryError
    return 0


cdef CopyInJob start_copy_in(Pool pool, StatementHandle *statement, RenderBox render, object source):
    cdef CopyInJob job = CopyInJob.__new__(CopyInJob)
    cdef CopyIn *copy
    job.kept = tuple(
        text.encode() + b"\0" if isinstance(text, str) else text
        for text in (
            source.relation, source.insert, source.select, source.condition, source.merge, source.merge_end,
            source.null, source.default or b"", *source.names, *(name for _, name in source.defaults),
        )
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
        _free_copy(copy)

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
        pthread_cond_broadcast(&copy.changed)
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
        """How many DuckDB has been given."""
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
