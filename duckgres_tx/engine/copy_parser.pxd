"""COPY's stream into data chunks: what all formats have in common. No GIL.

One thread at a time; which one is `copy_in`'s business.

Spec: sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from duckgres_tx.engine.buffers cimport Buffer
from duckgres_tx.engine.capi cimport duckdb_data_chunk, idx_t
from duckgres_tx.engine.copy_arena cimport Arena
from duckgres_tx.engine.copy_columns cimport CopyColumn
from duckgres_tx.engine.copy_search cimport Scan


cdef enum:
    COPY_TEXT = 0
    COPY_CSV = 1
    COPY_BINARY = 2

    HEADER_NONE = 0
    HEADER_SKIP = 1
    HEADER_MATCH = 2

    # How lines end: not known before the first one has.
    EOL_UNKNOWN = 0
    EOL_NL = 1
    EOL_CR = 2
    EOL_CRNL = 3

    ERROR_BYTES = 1024
    WHERE_BYTES = 512
    HINT_BYTES = 128

    # What the reader of a row says.
    ROW_READ = 0
    ROW_INCOMPLETE = 1
    ROW_FAILED = 2
    # The end that the stream itself tells: a line \. or the binary trailer.
    ROW_MARKER = 3
    # No row: the header, or nothing left.
    ROW_NONE = 4


# One field of a line.
cdef struct Field:
    # What it says, without quotes and escapes.
    const char *data
    int64_t length
    # As it stands there, for comparing it with the NULL marker.
    const char *raw
    int64_t raw_length
    bint quoted
    # It was the last of its line.
    bint last
    # The line was ended by a \. in it.
    bint marker


cdef struct Parser:
    # How the stream is written; set by whoever made it.
    int format
    int header
    char delimiter
    char quote
    char escape
    const char *null
    int64_t null_length
    # By column: 1 force_not_null, 2 force_null. NULL: none.
    const uint8_t *forced
    # What stands for a column's default; NULL: nothing does.
    const char *default_marker
    int64_t default_length
    const char *relation
    # The columns of the stream, and then, for those that have a default, whether it was asked for.
    const char **names
    CopyColumn *columns
    int n_columns
    int n_vectors
    # By column of the stream; NULL: it has no default.
    CopyColumn **flags
    # What has come and is not parsed: [at, length) of the window, which has room for a search behind it.
    Buffer window
    size_t at
    # Where a field of the window may end.
    Scan ends
    # Don't look before the window is so long.
    size_t wanted
    bint ended
    # The marker has come: the rest is thrown away.
    bint marked
    bint header_read
    int eol
    # Of the row in hand, from 1.
    uint64_t line
    uint64_t line_before
    size_t line_start
    Buffer scratch
    # Why it failed; sqlstate[0] == 0: it didn't.
    char sqlstate[6]
    char error[ERROR_BYTES]
    char where[WHERE_BYTES]
    char hint[HINT_BYTES]


cdef bint init_parser(Parser *parser) noexcept nogil
# Once it is said how the stream is written.
cdef void tell_ends(Parser *parser) noexcept nogil
cdef void free_parser(Parser *parser) noexcept nogil

# Append bytes to the window; False without memory or when a row is longer than can be.
cdef bint add_input(Parser *parser, const char *data, size_t length) noexcept nogil

# Parse rows into a chunk from its row `first` on, until it has `capacity`. How many it has then. Afterwards: `failed`, or
# more input is needed, or the chunk is full.
cdef idx_t parse_rows(Parser *parser, idx_t first, idx_t capacity, Arena *arena) noexcept nogil

cdef inline bint has_failed(Parser *parser) noexcept nogil:
    return parser.sqlstate[0] != 0

# Nothing more can be parsed from what is there.
cdef bint needs_input(Parser *parser) noexcept nogil

# Complaints. Each returns ROW_FAILED. `where`: nothing, up to the line, with the line's text, with a column and its value.
cdef int fail_plainly(Parser *parser, const char *sqlstate, const char *message) noexcept nogil
cdef int fail_line(Parser *parser, const char *sqlstate, const char *message, const char *hint) noexcept nogil
cdef int fail_with_text(
    Parser *parser, const char *sqlstate, const char *message, const char *line, int64_t length
) noexcept nogil
cdef void say_column(Parser *parser, int column, const char *value, int64_t length) noexcept nogil
