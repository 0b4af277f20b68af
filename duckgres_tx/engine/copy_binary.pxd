"""Rows of COPY's binary format. No GIL."""

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.copy_arena cimport Arena
from duckgres_tx.engine.copy_parser cimport Parser

# Read what the window has next, into a row of the chunk; one of ROW_...
cdef int read_binary_row(Parser *parser, idx_t row, Arena *arena) noexcept nogil
