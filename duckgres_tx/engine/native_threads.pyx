"""A pool of native threads that never take the GIL, and the jobs they do.

A job is queued, run by some thread, and reported by ``completed()``; an eventfd tells the reactor when to call that.
The pool grows whenever a job is ready and no thread is idle, up to its bound; idle threads end after a while.

GIL: the Python methods hold it (``wait`` and ``shutdown`` release it while they block). Threads run :func:`_live`,
which touches C structs and DuckDB only. A job's owner, the Python object, is kept alive by a reference that the
submitting thread takes and ``completed()`` gives back, so no reference count is ever changed on a native thread.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset, strdup, strlen, strncmp
from posix.unistd cimport close, read, write

from duckgres_tx.engine.capi cimport api


cdef extern from *:
    """
    #include <errno.h>
    #include <pthread.h>
    #include <signal.h>
    #include <sys/eventfd.h>
    #include <time.h>

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
    static int duckgres_start_thread(void *(*main)(void *), void *argument) {
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
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
        return failed;
    }
    #define duckgres_load(flag) __atomic_load_n(flag, __ATOMIC_SEQ_CST)
    #define duckgres_set(flag) __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST)
    """
    int64_t duckgres_now() nogil
    int duckgres_cond_init(pthread_cond_t *cond) nogil
    int duckgres_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline) nogil
    int duckgres_start_thread(void *(*main)(void *) noexcept nogil, void *argument) nogil
    int duckgres_load(int *flag) nogil
    void duckgres_set(int *flag) nogil

cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd(unsigned int initial, int flags)
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK


class DuckDBError(Exception):
    """DuckDB, or the binding on its behalf, refused or failed.

    Attributes:
        error_type: ``duckdb_error_type`` without its prefix: ``CATALOG``, ``PARSER``, ``CONSTRAINT``, …
        message: DuckDB's whole text, LINE block included.
        sqlstate: Set when the binding itself knows PostgreSQL's code; then ``message`` is in PostgreSQL's words.
    """

    def __init__(self, error_type, message, sqlstate=None):
        super().__init__(error_type, message, sqlstate)
        self.error_type = error_type
        self.message = message
        self.sqlstate = sqlstate

    def __str__(self):
        return self.message


# duckdb_error_type in order, and how the text of each begins.
cdef struct ErrorType:
    const char *name
    const char *prefix

cdef ErrorType[43] ERROR_TYPES = [
    ErrorType(b"INVALID", b"Invalid"),
    ErrorType(b"OUT_OF_RANGE", b"Out of Range"),
    ErrorType(b"CONVERSION", b"Conversion"),
    ErrorType(b"UNKNOWN_TYPE", b"Unknown Type"),
    ErrorType(b"DECIMAL", b"Decimal"),
    ErrorType(b"MISMATCH_TYPE", b"Mismatch Type"),
    ErrorType(b"DIVIDE_BY_ZERO", b"Divide by Zero"),
    ErrorType(b"OBJECT_SIZE", b"Object Size"),
    ErrorType(b"INVALID_TYPE", b"Invalid type"),
    ErrorType(b"SERIALIZATION", b"Serialization"),
    ErrorType(b"TRANSACTION", b"TransactionContext"),
    ErrorType(b"NOT_IMPLEMENTED", b"Not implemented"),
    ErrorType(b"EXPRESSION", b"Expression"),
    ErrorType(b"CATALOG", b"Catalog"),
    ErrorType(b"PARSER", b"Parser"),
    ErrorType(b"PLANNER", b"Planner"),
    ErrorType(b"SCHEDULER", b"Scheduler"),
    ErrorType(b"EXECUTOR", b"Executor"),
    ErrorType(b"CONSTRAINT", b"Constraint"),
    ErrorType(b"INDEX", b"Index"),
    ErrorType(b"STAT", b"Stat"),
    ErrorType(b"CONNECTION", b"Connection"),
    ErrorType(b"SYNTAX", b"Syntax"),
    ErrorType(b"SETTINGS", b"Settings"),
    ErrorType(b"BINDER", b"Binder"),
    ErrorType(b"NETWORK", b"Network"),
    ErrorType(b"OPTIMIZER", b"Optimizer"),
    ErrorType(b"NULL_POINTER", b"NullPointer"),
    ErrorType(b"IO", b"IO"),
    ErrorType(b"INTERRUPT", b"INTERRUPT"),
    ErrorType(b"FATAL", b"FATAL"),
    ErrorType(b"INTERNAL", b"INTERNAL"),
    ErrorType(b"INVALID_INPUT", b"Invalid Input"),
    ErrorType(b"OUT_OF_MEMORY", b"Out of Memory"),
    ErrorType(b"PERMISSION", b"Permission"),
    ErrorType(b"PARAMETER_NOT_RESOLVED", b"Parameter Not Resolved"),
    ErrorType(b"PARAMETER_NOT_ALLOWED", b"Parameter Not Allowed"),
    ErrorType(b"DEPENDENCY", b"Dependency"),
    ErrorType(b"HTTP", b"HTTP"),
    ErrorType(b"MISSING_EXTENSION", b"Missing Extension"),
    ErrorType(b"AUTOLOAD", b"Extension Autoloading"),
    ErrorType(b"SEQUENCE", b"Sequence"),
    ErrorType(b"INVALID_CONFIGURATION", b"Invalid Configuration"),
]

cdef const char *INTERRUPT = b"INTERRUPT"
cdef const char *NO_MEMORY = b"OUT_OF_MEMORY"


cdef const char *error_type_name(int code) noexcept nogil:
    if 0 <= code < 43:
        return ERROR_TYPES[code].name
    return ERROR_TYPES[0].name


cdef void fail(Task *task, const char *error_type, const char *text) noexcept nogil:
    if task.error_type != NULL:
        # The first failure is the cause of what follows.
        return
    task.error_type = error_type
    task.error_text = strdup(text) if text != NULL else NULL


cdef void fail_by_text(Task *task, const char *text) noexcept nogil:
    cdef int code
    cdef size_t length
    if text == NULL:
        fail(task, NO_MEMORY, b"Out of Memory Error: no memory to say what happened")
        return
    for code in range(43):
        length = strlen(ERROR_TYPES[code].prefix)
        if strncmp(text, ERROR_TYPES[code].prefix, length) == 0 and strncmp(text + length, b" Error: ", 8) == 0:
            fail(task, ERROR_TYPES[code].name, text)
            return
    fail(task, ERROR_TYPES[0].name, text)


cdef void fail_as(Task *task, const char *error_type, const char *sqlstate, const char *text) noexcept nogil:
    if task.error_type != NULL:
        return
    fail(task, error_type, text)
    memcpy(task.sqlstate, sqlstate, 5)


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


cdef bint _make_ready(Task *task) noexcept nogil:
    """Append to the ready queue; see that a thread comes. False: there is none and none can be had."""
    cdef Core *core = task.core
    if core.idle > core.ready:
        pthread_cond_signal(&core.work)
    elif core.threads < core.max_threads and not (core.stop and core.threads == 0):
        core.threads += 1
        core.references += 1
        if duckgres_start_thread(_live, core):
            core.threads -= 1
            core.references -= 1
    if core.threads == 0:
        return False
    task.next = NULL
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

cdef Task *_next_ready(Core *core) noexcept nogil:
    """The next task, waited for with the mutex held; NULL when the thread should end."""
    cdef Task *task
    cdef int64_t deadline
    cdef bint late = False
    while core.ready_first == NULL:
        if core.stop or late:
            return NULL
        deadline = duckgres_now() + core.idle_timeout_ns
        core.idle += 1
        late = duckgres_wait_until(&core.work, &core.mutex, deadline)
        core.idle -= 1
    task = core.ready_first
    core.ready_first = task.next
    if core.ready_first == NULL:
        core.ready_last = NULL
    core.ready -= 1
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
    worker.task = NULL
    worker.previous = NULL
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


cdef void _interrupt_all(Core *core) noexcept nogil:
    """What runs and what is ready; what waits in strands becomes ready before long."""
    cdef Worker *worker
    cdef Task *task
    lock(core)
    worker = core.workers
    while worker != NULL:
        if worker.task != NULL:
            interrupt_locked(worker.task)
        worker = worker.next
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


# --- the pool

cdef Core *_make_core(int max_threads, int64_t idle_timeout_ns) except NULL:
    cdef Core *core = <Core *>calloc(1, sizeof(Core))
    if core == NULL:
        raise MemoryError
    core.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    if core.event_fd < 0:
        free(core)
        raise OSError(errno, "eventfd")
    core.references = 1
    core.max_threads = max_threads
    core.idle_timeout_ns = idle_timeout_ns
    cdef int failed = pthread_mutex_init(&core.mutex, NULL)
    failed |= duckgres_cond_init(&core.work)
    failed |= duckgres_cond_init(&core.news_come)
    failed |= duckgres_cond_init(&core.ended)
    if failed:
        close(core.event_fd)
        free(core)
        raise OSError(failed, "cannot make a mutex")
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
    pthread_mutex_destroy(&core.mutex)
    free(core)


cdef class Pool:
    """Threads, their queue and their news, whatever the jobs are; :class:`NativeThreads` knows the jobs."""

    def __cinit__(self, int max_threads, double idle_timeout_s=10.0):
        if max_threads < 1:
            raise ValueError("max_threads must be at least 1")
        self.core = _make_core(max_threads, <int64_t>(idle_timeout_s * 1e9))

    def __dealloc__(self):
        if self.core == NULL:
            return
        # Jobs keep the pool alive, so what is queued now are frees only; the threads do them, then end.
        lock(self.core)
        self.core.stop = True
        pthread_cond_broadcast(&self.core.work)
        unlock(self.core)
        release_core(self.core)

    def fileno(self):
        """The eventfd: readable while completions wait. Belongs to the pool."""
        return self.core.event_fd

    @property
    def thread_count(self):
        """Threads alive, idle ones included."""
        return self.core.threads

    @property
    def queued(self):
        """Jobs that wait for a thread."""
        return self.core.ready

    def completed(self):
        """Jobs that are over and executions with news, in the order in which that came; each once. Never blocks."""
        cdef Core *core = self.core
        cdef Task *task
        cdef Job job
        cdef uint64_t counter
        cdef bint release
        cdef list jobs = []
        # Before the list is taken: what comes after this read rings again.
        read(core.event_fd, &counter, 8)
        while True:
            lock(core)
            task = core.news_first
            if task == NULL:
                unlock(core)
                return jobs
            core.news_first = task.next_news
            if core.news_first == NULL:
                core.news_last = NULL
            task.listed = False
            # Alive: its __dealloc__ takes it out of the list, and needs the GIL for that.
            job = <Job>task.owner
            release = _report(job)
            unlock(core)
            jobs.append(job)
            if release:
                Py_DECREF(job)
            if job.done:
                job.collect()

    def wait(self, Job job not None, double timeout_s):
        """Block until a job is over, or an execution has news, and count that as reported. Not on the reactor thread.

        Raises:
            TimeoutError: Nothing of the kind within ``timeout_s``.
        """
        cdef int64_t deadline = duckgres_now() + <int64_t>(timeout_s * 1e9)
        cdef Core *core = self.core
        cdef bint late = False
        cdef bint found
        cdef bint release = False
        while True:
            with nogil:
                found = _wait_for_news(job, min(deadline, duckgres_now() + 100_000_000))
            if found:
                break
            PyErr_CheckSignals()
            if duckgres_now() >= deadline:
                raise TimeoutError(f"no news of the job within {timeout_s} s")
        lock(core)
        remove_news_locked(job.task)
        release = _report(job)
        unlock(core)
        if release:
            Py_DECREF(job)
        if job.done:
            job.collect()

    def shutdown(self, double timeout_s=30.0):
        """Interrupt what runs, let what is queued fail or free, and end all threads. Nothing can be submitted afterwards.

        Raises:
            TimeoutError: A thread is still inside DuckDB after ``timeout_s``.
        """
        cdef Core *core = self.core
        cdef int64_t deadline = duckgres_now() + <int64_t>(timeout_s * 1e9)
        cdef bint over = False
        lock(core)
        core.stop = True
        pthread_cond_broadcast(&core.work)
        unlock(core)
        while True:
            with nogil:
                _interrupt_all(core)
                lock(core)
                if core.threads:
                    duckgres_wait_until(&core.ended, &core.mutex, min(deadline, duckgres_now() + 100_000_000))
                over = core.threads == 0
                unlock(core)
            if over:
                return
            PyErr_CheckSignals()
            if duckgres_now() >= deadline:
                raise TimeoutError(f"{core.threads} native threads still work after {timeout_s} s")


cdef bint _wait_for_news(Job job, int64_t deadline) noexcept nogil:
    cdef Core *core = job.task.core
    cdef bint late = False
    cdef bint found
    lock(core)
    core.waiters += 1
    while True:
        found = job.has_news()
        if found or late:
            break
        late = duckgres_wait_until(&core.news_come, &core.mutex, deadline)
    core.waiters -= 1
    unlock(core)
    return found


cdef bint _report(Job job) noexcept:
    """With mutex and GIL: note what is known now; whether the pool's reference ends."""
    cdef Task *task = job.task
    job.done = job.is_over()
    if task.held and task.phase != PHASE_QUEUED and task.phase != PHASE_RUNNING:
        task.held = False
        return True
    return False


cdef class Job:
    """Something that a native thread does. See the stub for what callers may rely on."""

    def __dealloc__(self):
        if self.task != NULL:
            free(self.task.error_text)
            free(self.task)

    cdef int start(self) except -1:
        """Submit the task; the pool keeps the job alive from here to completed()."""
        cdef Core *core = self.pool.core
        cdef bint submitted = False
        self.done = False
        lock(core)
        self.task.owner = <PyObject *>self
        if not core.stop:
            submitted = self.submit()
        if submitted and not self.task.held:
            self.task.held = True
            Py_INCREF(self)
        unlock(core)
        if not submitted:
            if core.stop:
                raise ValueError("the native threads have been shut down")
            raise OSError("cannot start a native thread")
        return 0

    cdef int collect(self) except -1:
        """Turn what the thread left in the task into Python objects, once."""
        cdef Task *task = self.task
        if task.error_type != NULL:
            if self.failure is None:
                text = task.error_text.decode(errors="replace") if task.error_text != NULL else "out of memory"
                code = task.sqlstate.decode() if task.sqlstate[0] else None
                self.failure = DuckDBError(task.error_type.decode(), text, code)
            return 0
        self.outcome = self.make_result()
        return 0

    cdef object make_result(self):
        return None

    cdef bint submit(self) noexcept nogil:
        return submit_locked(self.task)

    cdef bint is_over(self) noexcept nogil:
        return self.task.phase == PHASE_OVER

    cdef bint has_news(self) noexcept nogil:
        return self.task.phase == PHASE_OVER

    @property
    def error(self):
        """How it failed, or None."""
        return self.failure

    @property
    def result(self):
        """What it gave.

        Raises:
            DuckDBError: It failed.
            RuntimeError: It isn't done.
        """
        if not self.done:
            raise RuntimeError("the job is not done")
        if self.failure is not None:
            raise self.failure
        return self.outcome

    def interrupt(self):
        """Make it fail with INTERRUPT, also when no thread has begun. Nothing happens when it is over."""
        lock(self.pool.core)
        if self.task.phase == PHASE_QUEUED or self.task.phase == PHASE_RUNNING:
            interrupt_locked(self.task)
        unlock(self.pool.core)
