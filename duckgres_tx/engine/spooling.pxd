"""Draining a running statement into a file: see ``spooling.pyx``."""

from duckgres_tx.engine.native_threads cimport Job


cdef class SpoolJob(Job):
    cdef object execution
    cdef bytes directory

cdef SpoolJob start_spooling(Job execution, object directory)
