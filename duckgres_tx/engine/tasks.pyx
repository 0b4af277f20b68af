"""The native threads themselves: queues, strands, a thread's life. No GIL anywhere.

A task is queued, run by some thread, and put into the news, of which an eventfd tells. A few threads are enough for
short tasks, so more are started only for those that the watch (`watch`) finds engaged in long ones, up to the bound;
idle ones end after a while. They touch C structs and DuckDB only.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from posix.unistd cimport close, write

from duckgres_tx.engine.capi cimport api


cdef extern from *:
    """
    #include <errno.h>
    #include <pthread.h>
    #include <signal.h>
    #include <sys/eventfd.h>
    #include <time.h>
    #include <unistd.h>

    #define DUCKGRES_STACK_BYTES (8u << 20)

    static int64_t duckgres_now(void) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    }
    static int duckgres_cond_init(pthread_cond_t *cond) {
        pthread_condattr_t attributes;
        int failed = pthread_condattr_init(&attributes);
        if (failed) return failed;
        failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        if (!failed) failed = pthread_cond_init(cond, &attributes);
        pthread_condattr_destroy(&attributes);
        return failed;
    }
    static int duckgres_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline) {
        struct timespec until = {deadline / 1000000000, deadline % 1000000000};
        return pthread_cond_timedwait(cond, mutex, &until) == ETIMEDOUT;
    }
    /* Detached, with a main thread's stack (DuckDB's binder recurses), and deaf to signals: Python's are the main
       thread's. */
    static int duckgres_start_thread(void *(*main)(void *), void *argument, const char *name) {
        pthread_attr_t attributes;
        pthread_t thread;
        sigset_t all, before;
        int failed = pthread_attr_init(&attributes);
        if (failed) return failed;
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&attributes, DUCKGRES_STACK_BYTES);
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        failed = pthread_create(&thread, &attributes, main, argument);
        /* For ps and top. The thread can't have ended: it needs the mutex, which the caller has. */
        if (!failed) pthread_setname_np(thread, name);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        return failed;
    }
    static int duckgres_processors(void) {
        long count = sysconf(_SC_NPROCESSORS_ONLN);
        return count < 1 ? 1 : count > 1024 ? 1024 : (int)count;
    }
    #define duckgres_load(flag) __atomic_load_n(flag, __ATOMIC_SEQ_CST)
    #define duckgres_set(flag) __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST)
    """
    int64_t duckgres_now() nogil
    int duckgres_cond_init(pthread_cond_t *cond) nogil
    int duckgres_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline) nogil
    int duckgres_start_thread(void *(*main)(void *) noexcept nogil, void *argument, const char *name) nogil
    int duckgres_processors() nogil
    int duckgres_load(int *flag) nogil
    void duckgres_set(int *flag) nogil

cdef extern from "<pthread.h>" nogil:
    ctypedef unsigned long pthread_t
    pthread_t pthread_self()
    int pthread_getcpuclockid(pthread_t thread, clockid_t *clock)

cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd(unsigned int initial, int flags)
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK

cdef enum:
    # Threads for short tasks, for each processor.
    PROMPT_THREADS_EACH = 2


cdef bint is_interrupted(Task *task) noexcept nogil:
    return duckgres_load(&task.interrupted)


cdef int64_t monotonic_ns() noexcept nogil:
    return duckgres_now()


cdef int init_monotonic_cond(pthread_cond_t *cond) noexcept nogil:
    return duckgres_cond_init(cond)


cdef bint wait_until(pthread_cond_t *cond, Core *core, int64_t deadline_ns) noexcept nogil:
    return duckgres_wait_until(cond, &core.mutex, deadline_ns)


# --- queues

cdef void init_task(Task *task, Core *core, Strand *strand, Step step) noexcept nogil:
    memset(task, 0, sizeof(Task))
    task.core = core
    task.strand = strand
    task.step = step
    task.phase = PHASE_IDLE


cdef bint start_worker(Core *core) noexcept nogil:
    core.threads += 1
    core.references += 1
    if duckgres_start_thread(_live, core, b"dg-statements"):
        core.threads -= 1
        core.references -= 1
        return False
    return True


cdef bint start_assistant(Core *core, ThreadMain main, const char *name) noexcept nogil:
    core.assistants += 1
    core.references += 1
    if duckgres_start_thread(main, core, name):
        core.assistants -= 1
        core.references -= 1
        return False
    return True


cdef inline void _call_worker(Core *core) noexcept nogil:
    if core.idle and not core.worker_comes:
        core.call_worker = True


cdef void _see_that_it_is_watched(Core *core) noexcept nogil:
    core.submissions += 1
    if core.watch_sleeps:
        core.call_watch = True
    elif not core.watch_lives and not core.stop:
        # Without it there is no growth and no crew, so the next submission tries again.
        core.watch_lives = start_assistant(core, core.watch_main, b"dg-watch")


cdef bint _make_ready(Task *task) noexcept nogil:
    """Append to the ready queue; see that a thread comes. False: there is none and none can be had."""
    cdef Core *core = task.core
    if core.idle <= core.ready and core.threads < core.max_threads and not (core.stop and core.threads == 0):
        if core.threads - core.engaged < core.prompt_threads:
            start_worker(core)
    if core.threads == 0:
        return False
    _call_worker(core)
    _see_that_it_is_watched(core)
    task.next = NULL
    task.ready_ns = monotonic_ns()
    if core.ready_last == NULL:
        core.ready_first = task
    else:
        core.ready_last.next = task
    core.ready_last = task
    core.ready += 1
    return True


cdef bint submit_locked(Task *task) noexcept nogil:
    cdef Strand *strand = task.strand
    cdef Phase before = task.phase
    task.phase = PHASE_QUEUED
    if strand != NULL and strand.parked == task:
        strand.parked = NULL
    if strand != NULL and strand.current != NULL:
        task.next = NULL
        if strand.last == NULL:
            strand.first = task
        else:
            strand.last.next = task
        strand.last = task
        return True
    if not _make_ready(task):
        task.phase = before
        return False
    if strand != NULL:
        strand.current = task
    return True


cdef bint submit_patient_locked(Task *task) noexcept nogil:
    cdef Core *core = task.core
    cdef Strand *strand = task.strand
    _see_that_it_is_watched(core)
    if core.threads == 0 or not core.watch_lives or (strand != NULL and strand.current != NULL):
        return submit_locked(task)
    task.phase = PHASE_QUEUED
    task.next = NULL
    if strand != NULL:
        strand.current = task
    if core.patient_last == NULL:
        core.patient_first = task
    else:
        core.patient_last.next = task
    core.patient_last = task
    return True


cdef void promote_patient_locked(Core *core) noexcept nogil:
    cdef int64_t now = duckgres_now()
    cdef Task *task = core.patient_first
    if task == NULL:
        return
    if core.ready_last == NULL:
        core.ready_first = task
    else:
        core.ready_last.next = task
    core.ready_last = core.patient_last
    core.patient_first = NULL
    core.patient_last = NULL
    while task != NULL:
        task.ready_ns = now
        core.ready += 1
        task = task.next


cdef void submit_or_run(Task *task) noexcept nogil:
    cdef Core *core = task.core
    lock(core)
    cdef bint submitted = submit_locked(task)
    unlock(core)
    if not submitted:
        task.phase = PHASE_RUNNING
        task.step(task)


cdef bint add_news_locked(Task *task) noexcept nogil:
    cdef Core *core = task.core
    cdef bint first = core.news_first == NULL
    if core.waiters:
        pthread_cond_broadcast(&core.news_come)
    if task.listed or task.owner == NULL:
        return False
    task.listed = True
    task.next_news = NULL
    if first:
        core.news_first = task
    else:
        core.news_last.next_news = task
    core.news_last = task
    return first


cdef void remove_news_locked(Task *task) noexcept nogil:
    cdef Core *core = task.core
    cdef Task *before = NULL
    cdef Task *at = core.news_first
    if not task.listed:
        return
    while at != task:
        before = at
        at = at.next_news
    if before == NULL:
        core.news_first = task.next_news
    else:
        before.next_news = task.next_news
    if core.news_last == task:
        core.news_last = before
    task.listed = False


cdef void ring(Core *core) noexcept nogil:
    cdef uint64_t one = 1
    # A full counter (EAGAIN) is as readable as can be.
    while write(core.event_fd, &one, 8) < 0 and errno == EINTR:
        pass


cdef void interrupt_locked(Task *task) noexcept nogil:
    duckgres_set(&task.interrupted)
    task.wake = True
    if task.phase != PHASE_RUNNING:
        return
    if task.connection != NULL:
        api.interrupt(task.connection)
    if task.waits_on != NULL:
        pthread_cond_signal(task.waits_on)


# --- the threads' life

cdef Task *_take_patient(Core *core) noexcept nogil:
    cdef Task *task = core.patient_first
    core.patient_first = task.next
    if core.patient_first == NULL:
        core.patient_last = NULL
    return task


cdef Task *_next_ready(Core *core) noexcept nogil:
    """The next task, waited for with the mutex held; NULL when the thread should end."""
    cdef Task *task
    cdef int64_t deadline
    cdef bint late = False
    while core.ready_first == NULL:
        if core.patient_first != NULL:
            return _take_patient(core)
        if core.stop or late:
            return NULL
        deadline = duckgres_now() + core.idle_timeout_ns
        core.idle += 1
        late = duckgres_wait_until(&core.work, &core.mutex, deadline)
        core.idle -= 1
        core.worker_comes = False
    task = core.ready_first
    core.ready_first = task.next
    if core.ready_first == NULL:
        core.ready_last = NULL
    core.ready -= 1
    if core.ready:
        _call_worker(core)
    return task


cdef void _next_in_strand(Strand *strand) noexcept nogil:
    cdef Task *task = strand.first
    strand.current = NULL
    if task == NULL:
        return
    strand.first = task.next
    if strand.first == NULL:
        strand.last = NULL
    strand.current = task
    # The calling thread counts, so there is one.
    _make_ready(task)


cdef bint _settle(Task *task, Outcome outcome) noexcept nogil:
    """With the mutex held, after a step: whether to ring."""
    task.connection = NULL
    if outcome == TASK_PARKED:
        if task.wake:
            # What it wanted to wait for has come. The calling thread counts, so this can't fail.
            submit_locked(task)
            return False
        task.strand.parked = task
    task.phase = PHASE_PARKED if outcome == TASK_PARKED else PHASE_OVER
    return add_news_locked(task)


cdef void _enlist(Core *core, Worker *worker) noexcept nogil:
    memset(worker, 0, sizeof(Worker))
    pthread_getcpuclockid(pthread_self(), &worker.clock)
    worker.next = core.workers
    if worker.next != NULL:
        worker.next.previous = worker
    core.workers = worker


cdef void _delist(Core *core, Worker *worker) noexcept nogil:
    if worker.previous != NULL:
        worker.previous.next = worker.next
    else:
        core.workers = worker.next
    if worker.next != NULL:
        worker.next.previous = worker.previous


cdef void interrupt_all(Core *core) noexcept nogil:
    """What runs and what is ready; what waits in strands becomes ready before long."""
    cdef Worker *worker
    cdef Task *task
    lock(core)
    worker = core.workers
    while worker != NULL:
        if worker.task != NULL:
            interrupt_locked(worker.task)
        worker = worker.next
    promote_patient_locked(core)
    task = core.ready_first
    while task != NULL:
        interrupt_locked(task)
        task = task.next
    unlock(core)


cdef void *_live(void *argument) noexcept nogil:
    cdef Core *core = <Core *>argument
    cdef Task *task
    cdef Strand *strand
    cdef Outcome outcome
    cdef bint must_ring
    cdef Worker worker
    lock(core)
    _enlist(core, &worker)
    while True:
        task = _next_ready(core)
        if task == NULL:
            break
        strand = task.strand
        worker.turn += 1
        if task.owner != NULL:
            # What frees itself can't be looked at while it runs.
            worker.task = task
        task.phase = PHASE_RUNNING
        task.wake = False
        if strand != NULL:
            task.connection = strand.connection
        unlock(core)
        outcome = task.step(task)
        lock(core)
        worker.task = NULL
        if worker.engaged:
            worker.engaged = False
            core.engaged -= 1
        must_ring = False
        if outcome == TASK_OVER or outcome == TASK_PARKED:
            must_ring = _settle(task, outcome)
        if strand != NULL and outcome != TASK_GONE_WITH_STRAND:
            _next_in_strand(strand)
        if must_ring:
            unlock(core)
            ring(core)
            lock(core)
    _delist(core, &worker)
    core.threads -= 1
    pthread_cond_broadcast(&core.ended)
    unlock(core)
    release_core(core)
    return NULL


# --- the core

cdef enum:
    # One fetches, one encodes, the reactor sends; with fewer they would only take turns, and warm caches from each other.
    PROCESSORS_TO_FETCH_AHEAD = 4


cdef Core *make_core(int max_threads, int64_t idle_timeout_ns, ThreadMain watch_main) noexcept nogil:
    cdef Core *core = <Core *>calloc(1, sizeof(Core))
    if core == NULL:
        return NULL
    core.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    if core.event_fd < 0:
        free(core)
        return NULL
    core.references = 1
    core.max_threads = max_threads
    core.prompt_threads = PROMPT_THREADS_EACH * duckgres_processors()
    core.watch_main = watch_main
    core.idle_timeout_ns = idle_timeout_ns
    core.fetches_ahead = duckgres_processors() >= PROCESSORS_TO_FETCH_AHEAD
    if (
        pthread_mutex_init(&core.mutex, NULL)
        or duckgres_cond_init(&core.work)
        or duckgres_cond_init(&core.news_come)
        or duckgres_cond_init(&core.ended)
        or duckgres_cond_init(&core.watch)
        or duckgres_cond_init(&core.crew_work)
    ):
        close(core.event_fd)
        free(core)
        return NULL
    return core


cdef void release_core(Core *core) noexcept nogil:
    lock(core)
    core.references -= 1
    cdef bint last = core.references == 0
    unlock(core)
    if not last:
        return
    close(core.event_fd)
    pthread_cond_destroy(&core.work)
    pthread_cond_destroy(&core.news_come)
    pthread_cond_destroy(&core.ended)
    pthread_cond_destroy(&core.watch)
    pthread_cond_destroy(&core.crew_work)
    pthread_mutex_destroy(&core.mutex)
    free(core)
