"""The life of databases, connections and statements. No GIL in any of it."""

from libc.stdlib cimport calloc, free

from duckgres_tx.engine.ahead cimport clear_ahead, destroy_ahead, init_ahead
from duckgres_tx.engine.capi cimport api, duckdb_connection, duckdb_prepared_statement, idx_t
from duckgres_tx.engine.advisory_locks cimport forget_party, make_lock_table, release_lock_table
from duckgres_tx.engine.context cimport forget_connection, make_context_store, release_context_store
from duckgres_tx.engine.crews cimport dismiss_crew
from duckgres_tx.engine.tasks cimport (
    PHASE_IDLE,
    PHASE_QUEUED,
    TASK_GONE,
    TASK_GONE_WITH_STRAND,
    Core,
    Outcome,
    Task,
    init_task,
    interrupt_locked,
    lock,
    release_core,
    submit_locked,
    submit_or_run,
    submit_patient_locked,
    unlock,
)


cdef DatabaseHandle *make_database(Core *core) noexcept nogil:
    cdef DatabaseHandle *database = <DatabaseHandle *>calloc(1, sizeof(DatabaseHandle))
    if database == NULL:
        return NULL
    database.store = make_context_store()
    if database.store == NULL:
        free(database)
        return NULL
    database.locks = make_lock_table()
    if database.locks == NULL:
        release_context_store(database.store)
        free(database)
        return NULL
    init_task(&database.retire, core, &database.strand, _retire_database)
    database.core = core
    database.references = 1
    lock(core)
    core.references += 1
    unlock(core)
    return database


cdef ConnectionHandle *make_connection(DatabaseHandle *database) noexcept nogil:
    cdef ConnectionHandle *connection = <ConnectionHandle *>calloc(1, sizeof(ConnectionHandle))
    if connection == NULL:
        return NULL
    if not init_ahead(&connection.stream.ahead, database.core):
        free(connection)
        return NULL
    init_task(&connection.retire, database.core, &connection.strand, _retire_connection)
    init_task(&connection.closer, database.core, &connection.strand, _close_for_good)
    connection.strand.crew = &database.crew
    connection.core = database.core
    connection.database = database
    connection.references = 1
    lock(database.core)
    database.references += 1
    unlock(database.core)
    return connection


cdef StatementHandle *make_statement(ConnectionHandle *connection) noexcept nogil:
    cdef StatementHandle *statement = <StatementHandle *>calloc(1, sizeof(StatementHandle))
    if statement == NULL:
        return NULL
    init_task(&statement.retire, connection.core, &connection.strand, _retire_statement)
    statement.connection = connection
    statement.references = 1
    lock(connection.core)
    connection.references += 1
    unlock(connection.core)
    return statement


cdef bint _last(Core *core, int *references) noexcept nogil:
    lock(core)
    references[0] -= 1
    cdef bint last = references[0] == 0
    unlock(core)
    return last


cdef void release_database(DatabaseHandle *database) noexcept nogil:
    if _last(database.core, &database.references):
        submit_or_run(&database.retire)


cdef void release_connection(ConnectionHandle *connection) noexcept nogil:
    if _last(connection.core, &connection.references):
        submit_or_run(&connection.retire)


cdef void release_statement(StatementHandle *statement) noexcept nogil:
    if _last(statement.connection.core, &statement.references):
        submit_or_run(&statement.retire)


# --- the ends

cdef void end_stream(ConnectionHandle *connection) noexcept nogil:
    cdef Stream *stream = &connection.stream
    cdef duckdb_prepared_statement nothing = NULL
    if not stream.open:
        return
    clear_ahead(&stream.ahead)
    cdef bint streaming = api.result_is_streaming(stream.result)
    if stream.chunk != NULL:
        api.destroy_data_chunk(&stream.chunk)
    api.destroy_result(&stream.result)
    stream.open = False
    stream.owner = NULL
    if streaming and connection.strand.connection != NULL:
        # A streaming query whose result is gone still holds its transaction and its buffers, until the connection's
        # next one begins. Preparing nothing is the smallest such beginning.
        api.prepare(connection.strand.connection, b"", &nothing)
        api.destroy_prepare(&nothing)


cdef void close_statement(StatementHandle *statement) noexcept nogil:
    cdef ConnectionHandle *connection = statement.connection
    if statement.handle == NULL:
        return
    api.destroy_prepare(&statement.handle)
    if statement.previous != NULL:
        statement.previous.next = statement.next
    elif connection.statements == statement:
        connection.statements = statement.next
    if statement.next != NULL:
        statement.next.previous = statement.previous
    statement.next = NULL
    statement.previous = NULL


cdef void close_connection(Task *task, ConnectionHandle *connection) noexcept nogil:
    cdef duckdb_connection handle = connection.strand.connection
    if handle == NULL:
        return
    end_stream(connection)
    while connection.statements != NULL:
        close_statement(connection.statements)
    lock(connection.core)
    connection.strand.connection = NULL
    task.connection = NULL
    unlock(connection.core)
    api.disconnect(&handle)
    forget_connection(connection.database.store, connection.id)
    forget_party(connection.database.locks, connection.id)
    uncount_connection(connection)


cdef void close_database(DatabaseHandle *database) noexcept nogil:
    if database.handle != NULL:
        dismiss_crew(database.core, &database.crew)
        api.close(&database.handle)


cdef Outcome _retire_statement(Task *task) noexcept nogil:
    cdef StatementHandle *statement = <StatementHandle *>task
    cdef ConnectionHandle *connection = statement.connection
    cdef idx_t at
    close_statement(statement)
    for at in range(statement.n_parameters):
        if statement.parameter_types[at] != NULL:
            api.destroy_logical_type(&statement.parameter_types[at])
    for at in range(statement.n_columns):
        if statement.column_types[at] != NULL:
            api.destroy_logical_type(&statement.column_types[at])
        api.free(statement.column_names[at])
    free(statement.parameter_types)
    free(statement.column_types)
    free(statement.column_names)
    free(statement.element_oids)
    free(statement.enum_names)
    free(statement)
    release_connection(connection)
    return TASK_GONE


cdef Outcome _retire_connection(Task *task) noexcept nogil:
    cdef ConnectionHandle *connection = <ConnectionHandle *>task
    cdef DatabaseHandle *database = connection.database
    close_connection(task, connection)
    destroy_ahead(&connection.stream.ahead)
    free(connection)
    release_database(database)
    return TASK_GONE_WITH_STRAND


cdef Outcome _retire_database(Task *task) noexcept nogil:
    cdef DatabaseHandle *database = <DatabaseHandle *>task
    cdef Core *core = database.core
    close_database(database)
    release_context_store(database.store)
    release_lock_table(database.locks)
    free(database)
    release_core(core)
    return TASK_GONE_WITH_STRAND


cdef Outcome _close_for_good(Task *task) noexcept nogil:
    cdef ConnectionHandle *connection = <ConnectionHandle *>(<char *>task - <size_t>&(<ConnectionHandle *>NULL).closer)
    close_connection(task, connection)
    release_connection(connection)
    return TASK_GONE


# --- stopping

cdef void stop_connection_locked(ConnectionHandle *connection) noexcept nogil:
    cdef Task *task = connection.strand.current
    connection.closing = True
    if task != NULL:
        interrupt_locked(task)
    task = connection.strand.first
    while task != NULL:
        interrupt_locked(task)
        task = task.next


cdef void dismiss_connection_locked(ConnectionHandle *connection) noexcept nogil:
    stop_connection_locked(connection)
    if connection.closer.phase == PHASE_IDLE:
        connection.references += 1
        if not submit_patient_locked(&connection.closer):
            # There is no thread any more: the last reference frees it.
            connection.references -= 1


cdef bint stop_database_locked(DatabaseHandle *database, Task *closer) noexcept nogil:
    cdef ConnectionHandle *connection = database.connections
    if database.open_connections == 0:
        database.closing = True
        return submit_locked(closer)
    if database.core.threads == 0 and database.core.stop:
        return False
    database.closing = True
    closer.phase = PHASE_QUEUED
    closer.next = database.closers
    database.closers = closer
    while connection != NULL:
        dismiss_connection_locked(connection)
        connection = connection.next
    return True


cdef bint count_connection_locked(ConnectionHandle *connection) noexcept nogil:
    cdef DatabaseHandle *database = connection.database
    if database.closing:
        return False
    database.open_connections += 1
    connection.counted = True
    connection.previous = NULL
    connection.next = database.connections
    if database.connections != NULL:
        database.connections.previous = connection
    database.connections = connection
    return True


cdef void uncount_connection(ConnectionHandle *connection) noexcept nogil:
    cdef DatabaseHandle *database = connection.database
    cdef Task *closer
    lock(connection.core)
    if connection.counted:
        connection.counted = False
        database.open_connections -= 1
        if connection.previous != NULL:
            connection.previous.next = connection.next
        else:
            database.connections = connection.next
        if connection.next != NULL:
            connection.next.previous = connection.previous
        while database.open_connections == 0 and database.closers != NULL:
            closer = database.closers
            database.closers = closer.next
            submit_locked(closer)
    unlock(connection.core)
