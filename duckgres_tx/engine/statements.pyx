"""Prepare statements, execute them, run scripts.

An interrupt that comes at any moment takes effect: DuckDB forgets those that come before a query has begun, so the
task's own flag is looked at when it has, and whatever comes later reaches DuckDB itself.

Touches: the connection of the task in hand, in its strand. No GIL.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset, strcmp, strlen, strncmp, strstr

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport (
    DUCKDB_RESULT_TYPE_QUERY_RESULT,
    api,
    duckdb_connection,
    duckdb_data_chunk,
    duckdb_extracted_statements,
    duckdb_logical_type,
    duckdb_pending_result,
    duckdb_prepared_statement,
    duckdb_result,
    idx_t,
)
from duckgres_tx.engine.encoder cimport ENCODED, encode_data_rows, encode_failure, free_plan, plan_column
from duckgres_tx.engine.error_types cimport INTERRUPT, NO_MEMORY, error_type_name, fail, fail_as, fail_by_text
from duckgres_tx.engine.handles cimport ConnectionHandle, DatabaseHandle, StatementHandle, end_stream
from duckgres_tx.engine.plans cimport ColumnPlan, Render, name_elements
from duckgres_tx.engine.tasks cimport Task, is_interrupted

cdef enum:
    # What a Bind message can count to.
    MAX_PARAMETERS = 65535

cdef const char *INTERRUPTED = b"INTERRUPT Error: Interrupted!"
# What DuckDB says, before the error itself, of a result that failed while there were chunks that nobody had fetched yet.
cdef const char *FETCHED_AGAIN = (
    b"Invalid Input Error: Attempting to execute an unsuccessful or closed pending query result\nError: "
)


cdef bint _check(Task *task) noexcept nogil:
    if is_interrupted(task):
        fail(task, INTERRUPT, INTERRUPTED)
        return False
    return True


cdef void note_failure(DatabaseHandle *database, Task *task) noexcept nogil:
    if task.error_type == NULL:
        return
    if strcmp(task.error_type, b"FATAL") == 0 or strcmp(task.error_type, b"INTERNAL") == 0:
        database.invalidated = True


# --- executing

cdef void _forget_query(duckdb_connection connection) noexcept nogil:
    """End a query that has begun and won't be read: the connection's next one does that, so let it be nothing."""
    cdef duckdb_prepared_statement nothing = NULL
    api.prepare(connection, b"", &nothing)
    api.destroy_prepare(&nothing)


cdef bint execute_prepared(
    Task *task, duckdb_connection connection, duckdb_prepared_statement statement, bint streaming, duckdb_result *result
) noexcept nogil:
    cdef duckdb_pending_result pending = NULL
    cdef int failed
    if not _check(task):
        return False
    if streaming:
        failed = api.pending_prepared_streaming(statement, &pending)
    else:
        failed = api.pending_prepared(statement, &pending)
    if failed:
        fail_by_text(task, api.pending_error(pending))
        api.destroy_pending(&pending)
        return False
    # DuckDB has dropped interrupts up to here.
    if not _check(task):
        api.destroy_pending(&pending)
        _forget_query(connection)
        return False
    memset(result, 0, sizeof(duckdb_result))
    failed = api.execute_pending(pending, result)
    api.destroy_pending(&pending)
    if failed or api.result_error(result) != NULL:
        fail(task, error_type_name(api.result_error_type(result)), api.result_error(result))
        api.destroy_result(result)
        return False
    return True


cdef void take_error(Task *task, duckdb_result *result) noexcept nogil:
    cdef const char *text = api.result_error(result)
    cdef bint again
    if text == NULL:
        return
    again = strncmp(text, FETCHED_AGAIN, strlen(FETCHED_AGAIN)) == 0
    if again:
        text += strlen(FETCHED_AGAIN)
    if strcmp(text, INTERRUPTED) == 0 and not is_interrupted(task):
        # A task that fails on a thread of the crew has the others stop by the flag that cancels use. DuckDB's fetch may see
        # that flag before it looks for an error (SimpleBufferedData, 1.5), and then forgets the error.
        fail_as(
            task, b"EXECUTOR", b"XX000",
            b"the statement has failed on another thread, and DuckDB does not say why; another try may tell"
        )
    elif again:
        fail_by_text(task, text)
    else:
        fail(task, error_type_name(api.result_error_type(result)), text)


# --- preparing

cdef idx_t _count_parameters(duckdb_prepared_statement statement, idx_t *first_gap) noexcept nogil:
    """The highest number: `select $2` has two parameters, of which DuckDB knows one."""
    cdef idx_t known = api.nparams(statement)
    cdef idx_t index = 0
    cdef const char *name
    while known and index < MAX_PARAMETERS:
        index += 1
        name = api.parameter_name(statement, index)
        if name != NULL:
            known -= 1
            api.free(<void *>name)
        elif first_gap[0] == 0:
            first_gap[0] = index
    return index


cdef bint _describe_parameters(StatementHandle *statement) noexcept nogil:
    cdef idx_t count = _count_parameters(statement.handle, &statement.first_gap)
    cdef idx_t at
    statement.parameter_types = <duckdb_logical_type *>calloc(count + 1, sizeof(duckdb_logical_type))
    if statement.parameter_types == NULL:
        return False
    statement.n_parameters = count
    for at in range(count):
        statement.parameter_types[at] = api.param_logical_type(statement.handle, at + 1)
    return True


cdef bint _describe_columns(StatementHandle *statement) noexcept nogil:
    cdef idx_t count = api.prepared_statement_column_count(statement.handle)
    cdef idx_t at
    statement.column_types = <duckdb_logical_type *>calloc(count + 1, sizeof(duckdb_logical_type))
    statement.column_names = <char **>calloc(count + 1, sizeof(char *))
    if statement.column_types == NULL or statement.column_names == NULL:
        return False
    statement.n_columns = count
    for at in range(count):
        statement.column_types[at] = api.prepared_statement_column_logical_type(statement.handle, at)
        statement.column_names[at] = <char *>api.prepared_statement_column_name(statement.handle, at)
    return True


cdef bint _describe(Task *task, StatementHandle *statement) noexcept nogil:
    cdef ConnectionHandle *connection = statement.connection
    # In the list first, so that closing the connection finds it whatever happens here.
    statement.next = connection.statements
    if statement.next != NULL:
        statement.next.previous = statement
    connection.statements = statement
    statement.statement_type = api.prepared_statement_type(statement.handle)
    if _describe_parameters(statement) and _describe_columns(statement):
        return True
    fail(task, NO_MEMORY, b"Out of Memory Error: no memory to describe a statement")
    return False


cdef bint _prepare_last(Task *task, StatementHandle *statement, const char *sql) noexcept nogil:
    """What DuckDB makes several statements of (a PIVOT first collects its columns): run all but the last."""
    cdef duckdb_connection connection = statement.connection.strand.connection
    cdef duckdb_extracted_statements statements = NULL
    cdef idx_t count = api.extract_statements(connection, sql, &statements)
    cdef bint well = False
    if count == 0:
        fail_by_text(task, api.extract_statements_error(statements))
    elif _run_extracted(task, connection, statements, count - 1, NULL, NULL):
        well = _prepare_extracted(task, connection, statements, count - 1, &statement.handle)
    api.destroy_extracted(&statements)
    return well


cdef bint prepare_statement(Task *task, StatementHandle *statement, const char *sql) noexcept nogil:
    cdef duckdb_connection connection = statement.connection.strand.connection
    cdef const char *text
    # DuckDB ends it now in any case.
    end_stream(statement.connection)
    if not _check(task):
        return False
    if api.prepare(connection, sql, &statement.handle):
        text = api.prepare_error(statement.handle) if statement.handle != NULL else NULL
        if text == NULL or strstr(text, b"Cannot prepare multiple statements at once") == NULL:
            fail_by_text(task, text)
            api.destroy_prepare(&statement.handle)
            return False
        api.destroy_prepare(&statement.handle)
        if not _prepare_last(task, statement, sql):
            return False
    return _describe(task, statement) and _check(task)


# --- scripts

cdef bint _prepare_extracted(
    Task *task, duckdb_connection connection, duckdb_extracted_statements statements, idx_t index,
    duckdb_prepared_statement *prepared
) noexcept nogil:
    prepared[0] = NULL
    if not api.prepare_extracted_statement(connection, statements, index, prepared):
        return True
    fail_by_text(task, api.prepare_error(prepared[0]))
    api.destroy_prepare(prepared)
    return False


cdef bint _run_extracted(
    Task *task, duckdb_connection connection, duckdb_extracted_statements statements, idx_t count,
    const Render *render, Buffer *rows
) noexcept nogil:
    cdef duckdb_prepared_statement prepared
    cdef duckdb_result result
    cdef bint well
    cdef idx_t at
    for at in range(count):
        if not _prepare_extracted(task, connection, statements, at, &prepared):
            return False
        well = execute_prepared(task, connection, prepared, False, &result)
        if well:
            if rows != NULL and at == count - 1:
                well = _collect_rows(task, &result, render, rows)
            api.destroy_result(&result)
        api.destroy_prepare(&prepared)
        if not well:
            return False
    return True


cdef bint run_script(
    Task *task, duckdb_connection connection, const char *sql, const Render *render, Buffer *rows
) noexcept nogil:
    cdef duckdb_extracted_statements statements = NULL
    cdef idx_t count
    cdef bint well = False
    if not _check(task):
        return False
    count = api.extract_statements(connection, sql, &statements)
    if count == 0 and api.extract_statements_error(statements) != NULL:
        fail_by_text(task, api.extract_statements_error(statements))
    else:
        well = _run_extracted(task, connection, statements, count, render, rows)
    api.destroy_extracted(&statements)
    return well


cdef bint _collect_rows(Task *task, duckdb_result *result, const Render *render, Buffer *rows) noexcept nogil:
    cdef int count
    cdef ColumnPlan **plans
    cdef bint well
    if api.result_return_type(result[0]) != DUCKDB_RESULT_TYPE_QUERY_RESULT:
        return True
    count = <int>api.column_count(result)
    plans = plan_columns(result, count, NULL, 0, NULL, render)
    if plans == NULL:
        fail(task, NO_MEMORY, b"Out of Memory Error: no memory for a result")
        return False
    well = _encode_all(task, result, plans, count, rows)
    free_plans(plans, count)
    return well


cdef bint _encode_all(Task *task, duckdb_result *result, ColumnPlan **plans, int count, Buffer *rows) noexcept nogil:
    cdef duckdb_data_chunk chunk
    cdef int encoded = ENCODED
    while encoded == ENCODED and _check(task):
        chunk = api.fetch_chunk(result[0])
        if chunk == NULL:
            break
        encoded = encode_data_rows(plans, count, chunk, 0, api.data_chunk_get_size(chunk), rows)
        api.destroy_data_chunk(&chunk)
    if encoded != ENCODED:
        fail_by_text(task, encode_failure(encoded))
    elif api.result_error(result) != NULL:
        fail(task, error_type_name(api.result_error_type(result)), api.result_error(result))
    return task.error_type == NULL


cdef ColumnPlan **plan_columns(
    duckdb_result *result, int count, const int *formats, int n_formats, const int *element_oids, const Render *render
) noexcept nogil:
    cdef ColumnPlan **plans = <ColumnPlan **>calloc(count + 1, sizeof(ColumnPlan *))
    cdef duckdb_logical_type type
    cdef int at
    cdef int format
    if plans == NULL:
        return NULL
    for at in range(count):
        format = 0
        if n_formats == 1:
            format = formats[0]
        elif at < n_formats:
            format = formats[at]
        type = api.column_logical_type(result, at)
        plans[at] = plan_column(type, format, render)
        api.destroy_logical_type(&type)
        if plans[at] == NULL:
            free_plans(plans, at)
            return NULL
        if element_oids != NULL and element_oids[at] != 0:
            name_elements(plans[at], element_oids[at])
    return plans


cdef void free_plans(ColumnPlan **plans, int count) noexcept nogil:
    cdef int at
    if plans == NULL:
        return
    for at in range(count):
        free_plan(plans[at])
    free(plans)
