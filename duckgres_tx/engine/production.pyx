"""The steps of a running statement: bind, execute, and fill the ring with DataRow messages.

A run's step returns when the statement is over, when its row limit is reached, or when nobody has emptied the ring for
100 ms; then its thread is free for others. The same step goes on where it stopped when the run is submitted again.

Touches: the run in hand and its connection, in the connection's strand. No GIL.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset, strcmp
from posix.unistd cimport close

from duckgres_tx.engine.ahead cimport fetch_ahead, stop_ahead, take_ahead
from duckgres_tx.engine.buffers cimport Buffer, swap32
from duckgres_tx.engine.capi cimport (
    DUCKDB_RESULT_TYPE_NOTHING,
    DUCKDB_RESULT_TYPE_QUERY_RESULT,
    DUCKDB_TYPE_BIGINT,
    DUCKDB_TYPE_BOOLEAN,
    api,
    duckdb_data_chunk,
    idx_t,
)
from duckgres_tx.engine.copy_rows cimport encode_copy_rows_within
from duckgres_tx.engine.encoder cimport ENCODED, encode_data_rows_within, encode_failure
from duckgres_tx.engine.error_types cimport INTERRUPT, NO_MEMORY, fail, fail_as, fail_by_text
from duckgres_tx.engine.handles cimport ConnectionHandle, StatementHandle, Stream, end_stream
from duckgres_tx.engine.parameters cimport bind_parameter
from duckgres_tx.engine.runs cimport (
    RING_SLOTS,
    STAGE_ENDED,
    STAGE_START,
    STAGE_STREAM,
    Parameter,
    Run,
)
from duckgres_tx.engine.statements cimport execute_prepared, free_plans, note_failure, plan_columns, take_error
from duckgres_tx.engine.tasks cimport (
    TASK_OVER,
    TASK_PARKED,
    Core,
    Outcome,
    Task,
    add_news_locked,
    is_interrupted,
    lock,
    monotonic_ns,
    ring,
    unlock,
    wait_until,
)

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void *buffer, size_t count, int64_t offset)

ctypedef Py_ssize_t ssize_t

cdef enum:
    # The first buffer is small: the first rows leave early, and a small result costs little memory.
    FIRST_BUFFER_BYTES = 16 * 1024
    BUFFER_BYTES = 256 * 1024
    FULL_RING_WAIT_NS = 100 * 1000 * 1000
    # Rows of a slow query are handed over at least this often, as far as they come at all.
    HAND_OVER_NS = 50 * 1000 * 1000
    DUCKDB_STATEMENT_TYPE_SELECT = 1
    # A result of more chunks than this is fetched by a thread of its own.
    CHUNKS_OF_LONG_RESULT = 32
    # A DataRow's type and length.
    MESSAGE_HEAD = 5


# --- the ring

cdef bint _make_room(Run *run) noexcept nogil:
    """Have a slot to write into; False: the reader has not come for a while."""
    cdef Core *core = run.task.core
    cdef int64_t deadline = 0
    cdef bint late = False
    if run.filling:
        return True
    lock(core)
    while run.filled == RING_SLOTS and not late and not run.task.interrupted:
        if deadline == 0:
            deadline = monotonic_ns() + FULL_RING_WAIT_NS
        run.task.waits_on = &run.room
        late = wait_until(&run.room, core, deadline)
        run.task.waits_on = NULL
    run.filling = run.filled < RING_SLOTS
    if not run.filling:
        # From here on a take() makes the run go on.
        run.task.wake = run.task.interrupted
    unlock(core)
    return run.filling


cdef inline Buffer *_slot(Run *run) noexcept nogil:
    return &run.slots[(run.first + run.filled) % RING_SLOTS]


cdef inline size_t _target(Run *run) noexcept nogil:
    return BUFFER_BYTES if run.past_first else FIRST_BUFFER_BYTES


cdef void _hand_over(Run *run, bint tell) noexcept nogil:
    """The slot that is being written is full, or has to do. The end of a run tells by itself."""
    cdef Core *core = run.task.core
    cdef bint must_ring = False
    if not run.filling:
        return
    lock(core)
    run.filling = False
    if _slot(run).length:
        run.filled += 1
        run.past_first = True
        if tell:
            must_ring = add_news_locked(&run.task)
    unlock(core)
    run.published_ns = monotonic_ns()
    if must_ring:
        ring(core)


# --- beginning

cdef bint _bind(Run *run) noexcept nogil:
    cdef StatementHandle *statement = run.statement
    cdef Parameter *parameter
    cdef char error[512]
    cdef char sqlstate[6]
    cdef idx_t at
    memset(sqlstate, 0, sizeof(sqlstate))
    if statement.first_gap:
        # DuckDB counts those that it knows, and can't be given a value for the others.
        snprintf(error, sizeof(error), b"could not determine data type of parameter $%d", <int>statement.first_gap)
        fail_as(&run.task, b"PARAMETER_NOT_RESOLVED", b"42P18", error)
        return False
    api.clear_bindings(statement.handle)
    for at in range(<idx_t>run.n_parameters):
        parameter = &run.parameters[at]
        if bind_parameter(
            statement.handle, at + 1, statement.parameter_types[at], parameter.oid, parameter.format,
            parameter.data, parameter.length, NULL if statement.enum_names == NULL else statement.enum_names[at],
            error, sizeof(error), sqlstate
        ):
            fail_as(&run.task, b"INVALID_INPUT", sqlstate, error)
            return False
    return True


cdef bint _may_begin(Run *run) noexcept nogil:
    cdef ConnectionHandle *connection = run.statement.connection
    if is_interrupted(&run.task):
        fail(&run.task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
    elif connection.strand.connection == NULL:
        fail_as(&run.task, b"CONNECTION", b"08003", b"connection is closed")
    elif run.statement.handle == NULL:
        fail_as(&run.task, b"INVALID_INPUT", b"26000", b"prepared statement is closed")
    return run.task.error_type == NULL


cdef bint _begin(Run *run) noexcept nogil:
    """Execute as far as the first rows. False: it failed."""
    cdef ConnectionHandle *connection = run.statement.connection
    cdef Stream *stream = &connection.stream
    cdef bint well
    run.stage = STAGE_ENDED
    if not _may_begin(run):
        return False
    end_stream(connection)
    well = _bind(run)
    if well:
        well = execute_prepared(
            &run.task, connection.strand.connection, run.statement.handle, True, &stream.result
        )
    if run.n_parameters:
        # DuckDB has its own copies by now.
        api.clear_bindings(run.statement.handle)
    free(run.parameters)
    run.parameters = NULL
    if not well:
        return False
    stream.open = True
    stream.owner = run
    stream.chunk = NULL
    stream.row = 0
    stream.rows = 0
    stream.chunks = 0
    return _look_at_result(run, stream)


cdef bint _look_at_result(Run *run, Stream *stream) noexcept nogil:
    run.result_kind = api.result_return_type(stream.result)
    if run.result_kind == DUCKDB_RESULT_TYPE_QUERY_RESULT and _is_status(run, stream):
        run.result_kind = DUCKDB_RESULT_TYPE_NOTHING
    if run.result_kind == DUCKDB_RESULT_TYPE_QUERY_RESULT:
        run.n_columns = <int>api.column_count(&stream.result)
        run.plans = plan_columns(
            &stream.result, run.n_columns, run.formats, run.n_formats,
            run.statement.element_oids if <idx_t>run.n_columns == run.statement.n_columns else NULL, run.render.render
        )
        if run.plans == NULL:
            fail(&run.task, NO_MEMORY, b"Out of Memory Error: no memory for a result")
            return False
        run.stage = STAGE_STREAM
        return True
    _read_count(run, stream)
    end_stream(run.statement.connection)
    return run.task.error_type == NULL


cdef bint _is_status(Run *run, Stream *stream) noexcept nogil:
    """CHECKPOINT and PRAGMAs that do something answer with an empty column "Success"."""
    return (
        run.statement.statement_type != DUCKDB_STATEMENT_TYPE_SELECT
        and api.column_count(&stream.result) == 1
        and api.column_type(&stream.result, 0) == DUCKDB_TYPE_BOOLEAN
        and strcmp(api.column_name(&stream.result, 0), b"Success") == 0
    )


cdef void _read_count(Run *run, Stream *stream) noexcept nogil:
    """Read a statement without rows to its end; if it has a value, that is the number of rows it has changed."""
    cdef bint counts = api.column_count(&stream.result) == 1 and api.column_type(&stream.result, 0) == DUCKDB_TYPE_BIGINT
    cdef duckdb_data_chunk chunk
    while True:
        chunk = api.fetch_chunk(stream.result)
        if chunk == NULL:
            break
        if counts and api.data_chunk_get_size(chunk):
            run.rows_changed = (<int64_t *>api.vector_get_data(api.data_chunk_get_vector(chunk, 0)))[0]
        api.destroy_data_chunk(&chunk)
    take_error(&run.task, &stream.result)


# --- rows

cdef bint _next_chunk(Run *run, Stream *stream) noexcept nogil:
    if stream.chunk != NULL:
        api.destroy_data_chunk(&stream.chunk)
    stream.row = 0
    stream.rows = 0
    if not take_ahead(&stream.ahead, &stream.chunk):
        stream.chunk = api.fetch_chunk(stream.result)
        stream.chunks += 1
        # A run with a limit may be suspended at any row, and should hold little then.
        if stream.chunk != NULL and stream.chunks >= CHUNKS_OF_LONG_RESULT and not run.row_limit:
            fetch_ahead(&stream.ahead, &stream.result)
    if stream.chunk != NULL:
        stream.rows = api.data_chunk_get_size(stream.chunk)
        return True
    # The end may be an error, also one of the commit that goes with it.
    take_error(&run.task, &stream.result)
    return False


cdef bint encode_some(Run *run, Buffer *out, size_t soft_limit, idx_t max_rows, idx_t *encoded) noexcept nogil:
    cdef ConnectionHandle *connection = run.statement.connection
    cdef Stream *stream = &connection.stream
    cdef idx_t last
    cdef idx_t next_row
    cdef int result
    encoded[0] = 0
    if stream.row == stream.rows and not _next_chunk(run, stream):
        end_stream(connection)
        return False
    last = stream.rows
    if max_rows and last - stream.row > max_rows:
        last = stream.row + max_rows
    next_row = stream.row
    if run.framing != NULL:
        result = encode_copy_rows_within(
            run.framing, run.plans, run.n_columns, stream.chunk, stream.row, last, soft_limit, out, &next_row
        )
    else:
        result = encode_data_rows_within(
            run.plans, 0 if run.statement.columnless else run.n_columns, stream.chunk, stream.row, last, soft_limit, out,
            &next_row
        )
    encoded[0] = next_row - stream.row
    stream.row = next_row
    if result == ENCODED:
        return True
    fail_by_text(&run.task, encode_failure(result))
    end_stream(connection)
    return False


cdef bint _fill_from_stream(Run *run) noexcept nogil:
    """Some rows into the slot in hand. False: there are no more."""
    cdef idx_t wanted = run.row_limit - run.rows if run.row_limit else 0
    cdef idx_t encoded
    cdef bint more
    cdef Stream *stream = &run.statement.connection.stream
    if not stream.open or stream.owner != run:
        fail_as(
            &run.task, b"INVALID_INPUT", b"34000",
            b"the result was closed by another statement on its connection"
        )
        return False
    if stream.row == stream.rows and _slot(run).length and monotonic_ns() - run.published_ns > HAND_OVER_NS:
        # Fetching may take its time.
        _hand_over(run, True)
        return True
    more = encode_some(run, _slot(run), _target(run), wanted, &encoded)
    run.rows += encoded
    run.total_rows += encoded
    return more


# --- rows from the spool file

cdef bint _read_at_least(Run *run, Buffer *out, size_t start, size_t wanted) noexcept nogil:
    """Bytes of the file from spool_at on, at `start` of the buffer: `wanted` of them, or a few more."""
    cdef char *moved
    cdef ssize_t got
    cdef size_t have = 0
    if out.capacity < start + wanted:
        moved = <char *>realloc(out.data, start + wanted)
        if moved == NULL:
            fail(&run.task, NO_MEMORY, b"Out of Memory Error: no memory to read a temporary file")
            return False
        out.data = moved
        out.capacity = start + wanted
    while have < wanted:
        got = pread(run.spool_fd, out.data + start + have, wanted - have, run.spool_at + have)
        if got > 0:
            have += got
        elif got == 0 or errno != EINTR:
            fail_as(&run.task, b"IO", b"58030", b"could not read from temporary file")
            return False
    return True


cdef inline size_t _message_bytes(const char *message) noexcept nogil:
    """The whole length of a message, its type byte included."""
    cdef uint32_t length
    memcpy(&length, message + 1, 4)
    return swap32(length) + 1


cdef size_t _whole_messages(Run *run, const char *data, size_t size) noexcept nogil:
    """How many bytes of `data` are whole DataRows within the row limit; counts them."""
    cdef size_t at = 0
    cdef size_t bytes
    while size - at >= MESSAGE_HEAD and not (run.row_limit and run.rows >= run.row_limit):
        bytes = _message_bytes(data + at)
        if bytes > size - at:
            break
        at += bytes
        run.rows += 1
        run.total_rows += 1
    return at


cdef bint _fill_from_spool(Run *run) noexcept nogil:
    cdef Buffer *out = _slot(run)
    cdef size_t start = out.length
    cdef size_t left = <size_t>(run.spool_size - run.spool_at)
    cdef size_t wanted = BUFFER_BYTES
    cdef size_t whole
    if left == 0:
        return False
    if wanted > left:
        wanted = left
    if not _read_at_least(run, out, start, wanted):
        return False
    whole = _whole_messages(run, out.data + start, wanted)
    if whole == 0:
        # A row that is longer than a buffer.
        wanted = _message_bytes(out.data + start)
        if not _read_at_least(run, out, start, wanted):
            return False
        whole = _whole_messages(run, out.data + start, wanted)
    out.length = start + whole
    run.spool_at += whole
    return True


# --- the step

cdef void end_run(Run *run) noexcept nogil:
    cdef ConnectionHandle *connection = run.statement.connection
    if connection.stream.open and connection.stream.owner == run:
        end_stream(connection)
    free_plans(run.plans, run.n_columns)
    run.plans = NULL
    if run.spool_fd >= 0:
        close(run.spool_fd)
        run.spool_fd = -1
    run.stage = STAGE_ENDED


cdef Outcome _end(Run *run) noexcept nogil:
    end_run(run)
    note_failure(run.statement.connection.database, &run.task)
    _hand_over(run, False)
    return TASK_OVER


cdef Outcome _produce(Run *run) noexcept nogil:
    cdef bint more = True
    while more:
        if is_interrupted(&run.task):
            fail(&run.task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
            break
        if run.row_limit and run.rows >= run.row_limit:
            run.suspended = True
            _hand_over(run, False)
            return TASK_PARKED
        if not _make_room(run):
            if is_interrupted(&run.task):
                continue
            # What is parked has no thread.
            stop_ahead(&run.statement.connection.stream.ahead)
            return TASK_PARKED
        if run.stage == STAGE_STREAM:
            more = _fill_from_stream(run)
        else:
            more = _fill_from_spool(run)
        if run.filling and _slot(run).length >= _target(run):
            _hand_over(run, True)
    return _end(run)


cdef Outcome produce(Task *task) noexcept nogil:
    cdef Run *run = <Run *>task
    if run.suspended:
        if not is_interrupted(task):
            # Woken for room that it doesn't need.
            return TASK_PARKED
        run.suspended = False
    if run.stage == STAGE_START:
        run.published_ns = monotonic_ns()
        if not _begin(run):
            return _end(run)
    if run.stage == STAGE_ENDED:
        return _end(run)
    return _produce(run)
