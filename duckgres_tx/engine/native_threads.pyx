"""Jobs and the pool that does them, as the reactor thread sees them.

GIL: held, but while ``wait`` and ``shutdown`` block. A job's owner, the Python object, is kept alive by a reference that
the submitting thread takes and ``completed()`` gives back, so no reference count is ever changed on a native thread.
"""

from cpython.exc cimport PyErr_CheckSignals
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free
from posix.unistd cimport read

from duckgres_tx.engine.tasks cimport (
    PHASE_OVER,
    PHASE_QUEUED,
    PHASE_RUNNING,
    Core,
    Task,
    interrupt_all,
    interrupt_locked,
    lock,
    make_core,
    monotonic_ns,
    pthread_cond_broadcast,
    release_core,
    remove_news_locked,
    submit_locked,
    unlock,
    wait_until,
)
from duckgres_tx.engine.watch cimport watch

from duckgres_tx.engine.error_types import DuckDBError


cdef class Pool:
    """Threads, their queue and their news, whatever the jobs are; :class:`NativeThreads` knows the jobs."""

    def __cinit__(self, int max_threads, double idle_timeout_s=10.0, fetch_ahead=None):
        if max_threads < 1:
            raise ValueError("max_threads must be at least 1")
        self.core = make_core(max_threads, <int64_t>(idle_timeout_s * 1e9), watch)
        if self.core == NULL:
            raise OSError("cannot make an eventfd or a mutex")
        if fetch_ahead is not None:
            self.core.fetches_ahead = fetch_ahead

    def __dealloc__(self):
        if self.core == NULL:
            return
        # Jobs keep the pool alive, so what is queued now are frees only; the threads do them, then end.
        lock(self.core)
        _stop(self.core)
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
        cdef int64_t deadline = monotonic_ns() + <int64_t>(timeout_s * 1e9)
        cdef Core *core = self.core
        cdef bint found
        cdef bint release = False
        while True:
            with nogil:
                found = _wait_for_news(job, min(deadline, monotonic_ns() + 100_000_000))
            if found:
                break
            PyErr_CheckSignals()
            if monotonic_ns() >= deadline:
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
        cdef int64_t deadline = monotonic_ns() + <int64_t>(timeout_s * 1e9)
        cdef bint over = False
        lock(core)
        _stop(core)
        unlock(core)
        while True:
            with nogil:
                interrupt_all(core)
                lock(core)
                if core.threads or core.assistants:
                    wait_until(&core.ended, core, min(deadline, monotonic_ns() + 100_000_000))
                over = core.threads == 0 and core.assistants == 0
                unlock(core)
            if over:
                return
            PyErr_CheckSignals()
            if monotonic_ns() >= deadline:
                raise TimeoutError(f"{core.threads + core.assistants} native threads still work after {timeout_s} s")


cdef void _stop(Core *core) noexcept nogil:
    """With the mutex held."""
    core.stop = True
    pthread_cond_broadcast(&core.work)
    pthread_cond_broadcast(&core.watch)
    pthread_cond_broadcast(&core.crew_work)


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
        late = wait_until(&core.news_come, core, deadline)
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
