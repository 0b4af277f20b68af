"""``duckgres_advisory(what INTEGER, class INTEGER, key BIGINT) -> INTEGER``, of which the catalog's ``pg_advisory_…``
functions are made: 1 for what was done, 0 for what was not.

``what`` is an operation (`LOCK`, `TRY`, `UNLOCK`, `UNLOCK_ALL`), plus `SHARED`, plus `TRANSACTION`. ``class`` tells one key of 64
bits (1) from two of 32 (2). Locks are counted, by session and by transaction, as PostgreSQL does.

A session that waits does so on its native thread, a slice at a time: after each it looks whether it was interrupted, and
whether it waits in a circle.

Touches: its own table, under the table's mutex, from any thread. No GIL.

Spec: explicit-locking.html#ADVISORY-LOCKS
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_BIGINT,
    DUCKDB_TYPE_INTEGER,
    api,
    duckdb_client_context,
    duckdb_connection,
    duckdb_data_chunk,
    duckdb_function_info,
    duckdb_init_info,
    duckdb_logical_type,
    duckdb_scalar_function,
    duckdb_vector,
    idx_t,
)
from duckgres_tx.engine.tasks cimport (
    Strand,
    is_interrupted,
    pthread_cond_broadcast,
    pthread_cond_destroy,
    pthread_cond_t,
    pthread_mutex_destroy,
    pthread_mutex_init,
    pthread_mutex_lock,
    pthread_mutex_t,
    pthread_mutex_unlock,
)

cdef extern from "<pthread.h>" nogil:
    int pthread_cond_init(pthread_cond_t *cond, void *attributes)
    int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const timespec *until)

cdef enum:
    LOCK = 0
    TRY = 1
    UNLOCK = 2
    UNLOCK_ALL = 3
    SHARED = 4
    TRANSACTION = 8
    BUCKETS = 64
    # Between two looks at whether a wait is to end.
    SLICE_NS = 50_000_000
    SECOND_NS = 1_000_000_000

cdef enum Verdict:
    GRANTED
    NOT_GRANTED
    INTERRUPTED
    DEADLOCKED
    NO_MEMORY

cdef struct Key:
    int32_t kind
    bint exclusive
    int64_t number

# What one connection holds of one key in one mode.
cdef struct Held:
    Held *next
    idx_t owner
    Key key
    int by_session
    int by_transaction

# A connection.
cdef struct Party:
    Party *next
    idx_t id
    Strand *strand
    int held_by_transaction
    VainUnlocks vain
    bint waiting
    Key wanted

cdef struct LockTable:
    pthread_mutex_t mutex
    pthread_cond_t freed
    int references
    Held *held[BUCKETS]
    Party *parties[BUCKETS]

# What one execution of the function knows.
cdef struct Caller:
    LockTable *table
    idx_t connection_id


cdef LockTable *make_lock_table() noexcept nogil:
    cdef LockTable *table = <LockTable *>calloc(1, sizeof(LockTable))
    if table == NULL:
        return NULL
    if pthread_mutex_init(&table.mutex, NULL):
        free(table)
        return NULL
    if pthread_cond_init(&table.freed, NULL):
        pthread_mutex_destroy(&table.mutex)
        free(table)
        return NULL
    table.references = 1
    return table


cdef void release_lock_table(LockTable *table) noexcept nogil:
    cdef int bucket
    cdef Held *held
    cdef Party *party
    pthread_mutex_lock(&table.mutex)
    table.references -= 1
    cdef bint last = table.references == 0
    pthread_mutex_unlock(&table.mutex)
    if not last:
        return
    for bucket in range(BUCKETS):
        while table.held[bucket] != NULL:
            held = table.held[bucket]
            table.held[bucket] = held.next
            free(held)
        while table.parties[bucket] != NULL:
            party = table.parties[bucket]
            table.parties[bucket] = party.next
            free(party)
    pthread_cond_destroy(&table.freed)
    pthread_mutex_destroy(&table.mutex)
    free(table)


cdef void _release(void *table) noexcept nogil:
    release_lock_table(<LockTable *>table)


# --- parties

cdef inline Party **_find_party(LockTable *table, idx_t id) noexcept nogil:
    cdef Party **link = &table.parties[id % BUCKETS]
    while link[0] != NULL and link[0].id != id:
        link = &link[0].next
    return link


cdef int enter_party(LockTable *table, idx_t connection_id, Strand *strand) noexcept nogil:
    cdef Party *party = <Party *>calloc(1, sizeof(Party))
    if party == NULL:
        return -1
    party.id = connection_id
    party.strand = strand
    pthread_mutex_lock(&table.mutex)
    cdef Party **link = _find_party(table, connection_id)
    party.next = link[0]
    link[0] = party
    pthread_mutex_unlock(&table.mutex)
    return 0


cdef void forget_party(LockTable *table, idx_t connection_id) noexcept nogil:
    cdef Party *party
    pthread_mutex_lock(&table.mutex)
    cdef Party **link = _find_party(table, connection_id)
    if link[0] != NULL:
        party = link[0]
        link[0] = party.next
        free(party)
        _free_locks(table, connection_id, True, True)
    pthread_mutex_unlock(&table.mutex)


# --- locks; with the mutex held

cdef inline bint _same(const Key *one, const Key *other) noexcept nogil:
    return one.number == other.number and one.kind == other.kind


cdef inline Held **_bucket(LockTable *table, const Key *key) noexcept nogil:
    return &table.held[<uint64_t>(key.number * 31 + key.kind) % BUCKETS]


cdef Held **_find_held(LockTable *table, idx_t owner, const Key *key) noexcept nogil:
    cdef Held **link = _bucket(table, key)
    while link[0] != NULL:
        if link[0].owner == owner and _same(&link[0].key, key) and link[0].key.exclusive == key.exclusive:
            break
        link = &link[0].next
    return link


cdef bint _blocks(const Held *held, idx_t asker, const Key *key) noexcept nogil:
    return held.owner != asker and _same(&held.key, key) and (held.key.exclusive or key.exclusive)


cdef bint _is_free(LockTable *table, idx_t asker, const Key *key) noexcept nogil:
    cdef Held *held = _bucket(table, key)[0]
    while held != NULL:
        if _blocks(held, asker, key):
            return False
        held = held.next
    return True


cdef Verdict _take(LockTable *table, Party *party, const Key *key, bint for_transaction) noexcept nogil:
    cdef Held **link = _find_held(table, party.id, key)
    if link[0] == NULL:
        link[0] = <Held *>calloc(1, sizeof(Held))
        if link[0] == NULL:
            return NO_MEMORY
        link[0].owner = party.id
        link[0].key = key[0]
    if for_transaction:
        link[0].by_transaction += 1
        party.held_by_transaction += 1
    else:
        link[0].by_session += 1
    return GRANTED


cdef bint _give_back(LockTable *table, idx_t owner, const Key *key) noexcept nogil:
    cdef Held **link = _find_held(table, owner, key)
    cdef Held *held = link[0]
    if held == NULL or not held.by_session:
        return False
    held.by_session -= 1
    if not held.by_session and not held.by_transaction:
        link[0] = held.next
        free(held)
        pthread_cond_broadcast(&table.freed)
    return True


cdef void _free_locks(LockTable *table, idx_t owner, bint of_session, bint of_transaction) noexcept nogil:
    cdef int bucket
    cdef Held **link
    cdef Held *held
    cdef bint any_freed = False
    for bucket in range(BUCKETS):
        link = &table.held[bucket]
        while link[0] != NULL:
            held = link[0]
            if held.owner == owner:
                if of_session:
                    held.by_session = 0
                if of_transaction:
                    held.by_transaction = 0
                if not held.by_session and not held.by_transaction:
                    link[0] = held.next
                    free(held)
                    any_freed = True
                    continue
            link = &held.next
    if any_freed:
        pthread_cond_broadcast(&table.freed)


cdef bint _leads_back(LockTable *table, Party *start, Party *party, int depth) noexcept nogil:
    """Whether what a party waits for is held by who waits, over others, for the start."""
    cdef Held *held = _bucket(table, &party.wanted)[0]
    cdef Party *holder
    if depth == 0:
        return False
    while held != NULL:
        if _blocks(held, party.id, &party.wanted):
            holder = _find_party(table, held.owner)[0]
            if holder == start:
                return True
            if holder != NULL and holder.waiting and _leads_back(table, start, holder, depth - 1):
                return True
        held = held.next
    return False


cdef void _wait_a_slice(LockTable *table) noexcept nogil:
    cdef timespec until
    clock_gettime(CLOCK_REALTIME, &until)
    until.tv_nsec += SLICE_NS
    if until.tv_nsec >= SECOND_NS:
        until.tv_nsec -= SECOND_NS
        until.tv_sec += 1
    pthread_cond_timedwait(&table.freed, &table.mutex, &until)


cdef Verdict _acquire(LockTable *table, Party *party, const Key *key, bint patient, bint for_transaction) noexcept nogil:
    cdef Verdict verdict = GRANTED
    while not _is_free(table, party.id, key):
        if not patient:
            return NOT_GRANTED
        if party.strand.current != NULL and is_interrupted(party.strand.current):
            verdict = INTERRUPTED
            break
        party.waiting = True
        party.wanted = key[0]
        # who closes the circle is the one to go
        if _leads_back(table, party, party, 64):
            verdict = DEADLOCKED
            break
        _wait_a_slice(table)
    party.waiting = False
    return _take(table, party, key, for_transaction) if verdict == GRANTED else verdict


# --- for the binding

cdef VainUnlocks settle_locks(LockTable *table, idx_t connection_id, bint transaction_too) noexcept nogil:
    cdef VainUnlocks vain = VainUnlocks(0, 0)
    pthread_mutex_lock(&table.mutex)
    cdef Party *party = _find_party(table, connection_id)[0]
    if party != NULL:
        vain = party.vain
        party.vain = VainUnlocks(0, 0)
        if transaction_too and party.held_by_transaction:
            party.held_by_transaction = 0
            _free_locks(table, connection_id, False, True)
    pthread_mutex_unlock(&table.mutex)
    return vain


cdef void unlock_all(LockTable *table, idx_t connection_id) noexcept nogil:
    pthread_mutex_lock(&table.mutex)
    _free_locks(table, connection_id, True, False)
    pthread_mutex_unlock(&table.mutex)


cdef bint holds_session_locks(LockTable *table, idx_t connection_id) noexcept nogil:
    cdef int bucket
    cdef Held *held
    cdef bint found = False
    pthread_mutex_lock(&table.mutex)
    for bucket in range(BUCKETS):
        held = table.held[bucket]
        while held != NULL and not found:
            found = held.owner == connection_id and held.by_session > 0
            held = held.next
    pthread_mutex_unlock(&table.mutex)
    return found


# --- the function

cdef void _begin(duckdb_init_info info) noexcept nogil:
    cdef duckdb_client_context context = NULL
    cdef Caller *caller = <Caller *>malloc(sizeof(Caller))
    if caller == NULL:
        # Without a state the function below says that there is no memory.
        return
    caller.table = <LockTable *>api.scalar_function_init_get_extra_info(info)
    api.scalar_function_init_get_client_context(info, &context)
    caller.connection_id = api.client_context_get_connection_id(context)
    api.destroy_client_context(&context)
    api.scalar_function_init_set_state(info, caller, free)


cdef Verdict _do(Caller *caller, int32_t what, Key *key) noexcept nogil:
    cdef LockTable *table = caller.table
    cdef Party *party = _find_party(table, caller.connection_id)[0]
    cdef int operation = what & 3
    if party == NULL:
        return NO_MEMORY
    if operation == UNLOCK_ALL:
        _free_locks(table, party.id, True, False)
        return GRANTED
    key.exclusive = not what & SHARED
    if operation == UNLOCK:
        if _give_back(table, party.id, key):
            return GRANTED
        if key.exclusive:
            party.vain.exclusive += 1
        else:
            party.vain.shared += 1
        return NOT_GRANTED
    return _acquire(table, party, key, operation == LOCK, what & TRANSACTION)


cdef void _answer(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) noexcept nogil:
    cdef Caller *caller = <Caller *>api.scalar_function_get_state(info)
    cdef int32_t *answers = <int32_t *>api.vector_get_data(output)
    cdef int32_t *what = <int32_t *>api.vector_get_data(api.data_chunk_get_vector(chunk, 0))
    cdef int32_t *kinds = <int32_t *>api.vector_get_data(api.data_chunk_get_vector(chunk, 1))
    cdef int64_t *numbers = <int64_t *>api.vector_get_data(api.data_chunk_get_vector(chunk, 2))
    cdef Verdict verdict
    cdef Key key
    cdef idx_t row
    if caller == NULL:
        api.scalar_function_set_error(info, b"Out of Memory Error: no memory for an advisory lock")
        return
    pthread_mutex_lock(&caller.table.mutex)
    for row in range(api.data_chunk_get_size(chunk)):
        key.kind = kinds[row]
        key.number = numbers[row]
        verdict = _do(caller, what[row], &key)
        if verdict > NOT_GRANTED:
            break
        answers[row] = verdict == GRANTED
    else:
        verdict = GRANTED
    pthread_mutex_unlock(&caller.table.mutex)
    if verdict == INTERRUPTED:
        api.scalar_function_set_error(info, b"Interrupted!")
    elif verdict == DEADLOCKED:
        api.scalar_function_set_error(info, b"deadlock detected")
    elif verdict == NO_MEMORY:
        api.scalar_function_set_error(info, b"Out of Memory Error: no memory for an advisory lock")


cdef int register_lock_function(duckdb_connection connection, LockTable *table) noexcept nogil:
    cdef duckdb_scalar_function function = api.create_scalar_function()
    cdef duckdb_logical_type number = api.create_logical_type(DUCKDB_TYPE_INTEGER)
    cdef duckdb_logical_type key = api.create_logical_type(DUCKDB_TYPE_BIGINT)
    cdef int failed
    api.scalar_function_set_name(function, b"duckgres_advisory")
    api.scalar_function_add_parameter(function, number)
    api.scalar_function_add_parameter(function, number)
    api.scalar_function_add_parameter(function, key)
    api.scalar_function_set_return_type(function, number)
    api.scalar_function_set_volatile(function)
    api.scalar_function_set_init(function, _begin)
    api.scalar_function_set_function(function, _answer)
    pthread_mutex_lock(&table.mutex)
    table.references += 1
    pthread_mutex_unlock(&table.mutex)
    api.scalar_function_set_extra_info(function, table, _release)
    failed = api.register_scalar_function(connection, function)
    # The function's copies share the reference; the last of them gives it back.
    api.destroy_scalar_function(&function)
    api.destroy_logical_type(&number)
    api.destroy_logical_type(&key)
    return -1 if failed else 0
