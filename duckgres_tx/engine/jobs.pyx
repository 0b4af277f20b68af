"""Open, connect, prepare, run a script, close: one step each. No GIL."""

from duckgres_tx.engine.alias_types cimport register_alias_types
from duckgres_tx.engine.capi cimport api, duckdb_config, duckdb_connection
from duckgres_tx.engine.advisory_locks cimport enter_party, register_lock_function
from duckgres_tx.engine.array_text cimport register_array_text
from duckgres_tx.engine.context cimport connection_id_of, register_context_functions
from duckgres_tx.engine.copy_feed cimport register_copy_function
from duckgres_tx.engine.crews cimport found_crew
from duckgres_tx.engine.error_types cimport INTERRUPT, NO_MEMORY, fail, fail_as, fail_by_text
from duckgres_tx.engine.handles cimport (
    ConnectionHandle,
    StatementHandle,
    close_connection,
    close_database,
    close_statement,
    end_stream,
    uncount_connection,
)
from duckgres_tx.engine.statements cimport note_failure, prepare_statement, run_script
from duckgres_tx.engine.tasks cimport TASK_OVER, Outcome, Task, is_interrupted, lock, unlock


cdef void _set_connection(Task *task, duckdb_connection connection) noexcept nogil:
    """What an interrupt of the task reaches from now on."""
    lock(task.core)
    task.connection = connection
    unlock(task.core)


# --- databases

cdef bint _configure(Task *task, duckdb_config *config) noexcept nogil:
    cdef OpenTask *work = <OpenTask *>task
    cdef int at
    if api.create_config(config):
        fail(task, NO_MEMORY, b"Out of Memory Error: no memory for a configuration")
        return False
    for at in range(work.n_options):
        if api.set_config(config[0], work.options[2 * at], work.options[2 * at + 1]):
            fail_as(task, b"INVALID_CONFIGURATION", b"42704", work.options[2 * at])
            return False
    return True


cdef bint _open(Task *task) noexcept nogil:
    cdef OpenTask *work = <OpenTask *>task
    cdef duckdb_config config = NULL
    cdef char *error = NULL
    cdef bint well = _configure(task, &config)
    if well and api.open_ext(work.path, &work.database.handle, config, &error):
        work.database.handle = NULL
        fail_by_text(task, error)
        api.free(error)
        well = False
    api.destroy_config(&config)
    if well:
        found_crew(task.core, &work.database.crew, work.database.handle)
    return well


cdef bint _prepare_instance(Task *task, duckdb_connection connection) noexcept nogil:
    """What every session of the database finds: our types and functions, and what the script makes."""
    cdef OpenTask *work = <OpenTask *>task
    if register_alias_types(connection):
        fail(task, b"INTERNAL", b"INTERNAL Error: cannot register the catalog's types")
        return False
    if register_context_functions(connection, work.database.store):
        fail(task, b"INTERNAL", b"INTERNAL Error: cannot register duckgres_context")
        return False
    if register_lock_function(connection, work.database.locks):
        fail(task, b"INTERNAL", b"INTERNAL Error: cannot register duckgres_advisory")
        return False
    if register_array_text(connection):
        fail(task, b"INTERNAL", b"INTERNAL Error: cannot register duckgres_array_text")
        return False
    if register_copy_function(connection, work.database):
        fail(task, b"INTERNAL", b"INTERNAL Error: cannot register duckgres_copied")
        return False
    return run_script(task, connection, work.script, NULL, NULL)


cdef Outcome open_step(Task *task) noexcept nogil:
    cdef OpenTask *work = <OpenTask *>task
    cdef duckdb_connection connection = NULL
    cdef bint well = False
    if is_interrupted(task):
        fail(task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
        return TASK_OVER
    if not _open(task):
        return TASK_OVER
    if api.connect(work.database.handle, &connection):
        fail(task, b"CONNECTION", b"Connection Error: cannot connect to the database")
    else:
        _set_connection(task, connection)
        well = _prepare_instance(task, connection)
        _set_connection(task, NULL)
        api.disconnect(&connection)
    if not well:
        note_failure(work.database, task)
        close_database(work.database)
    return TASK_OVER


# --- connections

cdef Outcome connect_step(Task *task) noexcept nogil:
    cdef ConnectTask *work = <ConnectTask *>task
    cdef ConnectionHandle *connection = work.connection
    cdef duckdb_connection handle = NULL
    if is_interrupted(task):
        fail(task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
    elif connection.database.handle == NULL or api.connect(connection.database.handle, &handle):
        fail(task, b"CONNECTION", b"Connection Error: cannot connect to the database")
    if handle == NULL:
        uncount_connection(connection)
        return TASK_OVER
    connection.id = connection_id_of(handle)
    lock(task.core)
    connection.strand.connection = handle
    task.connection = handle
    unlock(task.core)
    if enter_party(connection.database.locks, connection.id, &connection.strand):
        fail(task, b"OUT_OF_MEMORY", b"Out of Memory Error: no memory for a connection")
        close_connection(task, connection)
    elif not run_script(task, handle, work.script, NULL, NULL):
        note_failure(connection.database, task)
        close_connection(task, connection)
    return TASK_OVER


cdef bint _connected(Task *task, ConnectionHandle *connection) noexcept nogil:
    if connection.strand.connection == NULL:
        fail_as(task, b"CONNECTION", b"08003", b"connection is closed")
        return False
    return True


cdef Outcome prepare_step(Task *task) noexcept nogil:
    cdef PrepareTask *work = <PrepareTask *>task
    cdef StatementHandle *statement = work.statement
    if _connected(task, statement.connection) and not prepare_statement(task, statement, work.sql):
        note_failure(statement.connection.database, task)
        close_statement(statement)
    return TASK_OVER


cdef Outcome script_step(Task *task) noexcept nogil:
    cdef ScriptTask *work = <ScriptTask *>task
    cdef ConnectionHandle *connection = work.connection
    if not _connected(task, connection):
        return TASK_OVER
    # DuckDB ends it now in any case.
    end_stream(connection)
    if not run_script(task, connection.strand.connection, work.sql, work.render, &work.rows):
        note_failure(connection.database, task)
    return TASK_OVER


# --- ends

cdef Outcome close_step(Task *task) noexcept nogil:
    cdef CloseTask *work = <CloseTask *>task
    if work.statement != NULL:
        close_statement(work.statement)
    elif work.connection != NULL:
        close_connection(task, work.connection)
    else:
        close_database(work.database)
    return TASK_OVER
