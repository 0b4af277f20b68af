"""The Python side of tasks: jobs, and the pool that reports them."""

from duckgres_tx.engine.tasks cimport Core, Task


cdef class Job:
    cdef Task *task
    cdef Pool pool
    cdef object outcome
    cdef object failure
    cdef readonly bint done
    cdef public object callback
    cdef int start(self) except -1
    cdef int collect(self) except -1
    cdef object make_result(self)
    # With the mutex held: hand the task to the threads; False: there are none.
    cdef bint submit(self) noexcept nogil
    cdef bint is_over(self) noexcept nogil
    cdef bint has_news(self) noexcept nogil


cdef class Pool:
    cdef Core *core
    cdef object __weakref__
