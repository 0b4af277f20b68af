"""Data chunks to DataRow messages.

Touches: the plans and the buffer it is given. No GIL, but for `make_render` and `describe_type`.

DuckDB's data lies by columns, PostgreSQL's rows one after the other. So each row is one walk over the plans; what
takes a limited number of bytes is written where the row's reserve already covers it, straight behind its length.

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-DATAROW
"""

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from duckgres_tx.engine.arrays cimport write_array
from duckgres_tx.engine.blocks cimport BLOCK_ROWS, SLOT_SIZE, fill_slots, make_slots
from duckgres_tx.engine.buffers cimport Writer, ensure, put16, put32, unlikely
from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_ARRAY, DUCKDB_TYPE_DECIMAL, DUCKDB_TYPE_ENUM, DUCKDB_TYPE_LIST, DUCKDB_TYPE_MAP, DUCKDB_TYPE_STRUCT,
    DUCKDB_TYPE_UNION, api, duckdb_type
)
from duckgres_tx.engine.json_values cimport write_json
from duckgres_tx.engine.nulls cimport is_null
from duckgres_tx.engine.plans cimport (
    DATE_GERMAN, DATE_ISO, DATE_POSTGRES, DATE_SQL, FIRST_ARRAY, FIRST_JSON, FIRST_VARYING, INTERVAL_ISO_8601,
    INTERVAL_POSTGRES, INTERVAL_POSTGRES_VERBOSE, INTERVAL_SQL_STANDARD, NOTHING, STRING, ZONE_NAME, Zone, bind_vector,
    drop_plan, make_plan
)
from duckgres_tx.engine.scalars cimport write_scalar
from duckgres_tx.engine.strings cimport STRING_SIZE, copy_string, write_varying

from duckgres_tx.engine.logical_types import LogicalType, TypeId
from duckgres_tx.engine.timezones import load_zone


cdef enum:
    # 'D' Int32(length) Int16(columns)
    ROW_HEADER = 7
    # What a writer may scribble past its end.
    SLACK = 16
    # Below so many rows slots don't pay.
    FEW_ROWS = 8


cdef const char *encode_failure(int result) noexcept nogil:
    if result == ENCODE_NO_MEMORY:
        return b"Out of Memory Error: failed to allocate a buffer for the result"
    elif result == ENCODE_RAGGED:
        return (
            b"Conversion Error: multidimensional arrays must have sub-arrays with matching dimensions: "
            b"cast the ragged list to JSON, or ask for it in text format"
        )
    elif result == ENCODE_OVERFLOW:
        return b"Conversion Error: value is out of range for its PostgreSQL type"
    elif result == ENCODE_UNKNOWN_TYPE:
        return b"Not implemented Error: the result has a column of a type that this server does not know"
    return b""


cdef ColumnPlan *plan_column(duckdb_logical_type type, int format, const Render *render) noexcept nogil:
    return make_plan(type, format, render, False)


cdef void free_plan(ColumnPlan *plan) noexcept nogil:
    drop_plan(plan)


cdef int encode_data_rows(
    ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row, Buffer *out
) noexcept nogil:
    cdef idx_t next_row
    return encode_data_rows_within(plans, n_columns, chunk, first_row, last_row, <size_t>-1, out, &next_row)


cdef int encode_data_rows_within(
    ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row,
    size_t soft_limit, Buffer *out, idx_t *next_row
) noexcept nogil:
    return encode_rows_as(c"D", plans, n_columns, chunk, first_row, last_row, soft_limit, out, next_row)


cdef int encode_rows_as(
    char type_byte, ColumnPlan **plans, int n_columns, duckdb_data_chunk chunk, idx_t first_row, idx_t last_row,
    size_t soft_limit, Buffer *out, idx_t *next_row
) noexcept nogil:
    cdef Writer writer = Writer(out.data, out.data + out.capacity, ENCODED)
    cdef Rows rows
    rows.type_byte = type_byte
    rows.plans = plans
    rows.n_columns = n_columns
    rows.row = first_row
    rows.limit = soft_limit
    _bind(&rows, chunk, last_row - first_row)
    while rows.row < last_row and writer.result == ENCODED and out.length < soft_limit:
        _write_block(&writer, &rows, last_row - rows.row if last_row - rows.row < BLOCK_ROWS else BLOCK_ROWS, out)
    out.data = writer.start
    out.capacity = writer.end - writer.start
    next_row[0] = rows.row
    return writer.result


# What is being encoded, and how far.
cdef struct Rows:
    char type_byte
    ColumnPlan **plans
    int n_columns
    # All values lie in slots.
    bint plain
    # Enough for a row but for its values of no limit.
    size_t reserve
    idx_t row
    size_t limit


cdef void _bind(Rows *rows, duckdb_data_chunk chunk, idx_t count) noexcept nogil:
    """Point the plans at a chunk, and choose which of them use slots."""
    cdef int column
    rows.plain = True
    rows.reserve = ROW_HEADER + SLACK
    for column in range(rows.n_columns):
        bind_vector(rows.plans[column], api.data_chunk_get_vector(chunk, column))
        rows.plans[column].slotted = count >= FEW_ROWS and make_slots(rows.plans[column])
        rows.plain &= rows.plans[column].slotted
        rows.reserve += 4 + (SLOT_SIZE if rows.plans[column].slotted else rows.plans[column].width)


cdef void _write_block(Writer *writer, Rows *rows, int count, Buffer *out) noexcept nogil:
    """Append up to `count` rows, fewer when the limit or a failure comes first; `rows.row` and the buffer's length tell
    how many."""
    cdef char *position = writer.start + out.length
    cdef int column, slot
    for column in range(rows.n_columns):
        if rows.plans[column].slotted:
            fill_slots(writer, rows.plans[column], rows.row, count)
    if unlikely(writer.result != ENCODED):
        return
    if rows.plain:
        position = ensure(writer, position, rows.reserve * count)
        if position != NULL:
            _write_plain_rows(writer, rows, count, position, out)
        return
    for slot in range(count):
        position = _write_row(writer, rows, slot, position)
        if unlikely(position == NULL or writer.result != ENCODED):
            return
        rows.row += 1
        out.length = position - writer.start
        if out.length >= rows.limit:
            return


cdef void _write_plain_rows(Writer *writer, Rows *rows, int count, char *out, Buffer *buffer) noexcept nogil:
    """Rows that are slots only, for which there is room."""
    cdef char *limit = writer.end
    cdef char *start
    cdef ColumnPlan *plan
    cdef size_t slot = 0
    cdef int column
    if rows.limit < <size_t>(writer.end - writer.start):
        limit = writer.start + rows.limit
    while slot < <size_t>count:
        start = out
        out[0] = rows.type_byte
        put16(out + 5, rows.n_columns)
        out += ROW_HEADER
        for column in range(rows.n_columns):
            plan = rows.plans[column]
            memcpy(out, plan.slots + slot * SLOT_SIZE, SLOT_SIZE)
            out += plan.sizes[slot]
        put32(start + 1, <uint32_t>(out - start - 1))
        slot += 1
        if out >= limit:
            break
    rows.row += slot
    buffer.length = out - writer.start


cdef inline char *_write_row(Writer *writer, Rows *rows, size_t slot, char *out) noexcept nogil:
    """One DataRow, of the block's row `slot`."""
    cdef size_t start
    cdef ColumnPlan *plan
    cdef idx_t row = rows.row
    cdef int column
    out = ensure(writer, out, rows.reserve)
    if unlikely(out == NULL):
        return NULL
    start = out - writer.start
    out[0] = rows.type_byte
    put16(out + 5, rows.n_columns)
    out += ROW_HEADER
    for column in range(rows.n_columns):
        plan = rows.plans[column]
        if plan.slotted:
            memcpy(out, plan.slots + slot * SLOT_SIZE, SLOT_SIZE)
            out += plan.sizes[slot]
        elif plan.write == STRING and plan.validity == NULL:
            out = _write_string(writer, plan, row, rows.reserve, out)
            if unlikely(out == NULL):
                return NULL
        else:
            out = _write_other(writer, plan, row, rows.reserve, out)
            if unlikely(out == NULL):
                return NULL
    put32(writer.start + start + 1, <uint32_t>((out - writer.start) - start - 1))
    return out


cdef inline char *_write_string(Writer *writer, ColumnPlan *plan, idx_t row, size_t reserve, char *out) noexcept nogil:
    """A string that is not NULL, with its length; `reserve` bytes are left behind it."""
    cdef char *end
    out = ensure(writer, out, (<const uint32_t *>(plan.data + row * STRING_SIZE))[0] + reserve)
    if unlikely(out == NULL):
        return NULL
    end = copy_string(out + 4, plan.data, row)
    put32(out, <uint32_t>(end - out - 4))
    return end


cdef char *_write_other(Writer *writer, ColumnPlan *plan, idx_t row, size_t reserve, char *out) noexcept nogil:
    """Any value with its length, NULL too; `reserve` bytes are left behind it."""
    cdef size_t start
    cdef char *end
    if is_null(plan, row):
        put32(out, 0xffffffffU)
        return out + 4
    if plan.write == STRING:
        return _write_string(writer, plan, row, reserve, out)
    if plan.write < NOTHING:
        end = write_scalar(writer, plan, row, out + 4)
        put32(out, <uint32_t>(end - out - 4))
        return end
    start = out - writer.start
    end = write_value(writer, plan, row, out + 4)
    if end == NULL:
        return NULL
    put32(writer.start + start, <uint32_t>((end - writer.start) - start - 4))
    return ensure(writer, end, reserve)


cdef char *write_value(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    if plan.write >= FIRST_ARRAY:
        return write_array(writer, plan, row, out)
    if plan.write >= FIRST_JSON:
        return write_json(writer, plan, row, out)
    if plan.write >= FIRST_VARYING:
        return write_varying(writer, plan, row, out)
    out = ensure(writer, out, plan.width + SLACK)
    return NULL if out == NULL else write_scalar(writer, plan, row, out)


# Zones by name, as addresses of Zone; they live as long as the process.
_zones = {}

_INTERVAL_STYLES = {
    "postgres": INTERVAL_POSTGRES,
    "postgres_verbose": INTERVAL_POSTGRES_VERBOSE,
    "sql_standard": INTERVAL_SQL_STANDARD,
    "iso_8601": INTERVAL_ISO_8601,
}
_DATE_STYLES = {"ISO": DATE_ISO, "SQL": DATE_SQL, "German": DATE_GERMAN, "Postgres": DATE_POSTGRES}


cdef const Zone *_zone(str name) except NULL:
    cdef Zone *zone
    cdef size_t size
    if name in _zones:
        return <const Zone *><size_t>_zones[name]
    loaded = load_zone(name)
    size = len(loaded.starts)
    # One block: the struct, the starts, the offsets, the names.
    zone = <Zone *>malloc(sizeof(Zone) + size * (sizeof(int64_t) + sizeof(int32_t)) + (size + 1) * ZONE_NAME)
    if zone == NULL:
        raise MemoryError
    zone.size = size
    zone.starts = <int64_t *>(zone + 1)
    zone.offsets = <int32_t *>(zone.starts + size)
    zone.names = <char *>(zone.offsets + size)
    zone.first_offset = loaded.first_offset
    zone.cycle_start = INT64_MAX if loaded.cycle_start is None else loaded.cycle_start
    for index in range(size):
        zone.starts[index] = loaded.starts[index]
        zone.offsets[index] = loaded.offsets[index]
    names = b"".join(
        name.encode("ascii")[: ZONE_NAME - 1].ljust(ZONE_NAME, b"\0") for name in (loaded.first_name, *loaded.names)
    )
    memcpy(zone.names, <const char *>names, len(names))
    _zones[name] = <size_t>zone
    return zone


cdef Render *make_render(object options) except NULL:
    cdef const Zone *zone = _zone(options.time_zone)
    cdef int style = _INTERVAL_STYLES[options.interval_style]
    cdef int digits = options.extra_float_digits
    date_style, _, order = options.date_style.partition(", ")
    cdef int dates = _DATE_STYLES[date_style]
    cdef bint day_first = order == "DMY"
    cdef bint escape = options.bytea_output == "escape"
    cdef Render *render = <Render *>malloc(sizeof(Render))
    if render == NULL:
        raise MemoryError
    render.extra_float_digits = digits
    render.bytea_escape = escape
    render.interval_style = style
    render.date_style = dates
    render.day_first = day_first
    render.zone = zone
    return render


cdef void free_render(Render *render) noexcept nogil:
    free(render)


cdef str _take_text(char *text):
    """A string that the C API made, which is freed."""
    cdef str taken
    if text == NULL:
        return None
    try:
        taken = text.decode()
    finally:
        api.free(text)
    return taken


cdef object _take_type(duckdb_logical_type type):
    try:
        return describe_type(type)
    finally:
        api.destroy_logical_type(&type)


cdef object describe_type(duckdb_logical_type type):
    cdef duckdb_type kind = api.get_type_id(type)
    alias = _take_text(api.logical_type_get_alias(type))
    identity = TypeId(kind) if 0 <= kind < len(TypeId) else TypeId.INVALID
    if kind == DUCKDB_TYPE_DECIMAL:
        return LogicalType(identity, alias, width=api.decimal_width(type), scale=api.decimal_scale(type))
    if kind == DUCKDB_TYPE_ENUM:
        labels = [_take_text(api.enum_dictionary_value(type, index)) for index in range(api.enum_dictionary_size(type))]
        return LogicalType(identity, alias, dictionary=tuple(labels))
    if kind == DUCKDB_TYPE_LIST:
        return LogicalType(identity, alias, child=_take_type(api.list_type_child_type(type)))
    if kind == DUCKDB_TYPE_ARRAY:
        child = _take_type(api.array_type_child_type(type))
        return LogicalType(identity, alias, child=child, size=api.array_type_array_size(type))
    return LogicalType(identity, alias, members=_members(type, kind))


cdef tuple _members(duckdb_logical_type type, duckdb_type kind):
    if kind == DUCKDB_TYPE_MAP:
        return ("key", _take_type(api.map_type_key_type(type))), ("value", _take_type(api.map_type_value_type(type)))
    if kind == DUCKDB_TYPE_STRUCT:
        return tuple(
            (_take_text(api.struct_type_child_name(type, index)), _take_type(api.struct_type_child_type(type, index)))
            for index in range(api.struct_type_child_count(type))
        )
    if kind == DUCKDB_TYPE_UNION:
        return tuple(
            (_take_text(api.union_type_member_name(type, index)), _take_type(api.union_type_member_type(type, index)))
            for index in range(api.union_type_member_count(type))
        )
    return ()
