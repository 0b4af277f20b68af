"""The thread that looks at the others, every millisecond while there is something to see, every fourth where there is not much.

Most statements are over in less time than it takes to wake a thread, so nothing is done for them. What the watch finds
still at work a millisecond later is *engaged*: it doesn't count any more among the threads that short tasks are kept for,
and DuckDB's part of it is shared by its database's crew (`crews`).

A thread that others keep from the processor looks busy without being so. Hence processor time decides, and only what lasts
very long (it may wait for a disk) is engaged in any case.

No GIL. It holds the pool's mutex while it looks.
"""

from libc.stdint cimport int64_t

from duckgres_tx.engine.crews cimport engage_crew_locked, relieve_crew_locked
from duckgres_tx.engine.tasks cimport (
    Core,
    Crew,
    Worker,
    clockid_t,
    lock,
    monotonic_ns,
    promote_patient_locked,
    pthread_cond_broadcast,
    pthread_cond_signal,
    release_core,
    start_worker,
    unlock,
    wait_until,
)

cdef extern from *:
    """
    #include <time.h>

    static int64_t duckgres_busy_ns(clockid_t clock) {
        struct timespec time;
        if (clock_gettime(clock, &time)) return 0;
        return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
    }
    """
    int64_t duckgres_busy_ns(clockid_t clock) nogil

cdef enum:
    TICK_NS = 1000 * 1000
    # Processor time between two looks that tells a long task from a short one.
    BUSY_NS = 400 * 1000
    # Longer than the scheduler keeps a short task waiting.
    LONG_NS = 30 * 1000 * 1000
    # A task that has waited so long gets a thread of its own.
    PATIENCE_NS = 5 * 1000 * 1000
    # How long a crew stays after a long statement, for the next one.
    STAY_NS = 100 * 1000 * 1000
    # Between looks that find nobody at work although there is work: all of it is short.
    LONGEST_TICK_NS = 4 * TICK_NS


cdef bint _is_long(Worker *worker, int64_t now) noexcept nogil:
    """Whether it has been at the same task for long; takes notes for the next time."""
    cdef int64_t busy = duckgres_busy_ns(worker.clock)
    if worker.seen_turn != worker.turn:
        worker.seen_turn = worker.turn
        worker.seen_ns = now
        worker.seen_busy_ns = busy
        return False
    return busy - worker.seen_busy_ns >= BUSY_NS or now - worker.seen_ns >= LONG_NS or worker.task.waits_on != NULL


cdef bint _look_at_workers(Core *core, int64_t now) noexcept nogil:
    """Whether any works."""
    cdef Worker *worker = core.workers
    cdef bint works = False
    while worker != NULL:
        if worker.task != NULL:
            works = True
            if not worker.engaged and _is_long(worker, now):
                worker.engaged = True
                core.engaged += 1
            if worker.engaged and worker.task.waits_on == NULL and worker.task.strand != NULL:
                if worker.task.strand.crew != NULL and not worker.task.alone:
                    worker.task.strand.crew.needed_ns = now
        worker = worker.next
    return works


cdef void _call_for_patient(Core *core) noexcept nogil:
    """What waits for a thread with nothing else to do has waited for long enough."""
    if core.patient_first == NULL:
        return
    if core.idle == 0:
        # All are at work, maybe for long: it counts when more threads are thought of.
        promote_patient_locked(core)
    elif not core.worker_comes:
        core.worker_comes = True
        pthread_cond_signal(&core.work)


cdef void _grow(Core *core, int64_t now) noexcept nogil:
    cdef int lacking = core.prompt_threads - (core.threads - core.engaged)
    if core.ready == 0:
        return
    if lacking > core.ready - core.idle:
        lacking = core.ready - core.idle
    if lacking < 1 and core.idle == 0 and now - core.ready_first.ready_ns > PATIENCE_NS:
        lacking = 1
    while lacking > 0 and core.threads < core.max_threads and start_worker(core):
        lacking -= 1


cdef bint _look_at_crews(Core *core, int64_t now) noexcept nogil:
    """Whether any is at work."""
    cdef Crew *crew = core.crews
    cdef bint works = False
    while crew != NULL:
        if crew.needed_ns and now - crew.needed_ns < STAY_NS:
            engage_crew_locked(core, crew)
            works = True
        else:
            relieve_crew_locked(crew)
            # Until they have all left.
            works |= crew.state != NULL
        crew = crew.next
    return works


cdef bint _relieve_all(Core *core) noexcept nogil:
    """Whether none is at work any more."""
    cdef Crew *crew = core.crews
    cdef bint over = True
    while crew != NULL:
        relieve_crew_locked(crew)
        over &= crew.state == NULL
        crew = crew.next
    return over


cdef bint _sleep(Core *core) noexcept nogil:
    """Wait for a submission; False: none came for so long that the thread should end."""
    cdef bint late
    core.watch_sleeps = True
    late = wait_until(&core.watch, core, monotonic_ns() + core.idle_timeout_ns)
    core.watch_sleeps = False
    return not late or core.ready > 0 or core.patient_first != NULL or core.idle < core.threads


cdef void *watch(void *argument) noexcept nogil:
    cdef Core *core = <Core *>argument
    cdef unsigned int seen
    cdef bint works = True
    cdef int64_t tick = TICK_NS
    cdef int64_t now
    lock(core)
    seen = core.submissions
    while not core.stop:
        if not works and seen == core.submissions and core.patient_first == NULL:
            tick = TICK_NS
            if not _sleep(core):
                break
        seen = core.submissions
        # Nobody signals it meanwhile, but the end of the pool.
        wait_until(&core.watch, core, monotonic_ns() + tick)
        now = monotonic_ns()
        works = _look_at_workers(core, now)
        tick = TICK_NS if works else min(2 * tick, <int64_t>LONGEST_TICK_NS)
        _call_for_patient(core)
        _grow(core, now)
        works |= _look_at_crews(core, now)
    while not _relieve_all(core):
        wait_until(&core.ended, core, monotonic_ns() + TICK_NS)
    core.watch_lives = False
    core.assistants -= 1
    pthread_cond_broadcast(&core.ended)
    unlock(core)
    release_core(core)
    return NULL
