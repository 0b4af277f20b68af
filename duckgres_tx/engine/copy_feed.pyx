"""``duckgres_copied()``, the table function from which DuckDB takes the rows of its connection's COPY.

What DuckDB inserts it compresses, which takes longer than all the rest together, and an INSERT that keeps the order of rows
does so in one thread. So a long stream is put into the table by a statement with many branches,

    MERGE INTO t USING (SELECT … FROM (SELECT * FROM duckgres_copied() UNION ALL SELECT * FROM duckgres_copied() …) …)
    ON (false) WHEN NOT MATCHED THEN INSERT …

for which DuckDB thinks that order doesn't matter. Threads execute branches beside each other, and the order is kept here: each
branch takes one slice of the stream, as many rows as DuckDB compresses at once. One branch at a time gets rows; when it has
its slice, the next one has its turn, while DuckDB compresses the first. A slice ends (with no rows: then DuckDB compresses
them and adds them to the table) after the one before it is in the table.

Touches: the list of copies that offer rows; the copy that the connection's strand works on. No GIL.
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, strlen

from duckgres_tx.engine.capi cimport (
    api,
    duckdb_client_context,
    duckdb_data_chunk,
    duckdb_function_info,
    duckdb_init_info,
    duckdb_prepared_statement,
    duckdb_result,
    idx_t,
)
from duckgres_tx.engine.copy_batches cimport SLICE_NS, next_batch_locked, return_batch_locked
from duckgres_tx.engine.copy_state cimport GROUP_ROWS, Batch, Taker
from duckgres_tx.engine.error_types cimport INTERRUPT, NO_MEMORY, error_type_name, fail, fail_by_text
from duckgres_tx.engine.handles cimport DatabaseHandle
from duckgres_tx.engine.table_capi cimport duckdb_bind_info, duckdb_table_function, table_api
from duckgres_tx.engine.tasks cimport (
    Core, is_interrupted, lock, monotonic_ns, pthread_cond_broadcast, pthread_cond_wait, pthread_mutex_init, pthread_mutex_lock,
    pthread_mutex_t, pthread_mutex_unlock, unlock, wait_until
)

cdef enum:
    # A slice goes on to the end of the group in which it gets so long: each leaves a block of DuckDB's half empty.
    SLICE_BYTES = 12 * 1024 * 1024
    # And until the transaction ends DuckDB keeps a sample of each in memory: in a very long stream slices grow with it.
    BYTES_OF_SHORT_SLICES = 1024 * 1024 * 1024
    GROWTH = 20
    BRANCHES = 32


# --- who has rows

# The copies whose statement is prepared or executed: there are few, of any database.
cdef CopyIn *copies = NULL
cdef pthread_mutex_t copies_mutex
pthread_mutex_init(&copies_mutex, NULL)


cdef void _offer(CopyIn *copy) noexcept nogil:
    global copies
    pthread_mutex_lock(&copies_mutex)
    copy.next_offer = copies
    copies = copy
    pthread_mutex_unlock(&copies_mutex)


cdef void _withdraw(CopyIn *copy) noexcept nogil:
    cdef CopyIn **link = &copies
    pthread_mutex_lock(&copies_mutex)
    while link[0] != copy:
        link = &link[0].next_offer
    link[0] = copy.next_offer
    pthread_mutex_unlock(&copies_mutex)


cdef CopyIn *_find_offer(const DatabaseHandle *database, idx_t connection_id) noexcept nogil:
    """What a connection copies; NULL: it does something else."""
    cdef CopyIn *copy
    pthread_mutex_lock(&copies_mutex)
    copy = copies
    while copy != NULL:
        if copy.statement.connection.database == database and copy.statement.connection.id == connection_id:
            break
        copy = copy.next_offer
    pthread_mutex_unlock(&copies_mutex)
    return copy


# --- the function

cdef void _bind(duckdb_bind_info info) noexcept nogil:
    cdef duckdb_client_context context = NULL
    cdef CopyIn *copy
    cdef int column
    table_api.table_function_get_client_context(info, &context)
    # The database is compared only: its handle may be gone.
    copy = _find_offer(
        <const DatabaseHandle *>table_api.bind_get_extra_info(info), api.client_context_get_connection_id(context)
    )
    api.destroy_client_context(&context)
    if copy == NULL:
        table_api.bind_set_error(info, b"duckgres_copied() is for COPY ... FROM STDIN only")
        return
    for column in range(copy.parser.n_vectors):
        table_api.bind_add_result_column(info, copy.names[column], copy.parser.columns[column].carrier)
    table_api.bind_set_cardinality(info, GROUP_ROWS, False)
    table_api.bind_set_bind_data(info, copy, NULL)


cdef void _begin(duckdb_init_info info) noexcept nogil:
    """Nothing is common to the threads of a branch: it has one."""


cdef void _enter(duckdb_init_info info) noexcept nogil:
    cdef CopyIn *copy = <CopyIn *>table_api.init_get_bind_data(info)
    cdef Taker *taker = <Taker *>calloc(1, sizeof(Taker))
    if taker == NULL:
        table_api.init_set_error(info, b"Out of Memory Error: no memory for a branch of COPY")
        return
    taker.copy = copy
    taker.slice = -1
    lock(copy.task.core)
    copy.takers += 1
    unlock(copy.task.core)
    table_api.init_set_init_data(info, taker, _leave)


cdef void _leave(void *data) noexcept nogil:
    """The branch is over, and its slice is in the table, or lost."""
    cdef Taker *taker = <Taker *>data
    cdef CopyIn *copy = taker.copy
    cdef Core *core = copy.task.core
    lock(core)
    if taker.batch != NULL:
        return_batch_locked(copy)
    if copy.taking == taker:
        copy.taking = NULL
    copy.merged += taker.slice >= 0
    copy.takers -= 1
    pthread_cond_broadcast(&copy.changed)
    unlock(core)
    free(taker)


cdef inline uint64_t _slice_bytes(CopyIn *copy) noexcept nogil:
    return SLICE_BYTES if copy.parsed_bytes < BYTES_OF_SHORT_SLICES else copy.parsed_bytes // GROWTH


cdef bint _has_turn_locked(Taker *taker) noexcept nogil:
    """Whether its slice gets the next rows; waits until it does, or there are none."""
    cdef CopyIn *copy = taker.copy
    while copy.taking != taker:
        if copy.task.interrupted or copy.pausing:
            return False
        if copy.taking == NULL:
            copy.taking = taker
            taker.slice = copy.slices
            copy.slices += 1
        else:
            wait_until(&copy.changed, copy.task.core, monotonic_ns() + SLICE_NS)
    return True


cdef Batch *_take_batch_locked(Taker *taker) noexcept nogil:
    """The next batch of its slice; NULL after the last one."""
    cdef CopyIn *copy = taker.copy
    cdef Batch *batch = taker.batch
    if batch != NULL:
        taker.batch = NULL
        taker.bytes += batch.bytes
        taker.over = batch.ends_group and taker.bytes >= _slice_bytes(copy)
        return_batch_locked(copy)
    if taker.over or not _has_turn_locked(taker):
        return NULL
    batch = next_batch_locked(copy)
    if batch == NULL:
        copy.pausing = True
        return NULL
    taker.batch = batch
    copy.rows += batch.rows
    return batch


cdef void _end_slice_locked(Taker *taker) noexcept nogil:
    cdef CopyIn *copy = taker.copy
    taker.over = True
    if copy.taking == taker:
        copy.taking = NULL
        pthread_cond_broadcast(&copy.changed)
    while taker.slice > copy.merged and not copy.task.interrupted:
        wait_until(&copy.changed, copy.task.core, monotonic_ns() + SLICE_NS)


cdef void _give_rows(duckdb_function_info info, duckdb_data_chunk output) noexcept nogil:
    cdef Taker *taker = <Taker *>table_api.function_get_local_init_data(info)
    cdef Core *core = taker.copy.task.core
    cdef Batch *batch
    cdef idx_t column
    lock(core)
    batch = _take_batch_locked(taker)
    if batch == NULL:
        _end_slice_locked(taker)
    unlock(core)
    if batch == NULL:
        api.data_chunk_set_size(output, 0)
        return
    for column in range(<idx_t>taker.copy.parser.n_vectors):
        table_api.vector_reference_vector(
            api.data_chunk_get_vector(output, column), api.data_chunk_get_vector(batch.chunk, column)
        )
    api.data_chunk_set_size(output, batch.rows)


cdef int register_copy_function(duckdb_connection connection, DatabaseHandle *database) noexcept nogil:
    cdef duckdb_table_function function = table_api.create_table_function()
    cdef int failed
    table_api.table_function_set_name(function, b"duckgres_copied")
    table_api.table_function_set_bind(function, _bind)
    table_api.table_function_set_init(function, _begin)
    table_api.table_function_set_local_init(function, _enter)
    table_api.table_function_set_function(function, _give_rows)
    table_api.table_function_set_extra_info(function, database, NULL)
    failed = table_api.register_table_function(connection, function)
    table_api.destroy_table_function(&function)
    return -1 if failed else 0


# --- the statement

cdef inline char *_write(char *at, const char *text) noexcept nogil:
    cdef size_t length = strlen(text)
    memcpy(at, text, length + 1)
    return at + length


cdef char *_statement_text(CopyIn *copy, bint merges) noexcept nogil:
    cdef const char *branch = b"SELECT * FROM duckgres_copied()"
    cdef const char *between = b" UNION ALL "
    cdef int branches = BRANCHES if merges else 1
    cdef char *text = <char *>malloc(
        strlen(copy.merge) + strlen(copy.insert) + strlen(copy.select) + strlen(copy.condition) + strlen(copy.merge_end)
        + branches * (strlen(branch) + strlen(between)) + 1
    )
    cdef char *at
    cdef int index
    if text == NULL:
        return NULL
    at = _write(text, copy.merge if merges else copy.insert)
    at = _write(at, copy.select)
    for index in range(branches):
        if index:
            at = _write(at, between)
        at = _write(at, branch)
    at = _write(at, copy.condition)
    if merges:
        _write(at, copy.merge_end)
    return text


cdef bint _prepare(
    CopyIn *copy, duckdb_connection connection, bint merges, duckdb_prepared_statement *statement
) noexcept nogil:
    cdef char *text = _statement_text(copy, merges)
    cdef bint failed
    if text == NULL:
        fail(&copy.task, NO_MEMORY, b"Out of Memory Error: no memory for a statement")
        return False
    failed = api.prepare(connection, text, statement)
    free(text)
    if failed and is_interrupted(&copy.task):
        fail(&copy.task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
    elif failed and merges:
        # Not every kind of table can be merged into.
        api.destroy_prepare(statement)
        copy.inserts_only = True
        return _prepare(copy, connection, False, statement)
    elif failed:
        fail_by_text(&copy.task, api.prepare_error(statement[0]) if statement[0] != NULL else NULL)
    return not failed


cdef bint insert_rows(CopyIn *copy, duckdb_connection connection) noexcept nogil:
    cdef duckdb_prepared_statement statement = NULL
    cdef duckdb_result result
    cdef bint well
    _offer(copy)
    well = _prepare(copy, connection, copy.rows >= GROUP_ROWS and not copy.inserts_only, &statement)
    if well:
        copy.pausing = False
        copy.slices = 0
        copy.merged = 0
        if table_api.execute_prepared(statement, &result):
            fail(&copy.task, error_type_name(api.result_error_type(&result)), api.result_error(&result))
            well = False
        api.destroy_result(&result)
    # Another thread may not have come to the end of its branch yet.
    lock(copy.task.core)
    while copy.takers:
        pthread_cond_wait(&copy.changed, &copy.task.core.mutex)
    unlock(copy.task.core)
    api.destroy_prepare(&statement)
    _withdraw(copy)
    return well
