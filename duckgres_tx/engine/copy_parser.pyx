"""COPY's stream into data chunks: the window, the rows, the complaints.

A row is parsed in one pass, straight into the vectors. If the window ends within it, nothing of it counts, and it is parsed
again when the window has grown; it has to have doubled when there was nothing but that row, so that a row of any length is
read in linear time.

Touches: the parser it is given, its columns' vectors. No GIL.
"""

from libc.stdio cimport snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memmove, memset

from duckgres_tx.engine.copy_binary cimport read_binary_row
from duckgres_tx.engine.copy_lines cimport read_line_row


cdef enum:
    # What a search may read behind the window.
    SLACK = 64
    # A field of PostgreSQL's has at most 1 GiB.
    LONGEST_ROW = 0x3fffffff
    # Of a value or a line in a message.
    SHOWN_BYTES = 100


cdef bint init_parser(Parser *parser) noexcept nogil:
    parser.line = 0
    parser.wanted = 1
    return add_input(parser, b"", 0)


cdef void tell_ends(Parser *parser) noexcept nogil:
    memset(parser.ends.wanted[0], parser.delimiter, 16)
    memset(parser.ends.wanted[1], c"\n", 16)
    memset(parser.ends.wanted[2], c"\r", 16)
    memset(parser.ends.wanted[3], parser.quote if parser.format == COPY_CSV else c"\\", 16)


cdef void free_parser(Parser *parser) noexcept nogil:
    free(parser.window.data)
    free(parser.scratch.data)
    parser.window.data = NULL
    parser.scratch.data = NULL


cdef bint add_input(Parser *parser, const char *data, size_t length) noexcept nogil:
    cdef size_t left = parser.window.length - parser.at
    cdef size_t capacity = parser.window.capacity
    cdef char *moved
    parser.ends.block = NULL
    if parser.at:
        memmove(parser.window.data, parser.window.data + parser.at, left)
        parser.wanted = parser.wanted - parser.at if parser.wanted > parser.at else 1
        parser.at = 0
        parser.window.length = left
    if parser.marked and parser.format != COPY_BINARY:
        parser.window.length = 0
        return True
    if left + length + SLACK > capacity:
        if left > LONGEST_ROW:
            fail_line(parser, b"54000", b"a row of COPY data is longer than 1 GB", NULL)
            return False
        capacity = left + length + SLACK if left + length > 2 * capacity else 2 * capacity + SLACK
        moved = <char *>realloc(parser.window.data, capacity)
        if moved == NULL:
            fail_line(parser, b"53200", b"out of memory", NULL)
            return False
        parser.window.data = moved
        parser.window.capacity = capacity
    memcpy(parser.window.data + left, data, length)
    parser.window.length = left + length
    return True


cdef bint needs_input(Parser *parser) noexcept nogil:
    if parser.ended and parser.format == COPY_BINARY:
        return parser.at == parser.window.length and parser.header_read
    if parser.ended:
        return parser.at == parser.window.length or parser.marked
    return parser.window.length < parser.wanted or parser.at == parser.window.length


cdef idx_t parse_rows(Parser *parser, idx_t first, idx_t capacity, Arena *arena) noexcept nogil:
    cdef idx_t row = first
    cdef size_t start
    cdef int result
    cdef int eol
    while row < capacity and not needs_input(parser) and not has_failed(parser):
        start = parser.at
        eol = parser.eol
        parser.line_before = parser.line
        if parser.format == COPY_BINARY:
            result = read_binary_row(parser, row, arena)
        else:
            result = read_line_row(parser, row, arena)
        if result == ROW_READ:
            row += 1
        elif result == ROW_INCOMPLETE and parser.ended:
            fail_line(parser, b"22P04", b"unexpected EOF in COPY data", NULL)
        elif result == ROW_INCOMPLETE:
            parser.at = start
            parser.eol = eol
            parser.line = parser.line_before
            parser.wanted = parser.window.length + (parser.window.length - start) + 1
            if start:
                # The window will begin with this row; it need not double for that.
                parser.wanted = parser.window.length + 1
        elif result == ROW_MARKER:
            parser.marked = True
            if parser.format != COPY_BINARY:
                parser.at = parser.window.length
    return row


# --- complaints

cdef int _shown_length(const char *text, int64_t length) noexcept nogil:
    """As much of a text as is shown, in whole characters."""
    cdef int64_t shown = length
    if shown > SHOWN_BYTES:
        shown = SHOWN_BYTES
        while shown > 0 and (text[shown] & 0xc0) == 0x80:
            shown -= 1
    return <int>shown


cdef int _complain(Parser *parser, const char *sqlstate, const char *message, const char *hint) noexcept nogil:
    if not has_failed(parser):
        memcpy(parser.sqlstate, sqlstate, 6)
        if message != parser.error:
            snprintf(parser.error, ERROR_BYTES, b"%s", message)
        parser.hint[0] = 0
        if hint != NULL:
            snprintf(parser.hint, HINT_BYTES, b"%s", hint)
    return ROW_FAILED


cdef int fail_plainly(Parser *parser, const char *sqlstate, const char *message) noexcept nogil:
    parser.where[0] = 0
    return _complain(parser, sqlstate, message, NULL)


cdef int fail_line(Parser *parser, const char *sqlstate, const char *message, const char *hint) noexcept nogil:
    snprintf(parser.where, WHERE_BYTES, b"COPY %s, line %llu", parser.relation, <unsigned long long>parser.line)
    return _complain(parser, sqlstate, message, hint)


cdef int fail_with_text(
    Parser *parser, const char *sqlstate, const char *message, const char *line, int64_t length
) noexcept nogil:
    cdef int shown = _shown_length(line, length)
    snprintf(
        parser.where, WHERE_BYTES, b"COPY %s, line %llu: \"%.*s%s\"", parser.relation, <unsigned long long>parser.line,
        shown, line, <const char *>(b"..." if shown < length else b"")
    )
    return _complain(parser, sqlstate, message, NULL)


cdef void say_column(Parser *parser, int column, const char *value, int64_t length) noexcept nogil:
    cdef int shown
    if value == NULL:
        snprintf(
            parser.where, WHERE_BYTES, b"COPY %s, line %llu, column %s", parser.relation,
            <unsigned long long>parser.line, parser.names[column]
        )
        return
    shown = _shown_length(value, length)
    snprintf(
        parser.where, WHERE_BYTES, b"COPY %s, line %llu, column %s: \"%.*s%s\"", parser.relation,
        <unsigned long long>parser.line, parser.names[column], shown, value,
        <const char *>(b"..." if shown < length else b"")
    )
