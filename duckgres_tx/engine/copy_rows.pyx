"""Data chunks to CopyData messages: rows of text and CSV. (A binary row is a DataRow with another type byte.)

The values are those of DataRow, in text: written first, then searched for what the format gives a meaning to, which is
rare.

Touches: the plans and the buffer it is given. No GIL, but for `make_framing`.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc
from libc.string cimport memcmp, memcpy, memmove

from duckgres_tx.engine.blocks cimport BLOCK_ROWS, SLOT_SIZE, fill_slots, make_slots
from duckgres_tx.engine.buffers cimport Buffer, Writer, ensure, put32, swap32, unlikely
from duckgres_tx.engine.capi cimport api, duckdb_data_chunk, idx_t
from duckgres_tx.engine.copy_search cimport find_any, find_control
from duckgres_tx.engine.encoder cimport ENCODED, encode_rows_as, write_value
from duckgres_tx.engine.nulls cimport is_null
from duckgres_tx.engine.plans cimport NOTHING, STRING, ColumnPlan, bind_vector
from duckgres_tx.engine.scalars cimport write_scalar
from duckgres_tx.engine.strings cimport STRING_SIZE, copy_string


cdef enum:
    # 'd' Int32(length)
    HEAD = 5
    # What a writer may scribble, or a search read, past the end.
    SLACK = 16
    # Below so many rows slots don't pay.
    FEW_ROWS = 8
    LENGTH = 4
    # The signature, no flags, no extension.
    BINARY_HEAD = 19


cdef struct Copying:
    const Framing *framing
    ColumnPlan **plans
    int n_columns
    size_t reserve
    idx_t row
    size_t limit


cdef Framing *make_framing(object options, int n_columns) except NULL:
    cdef bytes null = options.null
    cdef size_t size = sizeof(Framing) + len(null) + 1 + n_columns
    cdef Framing *framing = <Framing *>calloc(1, size)
    cdef char *text
    cdef uint8_t *forced
    if framing == NULL:
        raise MemoryError
    framing.format = int(options.format)
    framing.head_due = framing.format == FRAMING_BINARY
    framing.delimiter = options.delimiter[0]
    framing.quote = options.quote[0]
    framing.escape = options.escape[0]
    text = <char *>(framing + 1)
    memcpy(text, <const char *>null, len(null))
    framing.null = text
    framing.null_length = len(null)
    forced = <uint8_t *>text + len(null) + 1
    for column in options.forced:
        forced[<int>column] = 1
    framing.forced = forced
    framing.search_all = _is_in_numbers(framing.delimiter) or (
        framing.format == FRAMING_CSV and (_is_in_numbers(framing.quote) or _is_like_a_number(null))
    )
    return framing


cdef bint _is_in_numbers(char byte) noexcept:
    """Whether the text of a number, a time or a UUID may hold it."""
    return chr(<uint8_t>byte).isalnum() or byte in b"+-.:@ \\"


cdef bint _is_like_a_number(bytes null) noexcept:
    """Whether a number's text may be the same as that of NULL, and then has to be quoted."""
    return len(null) > 0 and (null.isalnum() or null[0] in b"+-.:@ ")


cdef int encode_copy_rows_within(
    Framing *framing, ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row,
    size_t soft_limit, Buffer *out, idx_t *next_row
) noexcept nogil:
    cdef Writer writer
    cdef Copying copying
    if framing.format == FRAMING_BINARY:
        return _encode_binary(framing, plans, n_columns, chunk, first_row, last_row, soft_limit, out, next_row)
    writer.start = out.data
    writer.end = out.data + out.capacity
    writer.result = ENCODED
    copying.framing = framing
    copying.plans = plans
    copying.n_columns = n_columns
    copying.row = first_row
    copying.limit = soft_limit
    _bind(&copying, chunk, last_row - first_row)
    while copying.row < last_row and writer.result == ENCODED and out.length < soft_limit:
        _write_block(&writer, &copying, last_row - copying.row if last_row - copying.row < BLOCK_ROWS else BLOCK_ROWS, out)
    out.data = writer.start
    out.capacity = writer.end - writer.start
    next_row[0] = copying.row
    return writer.result


cdef int _encode_binary(
    Framing *framing, ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row,
    size_t soft_limit, Buffer *out, idx_t *next_row
) noexcept nogil:
    cdef size_t start = out.length
    cdef int result = encode_rows_as(c"d", plans, n_columns, chunk, first_row, last_row, soft_limit, out, next_row)
    cdef Writer writer = Writer(out.data, out.data + out.capacity, ENCODED)
    cdef uint32_t length
    cdef char *message
    if not framing.head_due or out.length == start:
        return result
    # DuckDB's own client reads the header and a row from the first message, or nothing at all.
    if ensure(&writer, writer.start + out.length, BINARY_HEAD) == NULL:
        return writer.result
    out.data = writer.start
    out.capacity = writer.end - writer.start
    message = out.data + start
    memcpy(&length, message + 1, 4)
    put32(message + 1, swap32(length) + BINARY_HEAD)
    memmove(message + HEAD + BINARY_HEAD, message + HEAD, out.length - start - HEAD)
    memcpy(message + HEAD, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", BINARY_HEAD)
    out.length += BINARY_HEAD
    framing.head_due = False
    return result


cdef void _bind(Copying *copying, duckdb_data_chunk chunk, idx_t count) noexcept nogil:
    cdef ColumnPlan *plan
    cdef int column
    copying.reserve = HEAD + SLACK + 1
    for column in range(copying.n_columns):
        plan = copying.plans[column]
        bind_vector(plan, api.data_chunk_get_vector(chunk, column))
        plan.slotted = count >= FEW_ROWS and make_slots(plan)
        copying.reserve += 3 + copying.framing.null_length + (SLOT_SIZE if plan.slotted else plan.width + 8)


cdef inline bint _is_searched(const Framing *framing, ColumnPlan *plan, int column) noexcept nogil:
    """Whether a value of the column may hold what has a meaning."""
    return plan.write >= NOTHING or framing.search_all or framing.forced[column]


cdef void _write_block(Writer *writer, Copying *copying, int count, Buffer *out) noexcept nogil:
    """Append up to `count` rows, fewer when the limit or a failure comes first."""
    cdef char *position = writer.start + out.length
    cdef int column, slot
    for column in range(copying.n_columns):
        if copying.plans[column].slotted:
            fill_slots(writer, copying.plans[column], copying.row, count)
    if unlikely(writer.result != ENCODED):
        return
    for slot in range(count):
        position = _write_row(writer, copying, slot, position)
        if unlikely(position == NULL or writer.result != ENCODED):
            return
        copying.row += 1
        out.length = position - writer.start
        if out.length >= copying.limit:
            return


cdef inline char *_write_row(Writer *writer, Copying *copying, size_t slot, char *out) noexcept nogil:
    """One CopyData, of the block's row `slot`."""
    cdef const Framing *framing = copying.framing
    cdef size_t start
    cdef ColumnPlan *plan
    cdef idx_t row = copying.row
    cdef int column
    out = ensure(writer, out, copying.reserve)
    if unlikely(out == NULL):
        return NULL
    start = out - writer.start
    out[0] = c"d"
    out += HEAD
    for column in range(copying.n_columns):
        plan = copying.plans[column]
        if column:
            out[0] = framing.delimiter
            out += 1
        if is_null(plan, row):
            memcpy(out, framing.null, framing.null_length)
            out += framing.null_length
        elif plan.slotted:
            memcpy(out, plan.slots + slot * SLOT_SIZE + LENGTH, SLOT_SIZE - LENGTH)
            if unlikely(_is_searched(framing, plan, column)):
                out = _settle(writer, copying, column, out, out + plan.sizes[slot] - LENGTH)
                if unlikely(out == NULL):
                    return NULL
            else:
                out += plan.sizes[slot] - LENGTH
        else:
            out = _write_other(writer, copying, column, out)
            if unlikely(out == NULL):
                return NULL
    out[0] = c"\n"
    out += 1
    put32(writer.start + start + 1, <uint32_t>((out - writer.start) - start - 1))
    return out


cdef inline char *_write_other(Writer *writer, Copying *copying, int column, char *out) noexcept nogil:
    """A value that is not NULL and lies in no slot; the reserve is left behind it."""
    cdef ColumnPlan *plan = copying.plans[column]
    cdef idx_t row = copying.row
    cdef size_t start
    cdef char *end
    if plan.write == STRING:
        out = ensure(writer, out, (<const uint32_t *>(plan.data + row * STRING_SIZE))[0] + copying.reserve)
        if unlikely(out == NULL):
            return NULL
        return _settle(writer, copying, column, out, copy_string(out, plan.data, row))
    if plan.write < NOTHING:
        end = write_scalar(writer, plan, row, out)
        if _is_searched(copying.framing, plan, column):
            return _settle(writer, copying, column, out, end)
        return end
    start = out - writer.start
    end = write_value(writer, plan, row, out)
    if end == NULL:
        return NULL
    end = ensure(writer, end, copying.reserve)
    if end == NULL:
        return NULL
    return _settle(writer, copying, column, writer.start + start, end)


cdef inline char *_settle(Writer *writer, Copying *copying, int column, char *start, char *end) noexcept nogil:
    """Escape or quote a value where the format has it; where it ends then. There is room for SLACK behind it."""
    cdef const Framing *framing = copying.framing
    cdef const char *found
    if framing.format == FRAMING_TEXT:
        found = find_control(start, end, framing.delimiter, c"\\")
        if found == end:
            return end
        return _escape_text(writer, copying, <char *>found, end)
    if framing.forced[column] or _is_like_null(framing, start, end):
        return _quote_csv(writer, copying, start, end)
    found = find_any(start, end, framing.delimiter, framing.quote, c"\n", c"\r")
    if found == end and not (copying.n_columns == 1 and end - start == 2 and memcmp(start, b"\\.", 2) == 0):
        return end
    return _quote_csv(writer, copying, start, end)


cdef inline bint _is_like_null(const Framing *framing, const char *start, const char *end) noexcept nogil:
    return <size_t>(end - start) == framing.null_length and memcmp(start, framing.null, framing.null_length) == 0


cdef inline char _letter(char byte, char delimiter) noexcept nogil:
    """What stands behind the backslash for a byte; 0: it needs none."""
    if byte == c"\\" or (byte == delimiter and (<uint8_t>byte >= 0x20 or byte < 8 or byte > 13)):
        return byte
    if byte == 8:
        return c"b"
    elif byte == 9:
        return c"t"
    elif byte == 10:
        return c"n"
    elif byte == 11:
        return c"v"
    elif byte == 12:
        return c"f"
    elif byte == 13:
        return c"r"
    return 0


cdef char *_escape_text(Writer *writer, Copying *copying, char *start, char *end) noexcept nogil:
    """Put a backslash before each byte that needs one; from the end, in place."""
    cdef char delimiter = copying.framing.delimiter
    cdef size_t count = 0
    cdef size_t length = end - start
    cdef char *at = start
    cdef char *to
    cdef char letter
    while at < end:
        count += _letter(at[0], delimiter) != 0
        at += 1
    end = ensure(writer, end, count + copying.reserve)
    if end == NULL:
        return NULL
    start = end - length
    at = end
    to = end + count
    end = to
    while at != to:
        at -= 1
        letter = _letter(at[0], delimiter)
        to -= 1
        if letter:
            to[0] = letter
            to -= 1
            to[0] = c"\\"
        else:
            to[0] = at[0]
    return end


cdef char *_quote_csv(Writer *writer, Copying *copying, char *start, char *end) noexcept nogil:
    """Put a value between quotes, with the escape before each quote and escape in it; from the end, in place."""
    cdef char quote = copying.framing.quote
    cdef char escape = copying.framing.escape
    cdef size_t count = 0
    cdef size_t length = end - start
    cdef char *at = start
    cdef char *to
    while at < end:
        count += at[0] == quote or at[0] == escape
        at += 1
    end = ensure(writer, end, count + 2 + copying.reserve)
    if end == NULL:
        return NULL
    start = end - length
    at = end
    to = end + count + 2
    end = to
    to -= 1
    to[0] = quote
    while to > at + 1:
        at -= 1
        to -= 1
        to[0] = at[0]
        if to[0] == quote or to[0] == escape:
            to -= 1
            to[0] = escape
    # Nothing more to escape before this: the rest moves by the one byte of the opening quote.
    memmove(start + 1, start, at - start)
    start[0] = quote
    return end
