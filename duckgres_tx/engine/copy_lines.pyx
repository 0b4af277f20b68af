"""Rows of COPY's text and CSV formats, line by line and field by field.

PostgreSQL reads a line before it looks at its fields, so what is wrong with the line comes before what is wrong with a
value; here a line is looked through a second time when something is wrong.

Touches: the parser it is given. No GIL.

Spec: sql-copy.html#SQL-COPY-FILE-FORMATS
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport realloc
from libc.string cimport memcmp, memcpy, strlen

from duckgres_tx.engine.buffers cimport likely, unlikely
from duckgres_tx.engine.copy_columns cimport CopyColumn, read_text_value, set_null
from duckgres_tx.engine.copy_parser cimport (
    COPY_CSV, EOL_CR, EOL_CRNL, EOL_NL, EOL_UNKNOWN, ERROR_BYTES, HEADER_MATCH, HEADER_NONE, ROW_FAILED, ROW_INCOMPLETE,
    ROW_MARKER, ROW_NONE, ROW_READ, Field, Parser, fail_line, fail_with_text, say_column
)
from duckgres_tx.engine.copy_search cimport find_any, find_next
from duckgres_tx.engine.input_errors cimport Reading

cdef enum:
    FORCE_NOT_NULL = 1
    FORCE_NULL = 2
    # Of a value, so much that it is seen to go on.
    MORE_THAN_SHOWN = 110
    # The reader of a field says, beside ROW_READ, ROW_INCOMPLETE, ROW_FAILED and ROW_MARKER (nothing before the marker):
    FIELD_READ = 0


# --- ends of lines

cdef int _bad_line_end(Parser *parser, bint carriage_return) noexcept nogil:
    cdef bint csv = parser.format == COPY_CSV
    if carriage_return:
        return fail_line(
            parser, b"22P04",
            <const char *>(b"unquoted carriage return found in data" if csv else b"literal carriage return found in data"),
            <const char *>(
                b"Use quoted CSV field to represent carriage return." if csv
                else b"Use \"\\r\" to represent carriage return."
            )
        )
    return fail_line(
        parser, b"22P04", <const char *>(b"unquoted newline found in data" if csv else b"literal newline found in data"),
        <const char *>(b"Use quoted CSV field to represent newline." if csv else b"Use \"\\n\" to represent newline.")
    )


cdef inline int _end_line(Parser *parser, const char *at) noexcept nogil:
    """`at` is where a line ends; go behind that."""
    cdef const char *end = parser.window.data + parser.window.length
    if likely(at[0] == c"\n"):
        if unlikely(parser.eol == EOL_CR or parser.eol == EOL_CRNL):
            return _bad_line_end(parser, False)
        parser.eol = EOL_NL
        parser.at = at + 1 - parser.window.data
        return FIELD_READ
    if parser.eol == EOL_NL:
        return _bad_line_end(parser, True)
    if parser.eol != EOL_CR:
        if at + 1 == end and not parser.ended:
            return ROW_INCOMPLETE
        if at + 1 < end and at[1] == c"\n":
            parser.eol = EOL_CRNL
            parser.at = at + 2 - parser.window.data
            return FIELD_READ
        if parser.eol == EOL_CRNL:
            return _bad_line_end(parser, True)
        parser.eol = EOL_CR
    parser.at = at + 1 - parser.window.data
    return FIELD_READ


cdef int _is_marker(Parser *parser, const char *at) noexcept nogil:
    r"""Whether the \. that begins here ends the stream: FIELD_READ no, ROW_MARKER yes."""
    cdef const char *end = parser.window.data + parser.window.length
    cdef bint csv = parser.format == COPY_CSV
    at += 2
    if at == end or (at + 1 == end and at[0] == c"\r" and parser.eol != EOL_CR):
        if not parser.ended:
            return ROW_INCOMPLETE
        if at == end and csv:
            return FIELD_READ
    if at == end or at[0] != c"\n" and at[0] != c"\r":
        return FIELD_READ if csv else fail_line(parser, b"22P04", b"end-of-copy marker corrupt", NULL)
    if parser.eol == EOL_UNKNOWN:
        return ROW_MARKER
    if parser.eol == EOL_CRNL and at[0] == c"\r":
        if at + 1 < end and at[1] == c"\n":
            return ROW_MARKER
        return FIELD_READ if csv else fail_line(parser, b"22P04", b"end-of-copy marker corrupt", NULL)
    if (parser.eol == EOL_NL and at[0] == c"\n") or (parser.eol == EOL_CR and at[0] == c"\r"):
        return ROW_MARKER
    return fail_line(parser, b"22P04", b"end-of-copy marker does not match previous newline style", NULL)


# --- fields

cdef char *_scratch(Parser *parser, size_t size) noexcept nogil:
    cdef char *moved
    if parser.scratch.capacity < size:
        moved = <char *>realloc(parser.scratch.data, size + size // 2 + 64)
        if moved == NULL:
            fail_line(parser, b"53200", b"out of memory", NULL)
            return NULL
        parser.scratch.data = moved
        parser.scratch.capacity = size + size // 2 + 64
    return parser.scratch.data


cdef inline int _digit(char byte, int base) noexcept nogil:
    cdef int value = -1
    if c"0" <= byte <= c"9":
        value = byte - c"0"
    elif c"a" <= (byte | 32) <= c"f":
        value = (byte | 32) - c"a" + 10
    return value if value < base else -1


cdef const char *_unescape(const char *at, const char *end, char *out) noexcept nogil:
    """One escape, of which the backslash is read; what is behind it."""
    cdef char byte = at[0]
    cdef int digit
    cdef int value = 0
    cdef int count = 0
    at += 1
    if c"0" <= byte <= c"7":
        value = byte - c"0"
        while count < 2 and at < end and _digit(at[0], 8) >= 0:
            value = value * 8 + _digit(at[0], 8)
            at += 1
            count += 1
        out[0] = <char>(value & 0xff)
        return at
    if byte == c"x":
        while count < 2 and at < end and _digit(at[0], 16) >= 0:
            digit = _digit(at[0], 16)
            value = value * 16 + digit
            at += 1
            count += 1
        out[0] = <char>value if count else byte
        return at
    if byte == c"b":
        byte = 8
    elif byte == c"f":
        byte = 12
    elif byte == c"n":
        byte = 10
    elif byte == c"r":
        byte = 13
    elif byte == c"t":
        byte = 9
    elif byte == c"v":
        byte = 11
    out[0] = byte
    return at


cdef int _end_field(Parser *parser, Field *field, const char *at) noexcept nogil:
    """`at` is the delimiter, the line's end, or the window's."""
    cdef const char *end = parser.window.data + parser.window.length
    field.raw_length = at - field.raw
    if at == end:
        if not parser.ended:
            return ROW_INCOMPLETE
        field.last = True
        parser.at = parser.window.length
        return FIELD_READ
    if at[0] == parser.delimiter:
        field.last = False
        parser.at = at + 1 - parser.window.data
        return FIELD_READ
    field.last = True
    return _end_line(parser, at)


cdef int _text_field(Parser *parser, Field *field) noexcept nogil:
    cdef const char *start = parser.window.data + parser.at
    cdef const char *end = parser.window.data + parser.window.length
    cdef const char *at = find_next(&parser.ends, start, end)
    field.raw = start
    field.quoted = False
    if likely(at < end and at[0] != c"\\"):
        field.data = start
        field.length = at - start
        return _end_field(parser, field, at)
    if at == end:
        field.data = start
        field.length = at - start
        return _end_field(parser, field, at)
    return _escaped_field(parser, field, at)


cdef int _escaped_field(Parser *parser, Field *field, const char *at) noexcept nogil:
    """A field with a backslash at `at`; it is made anew without."""
    cdef const char *end = parser.window.data + parser.window.length
    cdef const char *start = field.raw
    cdef const char *next
    cdef char *out
    cdef size_t used = 0
    cdef int result
    while True:
        out = _scratch(parser, used + (at - start) + 1)
        if out == NULL:
            return ROW_FAILED
        memcpy(out + used, start, at - start)
        used += at - start
        if at == end or at[0] != c"\\":
            break
        if at + 1 == end:
            if not parser.ended:
                return ROW_INCOMPLETE
            # A backslash is all that is left: it is nothing.
            at = end
            break
        if at[1] == c".":
            result = _is_marker(parser, at)
            if result == ROW_MARKER:
                field.marker = True
                field.last = True
                field.raw_length = at - field.raw
                break
            if result != FIELD_READ:
                return result
        # An escape has at most three characters behind the backslash, and all of them are needed.
        if end - at < 4 and not parser.ended:
            return ROW_INCOMPLETE
        next = _unescape(at + 1, end, out + used)
        used += 1
        start = next
        at = find_next(&parser.ends, start, end)
    field.data = out
    field.length = used
    return FIELD_READ if field.marker else _end_field(parser, field, at)


cdef int _csv_field(Parser *parser, Field *field, bint first) noexcept nogil:
    cdef const char *start = parser.window.data + parser.at
    cdef const char *end = parser.window.data + parser.window.length
    cdef const char *at
    cdef int result
    field.raw = start
    field.quoted = False
    if first and start < end and start[0] == c"\\":
        if start + 1 == end and not parser.ended:
            return ROW_INCOMPLETE
        if start + 1 < end and start[1] == c".":
            result = _is_marker(parser, start)
            if result == ROW_MARKER:
                field.marker = True
                field.last = True
                field.data = start
                field.length = 0
                field.raw_length = 0
                return FIELD_READ
            if result != FIELD_READ:
                return result
    at = find_next(&parser.ends, start, end)
    field.data = start
    field.length = at - start
    if likely(at == end or at[0] != parser.quote):
        return _end_field(parser, field, at)
    return _quoted_field(parser, field, at)


cdef int _quoted_field(Parser *parser, Field *field, const char *at) noexcept nogil:
    """A field with a quote at `at`; what is between quotes may be anything."""
    cdef const char *end = parser.window.data + parser.window.length
    cdef const char *start = field.raw
    # As PostgreSQL counts: not before a line has ended.
    cdef char newline = c"\n" if parser.eol == EOL_NL else c"\r"
    cdef char *out
    cdef size_t used = 0
    field.quoted = True
    while True:
        out = _scratch(parser, used + (at - start) + 1)
        if out == NULL:
            return ROW_FAILED
        memcpy(out + used, start, at - start)
        used += at - start
        if at == end or at[0] != parser.quote:
            field.data = out
            field.length = used
            return _end_field(parser, field, at)
        start = at + 1
        while True:
            # Within quotes: up to the next quote, escape or line.
            at = find_any(start, end, parser.quote, parser.escape, newline, newline)
            out = _scratch(parser, used + (at - start) + 2)
            if out == NULL:
                return ROW_FAILED
            memcpy(out + used, start, at - start)
            used += at - start
            if at == end:
                if not parser.ended:
                    return ROW_INCOMPLETE
                return fail_with_text(
                    parser, b"22P04", b"unterminated CSV quoted field", parser.window.data + parser.line_start,
                    end - parser.window.data - parser.line_start
                )
            if at[0] == newline and at[0] != parser.quote and at[0] != parser.escape:
                parser.line += 1
                out[used] = at[0]
                used += 1
                start = at + 1
                continue
            if at[0] == parser.escape:
                if at + 1 == end and not parser.ended:
                    return ROW_INCOMPLETE
                if at + 1 < end and (at[1] == parser.quote or at[1] == parser.escape):
                    out[used] = at[1]
                    used += 1
                    start = at + 2
                    continue
            if at[0] == parser.quote:
                break
            out[used] = at[0]
            used += 1
            start = at + 1
        start = at + 1
        at = find_next(&parser.ends, start, end)


cdef inline int _next_field(Parser *parser, Field *field, bint first) noexcept nogil:
    field.marker = False
    if parser.format == COPY_CSV:
        return _csv_field(parser, field, first)
    return _text_field(parser, field)


# --- lines

cdef inline bint _is_null(Parser *parser, Field *field) noexcept nogil:
    return (
        not field.quoted and field.raw_length == parser.null_length
        and memcmp(field.raw, parser.null, parser.null_length) == 0
    )


cdef inline bint _is_default(Parser *parser, Field *field) noexcept nogil:
    return (
        parser.default_marker != NULL and field.raw_length == parser.default_length
        and memcmp(field.raw, parser.default_marker, parser.default_length) == 0
    )


cdef inline bint _is_vain_marker(Parser *parser, Field *field, int column) noexcept nogil:
    """Whether it asks for a default that there isn't."""
    return column < parser.n_columns and parser.flags[column] == NULL and _is_default(parser, field)


cdef int _fail_in_line(Parser *parser, size_t start, const char *message) noexcept nogil:
    """The whole line is at fault; its text is shown, without its end.

    What PostgreSQL finds while it takes the line apart comes first: a marker where there is no default.
    """
    cdef Field field
    cdef char vain_marker[ERROR_BYTES]
    cdef int column = 0
    cdef int result
    cdef const char *text = parser.window.data + start
    cdef const char *end
    cdef size_t at = parser.at
    parser.at = start
    # Lines within quotes are counted again.
    parser.line = parser.line_before + 1
    while True:
        result = _next_field(parser, &field, parser.at == start)
        if result != FIELD_READ:
            break
        end = field.raw + field.raw_length
        if message != vain_marker and _is_vain_marker(parser, &field, column):
            snprintf(
                vain_marker, ERROR_BYTES, b"unexpected default marker in COPY data\nColumn \"%s\" has no default value.",
                parser.names[column]
            )
            message = vain_marker
        column += 1
        if field.last:
            break
    if result == ROW_INCOMPLETE:
        parser.at = at
        return ROW_INCOMPLETE
    if result != FIELD_READ:
        return ROW_FAILED
    return fail_with_text(parser, b"22P04", message, text, end - text)


cdef int _missing(Parser *parser, size_t start, int column) noexcept nogil:
    cdef char message[ERROR_BYTES]
    snprintf(message, ERROR_BYTES, b"missing data for column \"%s\"", parser.names[column])
    return _fail_in_line(parser, start, message)


cdef int _refuse(
    Parser *parser, size_t start, int column, const char *sqlstate, const char *value, int64_t length, bint last
) noexcept nogil:
    """A value is bad; but if the line has too many or too few fields, that comes first."""
    cdef Field field
    cdef char message[ERROR_BYTES]
    cdef char shown[MORE_THAN_SHOWN]
    cdef int fields = column + 1
    cdef int result
    # The next field may take the value's place.
    length = length if length < MORE_THAN_SHOWN else MORE_THAN_SHOWN
    memcpy(shown, value, length)
    snprintf(message, ERROR_BYTES, b"%s", parser.error)
    while not last:
        result = _next_field(parser, &field, False)
        if result != FIELD_READ:
            return result
        if _is_vain_marker(parser, &field, fields):
            return _fail_in_line(parser, start, b"")
        fields += 1
        last = field.last
    if fields > parser.n_columns:
        return _fail_in_line(parser, start, b"extra data after last expected column")
    say_column(parser, column, shown, length)
    memcpy(parser.sqlstate, sqlstate, 6)
    if memcmp(sqlstate, b"22021", 5) == 0:
        # The encoding is a matter of the line.
        parser.sqlstate[0] = 0
        return fail_line(parser, b"22021", message, NULL)
    snprintf(parser.error, ERROR_BYTES, b"%s", message)
    parser.hint[0] = 0
    return ROW_FAILED


cdef int _store(
    Parser *parser, CopyColumn *column, idx_t row, Field *field, int force, Arena *arena, Reading *reading
) noexcept nogil:
    cdef const char *text = field.data
    cdef int64_t length = field.length
    if unlikely(_is_null(parser, field)):
        if not force & FORCE_NOT_NULL:
            set_null(column, row)
            return 0
        text = parser.null
        length = parser.null_length
    elif force & FORCE_NULL and length == parser.null_length and memcmp(text, parser.null, length) == 0:
        set_null(column, row)
        return 0
    return read_text_value(column, row, text, length, arena, reading)


cdef bint _asks_for_default(Parser *parser, Field *field, int column, idx_t row) noexcept nogil:
    """Whether it does; what is told to DuckDB, if the column has one."""
    cdef bint asks = _is_default(parser, field)
    if parser.flags[column] != NULL:
        parser.flags[column].data[row] = asks
    if asks:
        set_null(&parser.columns[column], row)
    return asks


cdef int _read_header(Parser *parser) noexcept nogil:
    cdef Field field
    cdef size_t start = parser.at
    cdef char message[ERROR_BYTES]
    cdef int fields = 0
    cdef int result
    while True:
        result = _next_field(parser, &field, fields == 0)
        if result != FIELD_READ:
            return result
        if field.marker:
            return ROW_MARKER
        if parser.header == HEADER_MATCH and fields < parser.n_columns:
            if not _matches_name(parser, &field, fields):
                snprintf(message, ERROR_BYTES, b"%s", parser.error)
                return _fail_in_line(parser, start, message)
        fields += 1
        if field.last:
            break
    if parser.header == HEADER_MATCH and fields != parser.n_columns:
        snprintf(
            message, ERROR_BYTES, b"wrong number of fields in header line: got %d, expected %d", fields, parser.n_columns
        )
        return _fail_in_line(parser, start, message)
    parser.header_read = True
    return ROW_NONE


cdef bint _matches_name(Parser *parser, Field *field, int column) noexcept nogil:
    """Whether a field of the header is the column's name; if not, the parser's error says so."""
    cdef const char *name = parser.names[column]
    if _is_null(parser, field):
        snprintf(
            parser.error, ERROR_BYTES,
            b"column name mismatch in header line field %d: got null value (\"%s\"), expected \"%s\"",
            column + 1, parser.null, name
        )
        return False
    if <int64_t>strlen(name) == field.length and memcmp(name, field.data, field.length) == 0:
        return True
    snprintf(
        parser.error, ERROR_BYTES, b"column name mismatch in header line field %d: got \"%.*s\", expected \"%s\"",
        column + 1, <int>(field.length if field.length < 400 else 400), field.data, name
    )
    return False


cdef int read_line_row(Parser *parser, idx_t row, Arena *arena) noexcept nogil:
    cdef char sqlstate[6]
    cdef Reading reading = Reading(&parser.error[0], ERROR_BYTES, &sqlstate[0], b"text", 0, NULL)
    cdef Field field
    cdef size_t start = parser.at
    cdef int column
    cdef int result
    field.last = True
    field.marker = False
    parser.line += 1
    parser.line_start = start
    if parser.header != HEADER_NONE and not parser.header_read:
        return _read_header(parser)
    for column in range(parser.n_columns):
        result = _next_field(parser, &field, column == 0)
        if unlikely(result != FIELD_READ):
            return result
        if unlikely(field.marker and column == 0 and field.length == 0):
            return ROW_MARKER
        if unlikely(parser.default_marker != NULL) and _asks_for_default(parser, &field, column, row):
            if _is_vain_marker(parser, &field, column):
                return _fail_in_line(parser, start, b"")
        elif unlikely(_store(
            parser, &parser.columns[column], row, &field, parser.forced[column] if parser.forced != NULL else 0, arena,
            &reading
        )):
            return _refuse(parser, start, column, sqlstate, field.data, field.length, field.last)
        if unlikely(field.last and column + 1 < parser.n_columns):
            return _missing(parser, start, column + 1)
    if unlikely(not field.last):
        return _fail_in_line(parser, start, b"extra data after last expected column")
    if unlikely(field.marker):
        # What stood before it is a line.
        parser.marked = True
        parser.at = parser.window.length
    return ROW_READ
