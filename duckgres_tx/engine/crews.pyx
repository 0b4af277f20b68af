"""Threads that do DuckDB's own tasks, so that a long statement runs on several processors.

DuckDB would have such threads of its own, but it wakes them for every statement, however short, and they spin before they
sleep again: that costs more than a short statement does. So databases are opened without any, and each has a crew:
threads of this pool that enter DuckDB when the watch has seen a statement run for long, and leave some time after the last
such statement.

Touches: DuckDB's task queues. No GIL.
"""

from duckgres_tx.engine.capi cimport api, duckdb_database, duckdb_task_state
from duckgres_tx.engine.tasks cimport (
    Core,
    Crew,
    lock,
    monotonic_ns,
    pthread_cond_broadcast,
    release_core,
    start_assistant,
    unlock,
    wait_until,
)

cdef enum:
    REMINDER_NS = 10 * 1000 * 1000


cdef void found_crew(Core *core, Crew *crew, duckdb_database database) noexcept nogil:
    lock(core)
    crew.database = database
    crew.next = core.crews
    core.crews = crew
    unlock(core)


cdef void dismiss_crew(Core *core, Crew *crew) noexcept nogil:
    cdef Crew **at = &core.crews
    lock(core)
    while at[0] != NULL and at[0] != crew:
        at = &at[0].next
    if at[0] != NULL:
        at[0] = crew.next
    crew.database = NULL
    relieve_crew_locked(crew)
    while crew.state != NULL:
        if wait_until(&core.ended, core, monotonic_ns() + REMINDER_NS):
            relieve_crew_locked(crew)
    unlock(core)


cdef void engage_crew_locked(Core *core, Crew *crew) noexcept nogil:
    cdef int missing
    if crew.relieved or crew.database == NULL or crew.size == 0:
        return
    if crew.state == NULL:
        crew.state = api.create_task_state(crew.database)
    missing = crew.size - crew.aboard
    while missing > core.crew_idle and core.crew_threads < core.max_threads:
        if not start_assistant(core, _serve, b"dg-crew"):
            break
        core.crew_threads += 1
        # It looks for work by itself.
        missing -= 1
    if missing > 0:
        pthread_cond_broadcast(&core.crew_work)


cdef void relieve_crew_locked(Crew *crew) noexcept nogil:
    if crew.state == NULL:
        return
    # Again if need be: DuckDB wakes as many as are inside, but who wakes may be a thread of its own, if SQL has set more.
    api.finish_execution(crew.state)
    crew.relieved = True
    _end_engagement_locked(crew)


cdef void _end_engagement_locked(Crew *crew) noexcept nogil:
    if crew.relieved and crew.aboard == 0:
        api.destroy_task_state(crew.state)
        crew.state = NULL
        crew.relieved = False


cdef Crew *_next_crew(Core *core) noexcept nogil:
    """Who lacks somebody, waited for with the mutex held; NULL when the thread should end."""
    cdef Crew *crew
    cdef bint late = False
    while True:
        crew = core.crews
        while crew != NULL:
            if crew.state != NULL and not crew.relieved and crew.aboard < crew.size:
                return crew
            crew = crew.next
        if core.stop or late:
            return NULL
        core.crew_idle += 1
        late = wait_until(&core.crew_work, core, monotonic_ns() + core.idle_timeout_ns)
        core.crew_idle -= 1


cdef void *_serve(void *argument) noexcept nogil:
    """The life of a crew's thread."""
    cdef Core *core = <Core *>argument
    cdef Crew *crew
    cdef duckdb_task_state state
    lock(core)
    while True:
        crew = _next_crew(core)
        if crew == NULL:
            break
        crew.aboard += 1
        state = crew.state
        unlock(core)
        # Does tasks, and waits for some, until the crew is relieved.
        api.execute_tasks_state(state)
        lock(core)
        crew.aboard -= 1
        _end_engagement_locked(crew)
        if crew.database == NULL:
            pthread_cond_broadcast(&core.ended)
    core.crew_threads -= 1
    core.assistants -= 1
    pthread_cond_broadcast(&core.ended)
    unlock(core)
    release_core(core)
    return NULL
