"""What is open, for Python: see ``connections.pyx``."""

from duckgres_tx.engine.handles cimport ConnectionHandle, DatabaseHandle, StatementHandle
from duckgres_tx.engine.native_threads cimport Pool


cdef class Database:
    cdef DatabaseHandle *handle
    cdef Pool pool
    cdef readonly str path


cdef class Connection:
    cdef ConnectionHandle *handle
    cdef Pool pool
    cdef readonly Database database


cdef class Statement:
    cdef StatementHandle *handle
    cdef Pool pool
    cdef readonly Connection connection
    cdef readonly bint closed
    cdef bytes sql
    cdef tuple _parameter_types
    cdef tuple _columns
