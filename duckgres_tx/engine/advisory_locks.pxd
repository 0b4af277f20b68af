"""PostgreSQL's advisory locks: real ones, since all sessions of a database are in one process. No GIL."""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport duckdb_connection, idx_t
from duckgres_tx.engine.tasks cimport Strand

# The locks of one database. Shared by the binding and by DuckDB's function, so it is counted.
cdef struct LockTable

# One reference for the caller; NULL without memory.
cdef LockTable *make_lock_table() noexcept nogil
cdef void release_lock_table(LockTable *table) noexcept nogil

# Register `duckgres_advisory` with the instance behind `connection`. The instance keeps a reference until it is closed.
# 0, or -1 when DuckDB refuses or there is no memory.
cdef int register_lock_function(duckdb_connection connection, LockTable *table) noexcept nogil

# A connection may lock from now on; a wait of its ends when the strand's task is interrupted. 0, or -1 without memory.
cdef int enter_party(LockTable *table, idx_t connection_id, Strand *strand) noexcept nogil
# It has ended: all its locks are free.
cdef void forget_party(LockTable *table, idx_t connection_id) noexcept nogil

# How many unlocks had nothing to unlock.
cdef struct VainUnlocks:
    int exclusive
    int shared

# A statement, or with `transaction_too` a transaction, is over: the transaction's locks are free. Gives the vain unlocks
# since the last time.
cdef VainUnlocks settle_locks(LockTable *table, idx_t connection_id, bint transaction_too) noexcept nogil
# All session locks of a connection are free.
cdef void unlock_all(LockTable *table, idx_t connection_id) noexcept nogil
# Whether a connection holds a lock that outlives its transactions.
cdef bint holds_session_locks(LockTable *table, idx_t connection_id) noexcept nogil
