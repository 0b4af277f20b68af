"""Rows of COPY's binary format: a header, Int16(fields) and Int32(length) with each, and Int16(-1) at the end.

Touches: the parser it is given. No GIL.

Spec: sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from libc.stdint cimport int16_t, int32_t, uint16_t, uint32_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy, strncmp

from duckgres_tx.engine.buffers cimport swap16, swap32
from duckgres_tx.engine.copy_columns cimport fixed_size, read_binary_value, set_null
from duckgres_tx.engine.copy_parser cimport (
    ERROR_BYTES, ROW_FAILED, ROW_INCOMPLETE, ROW_MARKER, ROW_NONE, ROW_READ, fail_line, fail_plainly, say_column
)
from duckgres_tx.engine.input_errors cimport Reading

cdef enum:
    SIGNATURE_BYTES = 11
    FLAG_OIDS = 1 << 16


cdef inline int16_t _short(const char *data) noexcept nogil:
    cdef uint16_t number
    memcpy(&number, data, 2)
    return <int16_t>swap16(number)


cdef inline int32_t _word(const char *data) noexcept nogil:
    cdef uint32_t number
    memcpy(&number, data, 4)
    return <int32_t>swap32(number)


cdef inline size_t _left(Parser *parser) noexcept nogil:
    return parser.window.length - parser.at


cdef int _short_of(Parser *parser, const char *complaint) noexcept nogil:
    """More is needed; at the end of the stream it won't come."""
    if not parser.ended:
        return ROW_INCOMPLETE
    return fail_line(parser, b"22P04", complaint, NULL)


cdef int _short_header(Parser *parser, const char *complaint) noexcept nogil:
    return fail_plainly(parser, b"22P04", complaint) if parser.ended else ROW_INCOMPLETE


cdef int _read_header(Parser *parser) noexcept nogil:
    cdef const char *data = parser.window.data + parser.at
    cdef int32_t flags, extension
    if _left(parser) < SIGNATURE_BYTES:
        return _short_header(parser, b"COPY file signature not recognized")
    if memcmp(data, b"PGCOPY\n\xff\r\n\0", SIGNATURE_BYTES):
        return fail_plainly(parser, b"22P04", b"COPY file signature not recognized")
    if _left(parser) < SIGNATURE_BYTES + 4:
        return _short_header(parser, b"invalid COPY file header (missing flags)")
    flags = _word(data + SIGNATURE_BYTES)
    if flags & FLAG_OIDS:
        return fail_plainly(parser, b"22P04", b"invalid COPY file header (WITH OIDS)")
    if <uint32_t>flags >> 16:
        return fail_plainly(parser, b"22P04", b"unrecognized critical flags in COPY file header")
    if _left(parser) < SIGNATURE_BYTES + 8:
        return _short_header(parser, b"invalid COPY file header (missing length)")
    extension = _word(data + SIGNATURE_BYTES + 4)
    if extension < 0:
        return fail_plainly(parser, b"22P04", b"invalid COPY file header (missing length)")
    if _left(parser) < SIGNATURE_BYTES + 8 + <size_t>extension:
        return _short_header(parser, b"invalid COPY file header (wrong length)")
    parser.at += SIGNATURE_BYTES + 8 + <size_t>extension
    parser.header_read = True
    return ROW_NONE


cdef int _bad_count(Parser *parser, int fields) noexcept nogil:
    snprintf(parser.error, ERROR_BYTES, b"row field count is %d, expected %d", fields, parser.n_columns)
    return fail_line(parser, b"22P04", parser.error, NULL)


cdef int _refuse(Parser *parser, int column, int32_t length, Reading *reading, char *sqlstate) noexcept nogil:
    if sqlstate[0] == 0 or (
        memcmp(sqlstate, b"22P03", 5) == 0 and strncmp(reading.error, b"incorrect binary data format", 28) == 0
    ):
        memcpy(sqlstate, b"22P03", 6)
        snprintf(parser.error, ERROR_BYTES, b"incorrect binary data format")
        if length < fixed_size(parser.columns[column].id, parser.columns[column].oid):
            memcpy(sqlstate, b"08P01", 6)
            snprintf(parser.error, ERROR_BYTES, b"insufficient data left in message")
    say_column(parser, column, NULL, 0)
    memcpy(parser.sqlstate, sqlstate, 6)
    parser.hint[0] = 0
    return ROW_FAILED


cdef int _read_field(Parser *parser, int column, idx_t row, Arena *arena, Reading *reading, char *sqlstate) noexcept nogil:
    cdef int32_t length
    cdef const char *value
    if _left(parser) < 4:
        return _short_in(parser, column)
    length = _word(parser.window.data + parser.at)
    if length == -1:
        parser.at += 4
        set_null(&parser.columns[column], row)
        return ROW_READ
    if length < 0:
        fail_line(parser, b"22P04", b"invalid field size", NULL)
        say_column(parser, column, NULL, 0)
        return ROW_FAILED
    if _left(parser) < 4 + <size_t>length:
        return _short_in(parser, column)
    value = parser.window.data + parser.at + 4
    parser.at += 4 + <size_t>length
    if read_binary_value(&parser.columns[column], row, value, length, arena, reading):
        return _refuse(parser, column, length, reading, sqlstate)
    return ROW_READ


cdef int _short_in(Parser *parser, int column) noexcept nogil:
    cdef int result = _short_of(parser, b"unexpected EOF in COPY data")
    if result == ROW_FAILED:
        say_column(parser, column, NULL, 0)
    return result


cdef int read_binary_row(Parser *parser, idx_t row, Arena *arena) noexcept nogil:
    cdef char sqlstate[6]
    cdef Reading reading = Reading(&parser.error[0], ERROR_BYTES, &sqlstate[0], b"text", 0, NULL)
    cdef int fields
    cdef int column
    cdef int result
    sqlstate[0] = 0
    if parser.marked:
        return fail_line(parser, b"22P04", b"received copy data after EOF marker", NULL)
    if not parser.header_read:
        return _read_header(parser)
    parser.line += 1
    if _left(parser) < 2:
        if not parser.ended:
            return ROW_INCOMPLETE
        # A stream may end without a trailer, or in the middle of one.
        parser.at = parser.window.length
        return ROW_NONE
    fields = _short(parser.window.data + parser.at)
    parser.at += 2
    if fields == -1:
        return ROW_MARKER
    if fields != parser.n_columns:
        return _bad_count(parser, fields)
    for column in range(fields):
        result = _read_field(parser, column, row, arena, &reading, sqlstate)
        if result != ROW_READ:
            return result
    return ROW_READ
