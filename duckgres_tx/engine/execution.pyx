"""``Execution``: a running statement as the reactor thread sees it.

GIL: all of it. What the native threads do for it is in ``production``; they know the :c:type:`Run`, not this object.
"""

from enum import IntEnum

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.copy_rows cimport make_framing
from duckgres_tx.engine.encoder cimport free_render, make_render
from duckgres_tx.engine.handles cimport StatementHandle, release_statement
from duckgres_tx.engine.native_threads cimport Job, Pool
from duckgres_tx.engine.production cimport end_run, produce
from duckgres_tx.engine.runs cimport RING_SLOTS, STAGE_ENDED, STAGE_REPLAY, STAGE_START, Parameter, Run, SharedRender
from duckgres_tx.engine.spooling cimport start_spooling
from duckgres_tx.engine.tasks cimport (
    PHASE_OVER,
    PHASE_PARKED,
    PHASE_QUEUED,
    PHASE_RUNNING,
    TASK_GONE,
    Core,
    Outcome,
    Task,
    init_monotonic_cond,
    init_task,
    interrupt_locked,
    lock,
    pthread_cond_destroy,
    pthread_cond_signal,
    release_core,
    remove_news_locked,
    submit_or_run,
    unlock,
)

cdef enum:
    # A slot that one long row has made larger than this is given back at once.
    KEEP_SLOT_BYTES = 1024 * 1024


class ResultKind(IntEnum):
    """What a finished statement gave. Same values as ``duckdb_result_type``; INVALID before it is known."""

    INVALID = 0
    CHANGED_ROWS = 1
    NOTHING = 2
    ROWS = 3


# By value: a call of the enum costs more than all the rest of a short statement's bookkeeping.
cdef tuple _KINDS = tuple(ResultKind)


# --- what native threads share

cdef class RenderBox:
    """A :class:`RenderOptions` for C."""

    def __dealloc__(self):
        if self.shared != NULL:
            release_render(self.shared)


cdef RenderBox make_render_box(Core *core, object options):
    cdef RenderBox box = RenderBox.__new__(RenderBox)
    cdef SharedRender *shared = <SharedRender *>calloc(1, sizeof(SharedRender))
    if shared == NULL:
        raise MemoryError
    try:
        shared.render = make_render(options)
    except BaseException:
        free(shared)
        raise
    shared.core = core
    shared.references = 1
    lock(core)
    core.references += 1
    unlock(core)
    box.shared = shared
    return box


cdef void keep_render(SharedRender *shared) noexcept nogil:
    lock(shared.core)
    shared.references += 1
    unlock(shared.core)


cdef void release_render(SharedRender *shared) noexcept nogil:
    cdef Core *core = shared.core
    lock(core)
    shared.references -= 1
    cdef bint last = shared.references == 0
    unlock(core)
    if last:
        free_render(shared.render)
        free(shared)
        release_core(core)


# --- a run's life

cdef void _free_run(Run *run) noexcept nogil:
    """Without anything of DuckDB's: any thread."""
    cdef int slot
    for slot in range(RING_SLOTS):
        free(run.slots[slot].data)
    pthread_cond_destroy(&run.room)
    free(run.parameters)
    free(run.formats)
    free(run.framing)
    free(run.task.error_text)
    release_render(run.render)
    release_statement(run.statement)
    free(run)


cdef Outcome _retire(Task *task) noexcept nogil:
    cdef Run *run = <Run *>task
    end_run(run)
    _free_run(run)
    return TASK_GONE


cdef Run *_make_run(Core *core, StatementHandle *statement, SharedRender *render) except NULL:
    cdef Run *run = <Run *>calloc(1, sizeof(Run))
    if run == NULL:
        raise MemoryError
    if init_monotonic_cond(&run.room):
        free(run)
        raise MemoryError
    init_task(&run.task, core, &statement.connection.strand, produce)
    run.stage = STAGE_START
    run.spool_fd = -1
    run.rows_changed = -1
    run.statement = statement
    run.render = render
    keep_render(render)
    lock(core)
    statement.references += 1
    unlock(core)
    return run


cdef int _copy_parameters(Run *run, object values, object formats, object oids) except -1:
    """One block: the array, then the bytes."""
    cdef Py_ssize_t count = len(values)
    cdef Py_ssize_t n_formats = len(formats)
    cdef Py_ssize_t n_oids = len(oids)
    cdef Py_ssize_t at
    cdef size_t size = count * sizeof(Parameter)
    cdef char *text
    cdef bytes value
    if n_formats > 1 and n_formats != count:
        raise ValueError(f"{n_formats} parameter formats for {count} parameters")
    for item in values:
        if item is not None:
            size += len(item) + 1
    run.parameters = <Parameter *>malloc(size)
    if run.parameters == NULL:
        raise MemoryError
    run.n_parameters = <int>count
    text = <char *>run.parameters + count * sizeof(Parameter)
    for at in range(count):
        run.parameters[at].format = formats[at if n_formats > 1 else 0] if n_formats else 0
        run.parameters[at].oid = <int><unsigned int>(oids[at] if at < n_oids else 0)
        run.parameters[at].data = NULL
        run.parameters[at].length = 0
        if values[at] is None:
            continue
        value = bytes(values[at])
        run.parameters[at].data = text
        run.parameters[at].length = PyBytes_GET_SIZE(value)
        # With its NUL, which nobody counts on.
        memcpy(text, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value) + 1)
        text += PyBytes_GET_SIZE(value) + 1
    return 0


cdef int _copy_formats(Run *run, object formats) except -1:
    cdef Py_ssize_t count = len(formats)
    cdef Py_ssize_t at
    if count == 0:
        return 0
    run.formats = <int *>malloc(count * sizeof(int))
    if run.formats == NULL:
        raise MemoryError
    for at in range(count):
        run.formats[at] = formats[at]
    run.n_formats = <int>count
    return 0


cdef Execution start_execution(
    Pool pool, StatementHandle *statement, RenderBox render, object parameters, object parameter_formats,
    object parameter_oids, object result_formats, idx_t row_limit, object framing
):
    cdef Execution execution = Execution.__new__(Execution)
    cdef Run *run
    if <idx_t>len(parameters) != statement.n_parameters:
        raise ValueError(f"{len(parameters)} parameters for a statement of {statement.n_parameters}")
    run = _make_run(pool.core, statement, render.shared)
    execution.task = &run.task
    execution.pool = pool
    if parameters:
        _copy_parameters(run, parameters, parameter_formats, parameter_oids)
    _copy_formats(run, result_formats)
    if framing is not None:
        run.framing = make_framing(framing, <int>statement.n_columns)
    run.row_limit = row_limit
    execution.start()
    return execution


cdef class Execution(Job):
    """A statement that runs, is parked, suspended or over. See the stub for what callers may rely on."""

    def __dealloc__(self):
        cdef Run *run = <Run *>self.task
        self.task = NULL
        if run == NULL:
            return
        # Not held by the pool, so neither queued nor running.
        lock(run.task.core)
        run.task.owner = NULL
        remove_news_locked(&run.task)
        if run.task.strand.parked == &run.task:
            run.task.strand.parked = NULL
        unlock(run.task.core)
        if run.stage == STAGE_START or run.stage == STAGE_ENDED:
            _free_run(run)
            return
        run.task.step = _retire
        submit_or_run(&run.task)

    cdef bint is_over(self) noexcept nogil:
        cdef Run *run = <Run *>self.task
        return run.task.phase == PHASE_OVER or (run.task.phase == PHASE_PARKED and run.suspended)

    cdef bint has_news(self) noexcept nogil:
        return self.is_over() or (<Run *>self.task).filled > 0

    cdef object make_result(self):
        return None

    cdef int collect(self) except -1:
        # A spooled run may know an error that comes after rows.
        if self.task.phase == PHASE_OVER:
            Job.collect(self)
        return 0

    @property
    def suspended(self):
        """Whether the row limit ended this run; more may follow."""
        return self.done and (<Run *>self.task).suspended

    @property
    def rows(self):
        """DataRows encoded since the last resume()."""
        return (<Run *>self.task).rows

    @property
    def total_rows(self):
        """DataRows encoded altogether."""
        return (<Run *>self.task).total_rows

    @property
    def result_kind(self):
        """What the statement gave."""
        return _KINDS[(<Run *>self.task).result_kind]

    @property
    def rows_changed(self):
        """How many rows the statement changed, or put into a new table; None when it tells no number."""
        cdef Run *run = <Run *>self.task
        return run.rows_changed if run.rows_changed >= 0 else None

    @property
    def spooled(self):
        """Whether the rest comes from a temporary file."""
        return (<Run *>self.task).stage == STAGE_REPLAY

    def take(self):
        """The filled buffers, oldest first, each of whole DataRow messages. A parked run goes on."""
        cdef Run *run = <Run *>self.task
        cdef int filled
        cdef int first
        cdef int at
        cdef bint parked
        cdef list buffers = []
        lock(run.task.core)
        filled = run.filled
        first = run.first
        unlock(run.task.core)
        # Nobody writes to a filled slot.
        for at in range(filled):
            buffers.append(self._take_slot(run, (first + at) % RING_SLOTS))
        if filled == 0:
            return buffers
        lock(run.task.core)
        run.first = (first + filled) % RING_SLOTS
        run.filled -= filled
        run.task.wake = True
        if run.task.waits_on != NULL:
            pthread_cond_signal(run.task.waits_on)
        parked = run.task.phase == PHASE_PARKED and not run.suspended and not run.task.core.stop
        unlock(run.task.core)
        if parked:
            self.start()
        return buffers

    cdef bytes _take_slot(self, Run *run, int slot):
        cdef bytes data = PyBytes_FromStringAndSize(run.slots[slot].data, run.slots[slot].length)
        run.slots[slot].length = 0
        if run.slots[slot].capacity > KEEP_SLOT_BYTES or run.task.phase == PHASE_OVER:
            free(run.slots[slot].data)
            run.slots[slot].data = NULL
            run.slots[slot].capacity = 0
        return data

    def resume(self, idx_t row_limit=0):
        """Produce more rows after a suspension.

        Raises:
            ValueError: It isn't suspended.
        """
        cdef Run *run = <Run *>self.task
        if not self.suspended:
            raise ValueError("the execution is not suspended")
        run.suspended = False
        run.row_limit = row_limit
        run.rows = 0
        run.past_first = False
        run.task.interrupted = 0
        self.start()

    def spool(self, directory):
        """Drain the rest into an unlinked file in ``directory``; the connection is free when the job is done.

        The job fails, and then the execution too, with 53100 or 58030 when the file can't be written. What DuckDB
        itself fails with comes from the execution, after the rows before it.
        """
        return start_spooling(self, directory)

    def interrupt(self):
        """Make the run fail with INTERRUPT, in whatever state it is. Suspended or over: nothing happens."""
        cdef Run *run = <Run *>self.task
        cdef bint parked
        lock(run.task.core)
        parked = run.task.phase == PHASE_PARKED and not run.suspended and not run.task.core.stop
        if parked or run.task.phase == PHASE_QUEUED or run.task.phase == PHASE_RUNNING:
            interrupt_locked(&run.task)
        unlock(run.task.core)
        if parked:
            self.start()

    def close(self):
        """End it in whatever state it is, and free what DuckDB holds for it. Rows not yet taken are lost."""
        cdef Run *run = <Run *>self.task
        cdef bint parked
        lock(run.task.core)
        parked = run.task.phase == PHASE_PARKED
        if parked or run.task.phase == PHASE_QUEUED or run.task.phase == PHASE_RUNNING:
            interrupt_locked(&run.task)
        parked = parked and not run.task.core.stop
        unlock(run.task.core)
        # After a shutdown the last reference frees it.
        if parked:
            self.start()
