"""Drain what is left of a result into an unlinked temporary file, so that its connection is free for other statements.

The file holds whole DataRow messages; the run reads them back and cuts them by their lengths.

Touches: the run and its connection, in the connection's strand. GIL only to make the job.
"""

import os

from libc.errno cimport EINTR, ENOSPC, errno
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free
from libc.string cimport strerror
from posix.unistd cimport unlink, write

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.error_types cimport INTERRUPT, fail, fail_as
from duckgres_tx.engine.handles cimport ConnectionHandle, end_stream
from duckgres_tx.engine.native_threads cimport Job
from duckgres_tx.engine.production cimport encode_some
from duckgres_tx.engine.runs cimport STAGE_REPLAY, STAGE_STREAM, Run
from duckgres_tx.engine.tasks cimport TASK_OVER, Outcome, Task, init_task, is_interrupted

cdef extern from *:
    """
    #include <fcntl.h>
    """
    enum:
        O_CLOEXEC
        O_RDWR
        O_TMPFILE
    int open(const char *path, int flags, int mode) nogil
    int mkostemp(char *template, int flags) nogil

cdef enum:
    WRITE_BYTES = 256 * 1024

cdef struct SpoolTask:
    Task task
    Run *run               # kept by the job's reference to the execution
    const char *directory  # kept by the job
    char *template         # the directory and a name that mkostemp completes


cdef int _open_unlinked(SpoolTask *spool) noexcept nogil:
    """A file that no name leads to; -1 and errno."""
    cdef int fd = open(spool.directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0o600)
    if fd >= 0:
        return fd
    # Not every file system has O_TMPFILE.
    fd = mkostemp(spool.template, O_CLOEXEC)
    if fd >= 0:
        unlink(spool.template)
    return fd


cdef void _fail_both(SpoolTask *spool, const char *what) noexcept nogil:
    """The job failed, and the run can't go on."""
    cdef char text[256]
    cdef const char *sqlstate = b"53100" if errno == ENOSPC else b"58030"
    snprintf(text, sizeof(text), b"%s: %s", what, strerror(errno))
    fail_as(&spool.task, b"IO", sqlstate, text)
    fail_as(&spool.run.task, b"IO", sqlstate, text)


cdef bint _write_all(SpoolTask *spool, Buffer *buffer) noexcept nogil:
    cdef size_t at = 0
    cdef Py_ssize_t written
    while at < buffer.length:
        written = write(spool.run.spool_fd, buffer.data + at, buffer.length - at)
        if written > 0:
            at += written
        elif written == 0 or errno != EINTR:
            _fail_both(spool, b"could not write to temporary file")
            return False
    spool.run.spool_size += buffer.length
    buffer.length = 0
    return True


cdef void _drain(SpoolTask *spool, Buffer *buffer) noexcept nogil:
    cdef Run *run = spool.run
    cdef idx_t encoded
    cdef bint more = True
    while more:
        if is_interrupted(&spool.task):
            fail(&spool.task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
            fail(&run.task, INTERRUPT, b"INTERRUPT Error: Interrupted!")
            return
        # An error of DuckDB's is the run's: it comes after the rows before it.
        more = encode_some(run, buffer, WRITE_BYTES, 0, &encoded)
        if (buffer.length >= WRITE_BYTES or not more) and not _write_all(spool, buffer):
            return


cdef Outcome _spool(Task *task) noexcept nogil:
    cdef SpoolTask *spool = <SpoolTask *>task
    cdef Run *run = spool.run
    cdef ConnectionHandle *connection = run.statement.connection
    cdef Buffer buffer
    if run.stage != STAGE_STREAM or not connection.stream.open or connection.stream.owner != run:
        # It has all that it will get already.
        return TASK_OVER
    run.spool_fd = _open_unlinked(spool)
    if run.spool_fd < 0:
        _fail_both(spool, b"could not create temporary file")
    else:
        buffer.data = NULL
        buffer.length = 0
        buffer.capacity = 0
        _drain(spool, &buffer)
        free(buffer.data)
    if connection.stream.open:
        end_stream(connection)
    run.stage = STAGE_REPLAY
    return TASK_OVER


cdef class SpoolJob(Job):
    """The job of ``Execution.spool()``; its result is None."""

    def __dealloc__(self):
        if self.task != NULL:
            free((<SpoolTask *>self.task).template)


cdef SpoolJob start_spooling(Job execution, object directory):
    cdef SpoolJob job = SpoolJob.__new__(SpoolJob)
    cdef SpoolTask *spool = <SpoolTask *>calloc(1, sizeof(SpoolTask))
    cdef Run *run = <Run *>execution.task
    if spool == NULL:
        raise MemoryError
    job.task = &spool.task
    job.pool = execution.pool
    job.execution = execution
    job.directory = os.fsencode(directory)
    init_task(job.task, job.pool.core, &run.statement.connection.strand, _spool)
    spool.run = run
    spool.directory = job.directory
    cdef bytes template = job.directory + b"/duckgres-spool-XXXXXX"
    spool.template = <char *>calloc(1, len(template) + 1)
    if spool.template == NULL:
        raise MemoryError
    snprintf(spool.template, len(template) + 1, b"%s", <const char *>template)
    job.start()
    return job
