"""Rows of COPY's text and CSV formats. No GIL."""

from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.copy_arena cimport Arena
from duckgres_tx.engine.copy_parser cimport Parser

# Read the window's next line, into a row of the chunk; one of ROW_...
cdef int read_line_row(Parser *parser, idx_t row, Arena *arena) noexcept nogil
