"""Fetch a long result's chunks on a second thread, while the first one encodes those before.

Fetching makes DuckDB read and decompress on the thread that asks, which takes about as long as the encoding. The second
thread is one of the pool's; it is asked for only if one is to be had at once, so no run ever waits for a thread here.

Touches: the result of one connection, in its strand. No GIL.
"""

from duckgres_tx.engine.capi cimport api, duckdb_data_chunk, duckdb_result
from duckgres_tx.engine.tasks cimport (
    TASK_GONE,
    Core,
    Outcome,
    Task,
    init_monotonic_cond,
    init_task,
    lock,
    monotonic_ns,
    pthread_cond_broadcast,
    pthread_cond_destroy,
    pthread_cond_wait,
    start_worker,
    submit_locked,
    unlock,
    wait_until,
)

cdef enum:
    # The reader has not come for so long: the thread is free for others.
    FULL_WAIT_NS = 100 * 1000 * 1000


cdef bint init_ahead(Ahead *ahead, Core *core) noexcept nogil:
    init_task(&ahead.task, core, NULL, _fetch)
    return init_monotonic_cond(&ahead.changed) == 0


cdef void destroy_ahead(Ahead *ahead) noexcept nogil:
    pthread_cond_destroy(&ahead.changed)


cdef void fetch_ahead(Ahead *ahead, duckdb_result *result) noexcept nogil:
    cdef Core *core = ahead.task.core
    lock(core)
    # First in the queue and a thread for it: nothing else can keep it waiting.
    if core.fetches_ahead and not core.stop and not ahead.active and (
        core.idle > core.ready or (core.ready == 0 and core.threads < core.max_threads and start_worker(core))
    ):
        ahead.result = result[0]
        ahead.stop = False
        ahead.asked = True
        ahead.active = submit_locked(&ahead.task)
    unlock(core)


cdef bint take_ahead(Ahead *ahead, duckdb_data_chunk *chunk) noexcept nogil:
    cdef Core *core = ahead.task.core
    cdef bint found
    if not ahead.asked:
        return False
    lock(core)
    while ahead.count == 0 and ahead.active:
        pthread_cond_wait(&ahead.changed, &core.mutex)
    found = ahead.count > 0
    chunk[0] = NULL
    if found:
        chunk[0] = ahead.chunks[ahead.first]
        ahead.first = (ahead.first + 1) % CHUNKS_AHEAD
        ahead.count -= 1
        if ahead.count == CHUNKS_AHEAD // 2:
            pthread_cond_broadcast(&ahead.changed)
    found |= ahead.over
    unlock(core)
    return found


cdef void stop_ahead(Ahead *ahead) noexcept nogil:
    cdef Core *core = ahead.task.core
    if not ahead.asked:
        return
    lock(core)
    ahead.stop = True
    pthread_cond_broadcast(&ahead.changed)
    while ahead.active:
        pthread_cond_wait(&ahead.changed, &core.mutex)
    unlock(core)


cdef void clear_ahead(Ahead *ahead) noexcept nogil:
    stop_ahead(ahead)
    while ahead.count:
        api.destroy_data_chunk(&ahead.chunks[ahead.first])
        ahead.first = (ahead.first + 1) % CHUNKS_AHEAD
        ahead.count -= 1
    ahead.over = False
    ahead.asked = False


cdef Outcome _fetch(Task *task) noexcept nogil:
    """The task's step. Once it isn't active any more it may be freed by who waits for that."""
    cdef Ahead *ahead = <Ahead *>task
    cdef Core *core = task.core
    cdef duckdb_data_chunk chunk
    cdef bint late = False
    lock(core)
    while not ahead.stop and not ahead.over and not late:
        unlock(core)
        chunk = api.fetch_chunk(ahead.result)
        lock(core)
        if chunk == NULL:
            ahead.over = True
            break
        ahead.chunks[(ahead.first + ahead.count) % CHUNKS_AHEAD] = chunk
        ahead.count += 1
        if ahead.count == 1:
            pthread_cond_broadcast(&ahead.changed)
        while ahead.count == CHUNKS_AHEAD and not ahead.stop and not late:
            late = wait_until(&ahead.changed, core, monotonic_ns() + FULL_WAIT_NS)
    ahead.active = False
    pthread_cond_broadcast(&ahead.changed)
    unlock(core)
    return TASK_GONE
