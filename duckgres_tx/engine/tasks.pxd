"""Tasks, the threads that do them, and the news they send back: shared by the engine's modules.

One mutex per pool (``Core.mutex``) guards every field below unless it says otherwise. It is held for instants only:
no DuckDB call but ``interrupt`` and ``query_progress`` (which just set or copy numbers), no I/O, no encoding happens
under it. So the reactor thread may take it with the GIL held, and a native thread never needs the GIL.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport duckdb_connection, duckdb_database, duckdb_task_state


cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *mutex, void *attributes)
    int pthread_mutex_destroy(pthread_mutex_t *mutex)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_cond_destroy(pthread_cond_t *cond)
    int pthread_cond_signal(pthread_cond_t *cond)
    int pthread_cond_broadcast(pthread_cond_t *cond)
    int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
    ctypedef int clockid_t


# What a step leaves behind.
cdef enum Outcome:
    # The job is over; its owner hears of it.
    TASK_OVER
    # It gave its thread back and waits for its owner; he hears of it too.
    TASK_PARKED
    # The step has freed the task: nobody may look at it again.
    TASK_GONE
    # So it has, and the strand as well.
    TASK_GONE_WITH_STRAND

cdef enum Phase:
    PHASE_IDLE
    PHASE_QUEUED
    PHASE_RUNNING
    PHASE_PARKED
    PHASE_OVER

ctypedef Outcome (*Step)(Task *task) noexcept nogil
ctypedef void *(*ThreadMain)(void *core) noexcept nogil


cdef struct Task:
    Core *core
    Strand *strand             # whose turn it waits for; NULL: it may run beside anything
    Step step                  # runs on a native thread, without the mutex
    Phase phase
    Task *next                 # in the ready queue or in the strand's
    int64_t ready_ns           # since when it waits for a thread
    Task *next_news
    bint listed                # in the news
    bint held                  # the pool has a reference to the owner; GIL
    PyObject *owner            # borrowed: the Job, which owns this struct; NULL for what frees itself
    int interrupted            # set under the mutex, read by the step at any time
    bint wake                  # something has changed for a step that is about to park
    duckdb_connection connection   # what interrupt() reaches while the step runs; NULL: nothing
    bint alone                 # no crew shares its DuckDB's part: it would only be taken away from the thread that waits
    pthread_cond_t *waits_on   # signalled by interrupt() while the step waits
    # How it failed; error_type NULL: it didn't. Written by the step, read when it is over.
    const char *error_type
    char *error_text           # malloc'd, or NULL when there was no memory for it
    char sqlstate[6]


# What belongs to one connection (or one database) is done one after another, in the order of submission.
cdef struct Strand:
    Task *first
    Task *last
    Task *current              # ready or running
    Task *parked               # the last one that gave its thread back, until it goes on
    duckdb_connection connection
    Crew *crew                 # of its database; NULL: none


# A database's share of the crew threads (`crews`), which take part in statements that run for long.
cdef struct Crew:
    Crew *next
    int size                   # how many may take part at once
    int aboard                 # how many do
    duckdb_database database   # NULL: not open
    duckdb_task_state state    # what they work for; NULL: nothing to do
    bint relieved              # they are on their way out of it
    int64_t needed_ns          # when a statement was last seen to run for long


# A thread, on its own stack.
cdef struct Worker:
    Task *task                 # what it runs, if that has an owner
    Worker *next
    Worker *previous
    unsigned int turn          # counts what it has run
    bint engaged               # the watch has found it at work for long; counted in the core
    # The watch's notes.
    clockid_t clock            # its processor time
    unsigned int seen_turn
    int64_t seen_ns
    int64_t seen_busy_ns


cdef struct Core:
    pthread_mutex_t mutex
    pthread_cond_t work        # a task is ready, or stop
    pthread_cond_t news_come   # for wait(); used when there are waiters
    pthread_cond_t ended       # a thread has ended
    # To be signalled as soon as the mutex is free, so that nobody wakes to wait for it.
    bint call_worker
    bint call_watch
    bint worker_comes          # one has been called and is not here yet
    int references             # the pool object, each thread, each open database
    Task *ready_first
    Task *ready_last
    int ready
    Task *patient_first        # what may wait until a thread has nothing else to do
    Task *patient_last
    int idle
    int threads
    int max_threads
    int prompt_threads         # so many that aren't engaged are started without further thought
    int engaged
    int64_t idle_timeout_ns
    bint stop
    Task *news_first
    Task *news_last
    int waiters
    int event_fd
    Worker *workers
    # The watch and the crew.
    int assistants             # threads of both
    ThreadMain watch_main
    pthread_cond_t watch
    bint watch_lives
    bint watch_sleeps
    unsigned int submissions
    pthread_cond_t crew_work
    Crew *crews
    int crew_threads
    int crew_idle
    bint fetches_ahead         # long results have a second thread


cdef inline void lock(Core *core) noexcept nogil:
    pthread_mutex_lock(&core.mutex)

cdef inline void unlock(Core *core) noexcept nogil:
    # One at a time: who comes calls the next, unless there is nothing left to do by then.
    cdef bint worker = core.call_worker and core.ready and core.idle
    cdef bint watch = core.call_watch
    core.call_worker = False
    core.call_watch = False
    if worker:
        core.worker_comes = True
    pthread_mutex_unlock(&core.mutex)
    # The caller counts among the core's references.
    if worker:
        pthread_cond_signal(&core.work)
    if watch:
        pthread_cond_signal(&core.watch)

# One reference for the caller; NULL and errno otherwise. The watch is started when there is something to watch.
cdef Core *make_core(int max_threads, int64_t idle_timeout_ns, ThreadMain watch_main) noexcept nogil
cdef void release_core(Core *core) noexcept nogil

# Whether the step should stop; no mutex needed.
cdef bint is_interrupted(Task *task) noexcept nogil

# Start one thread more; with the mutex held. False: none can be had.
cdef bint start_worker(Core *core) noexcept nogil
cdef bint start_assistant(Core *core, ThreadMain main, const char *name) noexcept nogil

cdef int64_t monotonic_ns() noexcept nogil
cdef int init_monotonic_cond(pthread_cond_t *cond) noexcept nogil
# Wait on a condition until a time of monotonic_ns(), the mutex held; True when the time is over.
cdef bint wait_until(pthread_cond_t *cond, Core *core, int64_t deadline_ns) noexcept nogil

cdef void init_task(Task *task, Core *core, Strand *strand, Step step) noexcept nogil
# With the mutex held. False: the pool has been shut down and has no thread left; the task stays the caller's.
cdef bint submit_locked(Task *task) noexcept nogil
# As submit_locked, for what nobody waits for: no thread is woken. One that is at work anyway does it before it sleeps, or the
# watch calls one some milliseconds later.
cdef bint submit_patient_locked(Task *task) noexcept nogil
# With the mutex held: it is to be done like all else from now on.
cdef void promote_patient_locked(Core *core) noexcept nogil
# For a task without an owner, which frees itself: when no thread is left it runs in place. Without the mutex.
cdef void submit_or_run(Task *task) noexcept nogil
# With the mutex held: tell the owner. True: call ring() after releasing the mutex.
cdef bint add_news_locked(Task *task) noexcept nogil
cdef void remove_news_locked(Task *task) noexcept nogil
cdef void ring(Core *core) noexcept nogil
# With the mutex held.
cdef void interrupt_locked(Task *task) noexcept nogil
# Interrupt what runs and what is ready.
cdef void interrupt_all(Core *core) noexcept nogil
