"""``duckgres_context(name VARCHAR) -> VARCHAR``: what the session that runs a query is called, has set, may see; and
``duckgres_clock() -> TIMESTAMPTZ``: the time of day, which DuckDB tells as of the transaction's beginning only.

The functions are volatile: they aren't folded when a statement is prepared, so that a cached statement sees what holds
when it is executed. The first finds its session by the connection id of the client context that executes it.

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


cdef Entry *_make_entry(const char *name, size_t name_length, const char *value, size_t value_length) noexcept nogil:
    cdef Entry *entry = <Entry *>malloc(sizeof(Entry) + name_length + value_length)
    cdef char *text
    if entry == NULL:
        return NULL
    entry.next = NULL
    entry.hash = _hash(name, name_length)
    entry.name_length = name_length
    entry.value_length = value_length
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
        entry = _make_entry(name, name_length, value, value_length)
        if entry == NULL:
            return -1
    pthread_mutex_lock(&store.mutex)
    failed = _set_locked(store, connection_id, entry, name, name_length)
    pthread_mutex_unlock(&store.mutex)
    if failed:
        free(entry)
    return failed


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
    return -1 if _register_context(connection, store) else _register_clock(connection)


cdef int _register_context(duckdb_connection connection, ContextStore *store) noexcept nogil:
    cdef duckdb_scalar_function function = api.create_scalar_function()
    cdef duckdb_logical_type text = api.create_logical_type(DUCKDB_TYPE_VARCHAR)
    cdef int failed
    api.scalar_function_set_name(function, b"duckgres_context")
    api.scalar_function_add_parameter(function, text)
    api.scalar_function_set_return_type(function, text)
    api.scalar_function_set_volatile(function)
    # NULL in, NULL out is done here: DuckDB must not fold it away either.
    api.scalar_function_set_special_handling(function)
    api.scalar_function_set_init(function, _begin)
    api.scalar_function_set_function(function, _answer)
    pthread_mutex_lock(&store.mutex)
    store.references += 1
    pthread_mutex_unlock(&store.mutex)
    api.scalar_function_set_extra_info(function, store, _release)
    failed = api.register_scalar_function(connection, function)
    # The function's copies share the reference; the last of them gives it back.
    api.destroy_scalar_function(&function)
    api.destroy_logical_type(&text)
    return -1 if failed else 0
