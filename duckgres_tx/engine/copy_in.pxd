"""COPY … FROM STDIN. GIL."""

from duckgres_tx.engine.execution cimport RenderBox
from duckgres_tx.engine.handles cimport StatementHandle
from duckgres_tx.engine.native_threads cimport Job, Pool


cdef class CopyInJob(Job):
    cdef tuple kept
    cdef bytes reason

cdef CopyInJob start_copy_in(Pool pool, StatementHandle *statement, RenderBox render, object source)
