"""``duckgres_context(name VARCHAR) -> VARCHAR``: what the session that runs a query is called, has set, may see;
``duckgres_note(name VARCHAR, value VARCHAR) -> VARCHAR``: gives the value, and keeps it for the session, a line under that name;
and ``duckgres_clock() -> TIMESTAMPTZ``: the time of day, which DuckDB tells as of the transaction's beginning only.

The functions are volatile: they aren't folded when a statement is prepared, so that a cached statement sees what holds
when it is executed. The first two find their session by the connection id of the client context that executes it.

Touches: its own store, under the store's mutex, from any thread; DuckDB's vectors inside the function. No GIL.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_TIMESTAMP_TZ,
    DUCKDB_TYPE_VARCHAR,
    api,
    duckdb_client_context,
    duckdb_connection,
    duckdb_data_chunk,
    duckdb_function_info,
    duckdb_init_info,
    duckdb_logical_type,
    duckdb_scalar_function,
    duckdb_string_t,
    duckdb_vector,
    idx_t,
)
from duckgres_tx.engine.tasks cimport (
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_t,
    pthread_mutex_unlock,
)

cdef enum:
    CONNECTION_BUCKETS = 256
    NAME_BUCKETS = 32
    INLINED = 12

# The name's bytes follow the struct, the value's follow the name's.
cdef struct Entry:
    Entry *next
    uint32_t hash
    uint32_t name_length
    uint32_t value_length

cdef struct Values:
    Values *next
    idx_t connection_id
    Entry *names[NAME_BUCKETS]

cdef struct ContextStore:
    pthread_mutex_t mutex
    int references
    Values *connections[CONNECTION_BUCKETS]

# What one execution of the function knows.
cdef struct Caller:
    ContextStore *store
    idx_t connection_id


cdef ContextStore *make_context_store() noexcept nogil:
    cdef ContextStore *store = <ContextStore *>calloc(1, sizeof(ContextStore))
    if store == NULL:
        return NULL
    if pthread_mutex_init(&store.mutex, NULL):
        free(store)
        return NULL
    store.references = 1
    return store


cdef void release_context_store(ContextStore *store) noexcept nogil:
    cdef int bucket
    pthread_mutex_lock(&store.mutex)
    store.references -= 1
    cdef bint last = store.references == 0
    pthread_mutex_unlock(&store.mutex)
    if not last:
        return
    for bucket in range(CONNECTION_BUCKETS):
        while store.connections[bucket] != NULL:
            _drop(&store.connections[bucket])
    pthread_mutex_destroy(&store.mutex)
    free(store)


cdef void _release(void *store) noexcept nogil:
    release_context_store(<ContextStore *>store)


cdef void _drop(Values **link) noexcept nogil:
    cdef Values *values = link[0]
    cdef Entry *entry
    cdef int bucket
    link[0] = values.next
    for bucket in range(NAME_BUCKETS):
        while values.names[bucket] != NULL:
            entry = values.names[bucket]
            values.names[bucket] = entry.next
            free(entry)
    free(values)


cdef uint32_t _hash(const char *name, size_t length) noexcept nogil:
    # FNV-1a.
    cdef uint32_t value = 2166136261
    cdef size_t at
    for at in range(length):
        value = (value ^ <unsigned char>name[at]) * 16777619
    return value


cdef inline Values **_find_connection(ContextStore *store, idx_t connection_id) noexcept nogil:
    cdef Values **link = &store.connections[connection_id % CONNECTION_BUCKETS]
    while link[0] != NULL and link[0].connection_id != connection_id:
        link = &link[0].next
    return link


cdef inline const char *_name_of(const Entry *entry) noexcept nogil:
    return <const char *>entry + sizeof(Entry)


cdef Entry **_find_name(Values *values, const char *name, size_t length) noexcept nogil:
    cdef uint32_t hash = _hash(name, length)
    cdef Entry **link = &values.names[hash % NAME_BUCKETS]
    while link[0] != NULL:
        if link[0].hash == hash and link[0].name_length == length and memcmp(_name_of(link[0]), name, length) == 0:
            break
        link = &link[0].next
    return link


cdef Entry *_make_entry(
    const char *name, size_t name_length, const char *value, size_t value_length, size_t room
) noexcept nogil:
    """The value may be shorter than the room for it; the rest is for the caller to fill."""
    cdef Entry *entry = <Entry *>malloc(sizeof(Entry) + name_length + room)
    cdef char *text
    if entry == NULL:
        return NULL
    entry.next = NULL
    entry.hash = _hash(name, name_length)
    entry.name_length = name_length
    entry.value_length = room
    text = <char *>entry + sizeof(Entry)
    memcpy(text, name, name_length)
    memcpy(text + name_length, value, value_length)
    return entry


cdef int _set_locked(ContextStore *store, idx_t connection_id, Entry *entry, const char *name, size_t length) noexcept nogil:
    cdef Values **link = _find_connection(store, connection_id)
    cdef Entry **place
    cdef Entry *old
    if link[0] == NULL:
        if entry == NULL:
            return 0
        link[0] = <Values *>calloc(1, sizeof(Values))
        if link[0] == NULL:
            return -1
        link[0].connection_id = connection_id
    place = _find_name(link[0], name, length)
    old = place[0]
    if old != NULL:
        place[0] = old.next
        free(old)
    if entry != NULL:
        entry.next = place[0]
        place[0] = entry
    return 0


cdef int set_context_value(
    ContextStore *store, idx_t connection_id, const char *name, size_t name_length, const char *value, size_t value_length
) noexcept nogil:
    cdef Entry *entry = NULL
    cdef int failed
    if value != NULL:
        entry = _make_entry(name, name_length, value, value_length, value_length)
        if entry == NULL:
            return -1
    pthread_mutex_lock(&store.mutex)
    failed = _set_locked(store, connection_id, entry, name, name_length)
    pthread_mutex_unlock(&store.mutex)
    if failed:
        free(entry)
    return failed


cdef int take_context_value(
    ContextStore *store, idx_t connection_id, const char *name, size_t name_length, char **value, size_t *value_length
) noexcept nogil:
    cdef Values **link
    cdef Entry **place
    cdef Entry *entry = NULL
    value[0] = NULL
    pthread_mutex_lock(&store.mutex)
    link = _find_connection(store, connection_id)
    if link[0] != NULL:
        place = _find_name(link[0], name, name_length)
        entry = place[0]
        if entry != NULL:
            place[0] = entry.next
    pthread_mutex_unlock(&store.mutex)
    if entry == NULL:
        return 0
    value[0] = <char *>malloc(entry.value_length + 1)
    if value[0] != NULL:
        memcpy(value[0], _name_of(entry) + entry.name_length, entry.value_length)
        value_length[0] = entry.value_length
    free(entry)
    return 0 if value[0] != NULL else -1


cdef void forget_connection(ContextStore *store, idx_t connection_id) noexcept nogil:
    pthread_mutex_lock(&store.mutex)
    cdef Values **link = _find_connection(store, connection_id)
    if link[0] != NULL:
        _drop(link)
    pthread_mutex_unlock(&store.mutex)


cdef idx_t connection_id_of(duckdb_connection connection) noexcept nogil:
    cdef duckdb_client_context context = NULL
    cdef idx_t connection_id
    api.connection_get_client_context(connection, &context)
    if context == NULL:
        return 0
    connection_id = api.client_context_get_connection_id(context)
    api.destroy_client_context(&context)
    return connection_id


# --- the function

cdef void _begin(duckdb_init_info info) noexcept nogil:
    cdef duckdb_client_context context = NULL
    cdef Caller *caller = <Caller *>malloc(sizeof(Caller))
    if caller == NULL:
        # Without a state the function below says that there is no memory.
        return
    caller.store = <ContextStore *>api.scalar_function_init_get_extra_info(info)
    api.scalar_function_init_get_client_context(info, &context)
    caller.connection_id = api.client_context_get_connection_id(context)
    api.destroy_client_context(&context)
    api.scalar_function_init_set_state(info, caller, free)


cdef void _answer(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) noexcept nogil:
    cdef Caller *caller = <Caller *>api.scalar_function_get_state(info)
    cdef idx_t rows = api.data_chunk_get_size(chunk)
    cdef duckdb_vector names = api.data_chunk_get_vector(chunk, 0)
    cdef duckdb_string_t *strings = <duckdb_string_t *>api.vector_get_data(names)
    cdef uint64_t *given = api.vector_get_validity(names)
    cdef uint64_t *validity
    cdef Values *values
    cdef Entry *entry
    cdef const char *text
    cdef uint32_t length
    cdef idx_t row
    if caller == NULL:
        api.scalar_function_set_error(info, b"Out of Memory Error: no memory for duckgres_context")
        return
    api.vector_ensure_validity_writable(output)
    validity = api.vector_get_validity(output)
    pthread_mutex_lock(&caller.store.mutex)
    values = _find_connection(caller.store, caller.connection_id)[0]
    for row in range(rows):
        entry = NULL
        if values != NULL and (given == NULL or given[row >> 6] >> (row & 63) & 1):
            length = strings[row].inlined.length
            if length <= INLINED:
                text = strings[row].inlined.inlined
            else:
                text = strings[row].pointer.ptr
            entry = _find_name(values, text, length)[0]
        if entry == NULL:
            validity[row >> 6] &= ~(<uint64_t>1 << (row & 63))
        else:
            api.vector_assign_string_element_len(output, row, _name_of(entry) + entry.name_length, entry.value_length)
    pthread_mutex_unlock(&caller.store.mutex)


cdef inline const char *_bytes_of(const duckdb_string_t *string, uint32_t *length) noexcept nogil:
    length[0] = string.inlined.length
    if length[0] <= INLINED:
        return string.inlined.inlined
    return string.pointer.ptr


cdef int _add_line(
    ContextStore *store, idx_t connection_id, const char *name, size_t name_length, const char *line, size_t length
) noexcept nogil:
    cdef Values *values = _find_connection(store, connection_id)[0]
    cdef Entry *before = NULL if values == NULL else _find_name(values, name, name_length)[0]
    cdef size_t kept = 0 if before == NULL else before.value_length
    cdef Entry *entry = _make_entry(name, name_length, b"", 0, kept + length + 1)
    cdef char *end
    if entry == NULL:
        return -1
    end = <char *>_name_of(entry) + name_length
    if before != NULL:
        memcpy(end, _name_of(before) + name_length, kept)
    memcpy(end + kept, line, length)
    end[kept + length] = b"\n"
    if _set_locked(store, connection_id, entry, name, name_length):
        free(entry)
        return -1
    return 0


cdef void _take_notes(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) noexcept nogil:
    cdef Caller *caller = <Caller *>api.scalar_function_get_state(info)
    cdef duckdb_string_t *names = <duckdb_string_t *>api.vector_get_data(api.data_chunk_get_vector(chunk, 0))
    cdef duckdb_string_t *lines = <duckdb_string_t *>api.vector_get_data(api.data_chunk_get_vector(chunk, 1))
    cdef const char *name
    cdef const char *line
    cdef uint32_t name_length = 0
    cdef uint32_t length = 0
    cdef idx_t row
    cdef int failed = caller == NULL
    if not failed:
        pthread_mutex_lock(&caller.store.mutex)
        for row in range(api.data_chunk_get_size(chunk)):
            name = _bytes_of(&names[row], &name_length)
            line = _bytes_of(&lines[row], &length)
            failed |= _add_line(caller.store, caller.connection_id, name, name_length, line, length) != 0
            api.vector_assign_string_element_len(output, row, line, length)
        pthread_mutex_unlock(&caller.store.mutex)
    if failed:
        api.scalar_function_set_error(info, b"Out of Memory Error: no memory for duckgres_note")


cdef void _tell_time(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) noexcept nogil:
    cdef int64_t *microseconds = <int64_t *>api.vector_get_data(output)
    cdef idx_t row
    cdef timespec now
    for row in range(api.data_chunk_get_size(chunk)):
        clock_gettime(CLOCK_REALTIME, &now)
        microseconds[row] = <int64_t>now.tv_sec * 1000000 + now.tv_nsec // 1000


cdef int _register_clock(duckdb_connection connection) noexcept nogil:
    cdef duckdb_scalar_function function = api.create_scalar_function()
    cdef duckdb_logical_type moment = api.create_logical_type(DUCKDB_TYPE_TIMESTAMP_TZ)
    cdef int failed
    api.scalar_function_set_name(function, b"duckgres_clock")
    api.scalar_function_set_return_type(function, moment)
    api.scalar_function_set_volatile(function)
    api.scalar_function_set_function(function, _tell_time)
    failed = api.register_scalar_function(connection, function)
    api.destroy_scalar_function(&function)
    api.destroy_logical_type(&moment)
    return -1 if failed else 0


cdef int register_context_functions(duckdb_connection connection, ContextStore *store) noexcept nogil:
    if _register(connection, store, b"duckgres_context", 1) or _register(connection, store, b"duckgres_note", 2):
        return -1
    return _register_clock(connection)


cdef int _register(duckdb_connection connection, ContextStore *store, const char *name, int parameters) noexcept nogil:
    """The first takes one parameter, the second two."""
    cdef duckdb_scalar_function function = api.create_scalar_function()
    cdef duckdb_logical_type text = api.create_logical_type(DUCKDB_TYPE_VARCHAR)
    cdef int failed
    api.scalar_function_set_name(function, name)
    for _ in range(parameters):
        api.scalar_function_add_parameter(function, text)
    api.scalar_function_set_return_type(function, text)
    api.scalar_function_set_volatile(function)
    api.scalar_function_set_init(function, _begin)
    if parameters == 1:
        # NULL in, NULL out is done here: DuckDB must not fold it away either.
        api.scalar_function_set_special_handling(function)
        api.scalar_function_set_function(function, _answer)
    else:
        api.scalar_function_set_function(function, _take_notes)
    pthread_mutex_lock(&store.mutex)
    store.references += 1
    pthread_mutex_unlock(&store.mutex)
    api.scalar_function_set_extra_info(function, store, _release)
    failed = api.register_scalar_function(connection, function)
    # The function's copies share the reference; the last of them gives it back.
    api.destroy_scalar_function(&function)
    api.destroy_logical_type(&text)
    return -1 if failed else 0
