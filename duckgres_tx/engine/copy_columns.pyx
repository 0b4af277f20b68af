"""COPY's values into the vectors of data chunks.

What is read how is said by a parameter's readers (``input_*``), in whose words a bad value is refused; what comes by the
million has a quick way here. A type that DuckDB itself has to make from text (STRUCT, MAP …) is carried as VARCHAR.

Touches: the columns it is given, and the arena. No GIL.
"""

from libc.stdint cimport (
    int32_t, int64_t, uint8_t, uint32_t, uint64_t
)
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memcmp, memcpy, memset, strlen

from duckgres_tx.engine.buffers cimport swap64
from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_ARRAY, DUCKDB_TYPE_BIT, DUCKDB_TYPE_BLOB, DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_DATE,
    DUCKDB_TYPE_DECIMAL, DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_ENUM, DUCKDB_TYPE_FLOAT, DUCKDB_TYPE_HUGEINT,
    DUCKDB_TYPE_INTERVAL, DUCKDB_TYPE_LIST, DUCKDB_TYPE_TIME,
    DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_MS, DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_TIMESTAMP_S,
    DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_TIME_NS, DUCKDB_TYPE_TIME_TZ, DUCKDB_TYPE_TINYINT, DUCKDB_TYPE_UBIGINT,
    DUCKDB_TYPE_UHUGEINT, DUCKDB_TYPE_UINTEGER, DUCKDB_TYPE_UUID,
    DUCKDB_TYPE_VARCHAR, api, duckdb_interval
)
from duckgres_tx.engine.civil cimport days_from_civil, days_in_month
from duckgres_tx.engine.copy_arena cimport take_bytes
from duckgres_tx.engine.copy_arrays cimport read_array_binary, read_array_text
from duckgres_tx.engine.copy_numbers cimport (
    read_decimal64, read_decimal64_binary, read_whole_binary, read_whole_text, store_integer, store_number
)
from duckgres_tx.engine.copy_search cimport all_plain
from duckgres_tx.engine.copy_times cimport read_clock, read_instant
from duckgres_tx.engine.forms cimport alias_oid
from duckgres_tx.engine.input_bytes cimport (
    Bytes, check_text, read_bits_binary, read_bits_text, read_bool_text, read_bytea_text, read_uuid_text
)
from duckgres_tx.engine.input_errors cimport bad_binary, complain, no_memory
from duckgres_tx.engine.input_intervals cimport read_interval_text
from duckgres_tx.engine.input_numbers cimport (
    read_float_text, read_integer_text, read_numeric_text, read_oid_text
)
from duckgres_tx.engine.input_numbers_binary cimport read_float_binary, read_integer_binary, read_numeric_binary
from duckgres_tx.engine.input_temporal_binary cimport read_interval_binary
from duckgres_tx.engine.numbers cimport Number
from duckgres_tx.engine.parameter_types cimport oid_of_target, type_name
from duckgres_tx.engine.spans cimport is_digit
from duckgres_tx.engine.strings cimport INLINE_LENGTH, STRING_SIZE


cdef enum:
    BYTEA = 17
    JSON = 114
    NUMERIC = 1700


# --- columns

cdef int _compare_labels(const void *left, const void *right) noexcept nogil:
    return _compare(<const Label *>left, (<const Label *>right).text, (<const Label *>right).length)


cdef inline int _compare(const Label *label, const char *text, int64_t length) noexcept nogil:
    cdef int order = memcmp(label.text, text, label.length if label.length < length else length)
    return order if order else (label.length > length) - (label.length < length)


cdef bint _take_labels(CopyColumn *column, duckdb_logical_type type) noexcept nogil:
    cdef uint32_t count = api.enum_dictionary_size(type)
    cdef uint32_t index
    column.labels = <Label *>calloc(count + 1, sizeof(Label))
    if column.labels == NULL:
        return False
    column.label_type = api.enum_internal_type(type)
    for index in range(count):
        column.labels[index].text = api.enum_dictionary_value(type, index)
        if column.labels[index].text == NULL:
            return False
        column.labels[index].length = strlen(column.labels[index].text)
        column.labels[index].index = index
        column.n_labels = index + 1
    qsort(column.labels, count, sizeof(Label), _compare_labels)
    return True


cdef bint _take_element(CopyColumn *column, duckdb_logical_type child, const Render *render) noexcept nogil:
    """A LIST of what the child's values are carried as. Takes the child's type over."""
    cdef bint well
    column.element = <CopyColumn *>calloc(1, sizeof(CopyColumn))
    well = column.element != NULL and make_column(column.element, child, render)
    api.destroy_logical_type(&child)
    if not well:
        return False
    column.id = DUCKDB_TYPE_LIST
    column.type_name = column.element.type_name
    column.carrier = api.create_list_type(column.element.carrier)
    return column.carrier != NULL


cdef bint _is_read_here(duckdb_type id) noexcept nogil:
    return (
        DUCKDB_TYPE_BOOLEAN <= id <= DUCKDB_TYPE_UBIGINT or id == DUCKDB_TYPE_FLOAT or id == DUCKDB_TYPE_DOUBLE
        or id == DUCKDB_TYPE_TIMESTAMP or id == DUCKDB_TYPE_DATE or id == DUCKDB_TYPE_TIME or id == DUCKDB_TYPE_INTERVAL
        or id == DUCKDB_TYPE_HUGEINT or id == DUCKDB_TYPE_UHUGEINT or id == DUCKDB_TYPE_VARCHAR or id == DUCKDB_TYPE_BLOB
        or id == DUCKDB_TYPE_TIMESTAMP_S or id == DUCKDB_TYPE_TIMESTAMP_MS or id == DUCKDB_TYPE_TIMESTAMP_NS
        or id == DUCKDB_TYPE_UUID or id == DUCKDB_TYPE_BIT or id == DUCKDB_TYPE_TIME_TZ or id == DUCKDB_TYPE_TIMESTAMP_TZ
        or id == DUCKDB_TYPE_TIME_NS
    )


cdef bint make_column(CopyColumn *column, duckdb_logical_type type, const Render *render) noexcept nogil:
    cdef duckdb_type id = api.get_type_id(type)
    cdef int alias = alias_oid(type, id)
    column.id = id
    column.render = render
    column.oid = alias if alias else oid_of_target(id)
    column.type_name = type_name(column.oid)
    if column.oid == JSON:
        column.type_name = b"json"
    if id == DUCKDB_TYPE_LIST:
        return _take_element(column, api.list_type_child_type(type), render)
    if id == DUCKDB_TYPE_ARRAY:
        return _take_element(column, api.array_type_child_type(type), render)
    if id == DUCKDB_TYPE_DECIMAL:
        column.width = api.decimal_width(type)
        column.scale = api.decimal_scale(type)
        column.kept = api.decimal_internal_type(type)
        column.carrier = api.create_decimal_type(column.width, column.scale)
    elif id == DUCKDB_TYPE_ENUM and _take_labels(column, type):
        # DuckDB casts the label back; its number is not worth a dictionary of our own.
        column.carrier = api.create_logical_type(DUCKDB_TYPE_VARCHAR)
    elif _is_read_here(id):
        column.carrier = api.create_logical_type(id)
    else:
        column.id = DUCKDB_TYPE_VARCHAR
        column.carrier = api.create_logical_type(DUCKDB_TYPE_VARCHAR)
    return column.carrier != NULL


cdef void free_column(CopyColumn *column) noexcept nogil:
    cdef uint32_t index
    if column.carrier != NULL:
        api.destroy_logical_type(&column.carrier)
    for index in range(column.n_labels):
        api.free(column.labels[index].text)
    free(column.labels)
    if column.element != NULL:
        free_column(column.element)
        free(column.element)
    memset(column, 0, sizeof(CopyColumn))


cdef void bind_column(CopyColumn *column, duckdb_vector vector) noexcept nogil:
    column.vector = vector
    column.data = <char *>api.vector_get_data(vector)
    column.validity = NULL
    if column.element != NULL:
        api.list_vector_set_size(vector, 0)
        column.elements = 0
        column.capacity = 0
        bind_column(column.element, api.list_vector_get_child(vector))


cdef int fixed_size(duckdb_type id, int oid) noexcept nogil:
    if oid == 16:
        return 1
    elif oid == 21:
        return 2
    elif oid == 23 or oid == 26 or oid == 700 or oid == 1082:
        return 4
    elif oid == 20 or oid == 701 or oid == 1083 or oid == 1114 or oid == 1184:
        return 8
    elif oid == 1266:
        return 12
    return 16 if oid == 1186 or oid == 2950 else 0


cdef void set_null(CopyColumn *column, idx_t row) noexcept nogil:
    if column.validity == NULL:
        api.vector_ensure_validity_writable(column.vector)
        column.validity = api.vector_get_validity(column.vector)
    column.validity[row >> 6] &= ~(<uint64_t>1 << (row & 63))


# --- strings

cdef int _store_bytes(
    CopyColumn *column, idx_t row, const char *bytes, int64_t length, Arena *arena, Reading *reading
) noexcept nogil:
    cdef char *string = column.data + row * STRING_SIZE
    cdef uint32_t size = <uint32_t>length
    cdef char *kept
    if length <= INLINE_LENGTH:
        memset(string, 0, STRING_SIZE)
        memcpy(string, &size, 4)
        memcpy(string + 4, bytes, length)
        return 0
    kept = take_bytes(arena, length)
    if kept == NULL:
        return no_memory(reading)
    memcpy(kept, bytes, length)
    memcpy(string, &size, 4)
    memcpy(string + 4, kept, 4)
    memcpy(string + 8, &kept, 8)
    return 0


cdef int _store_text(
    CopyColumn *column, idx_t row, const char *text, int64_t length, Arena *arena, Reading *reading
) noexcept nogil:
    if not all_plain(text, text + length) and check_text(reading, text, length):
        return -1
    if column.labels != NULL and _find_label(column, text, length, reading):
        return -1
    return _store_bytes(column, row, text, length, arena, reading)


cdef int _find_label(CopyColumn *column, const char *text, int64_t length, Reading *reading) noexcept nogil:
    cdef uint32_t low = 0
    cdef uint32_t high = column.n_labels
    cdef uint32_t middle
    cdef int order
    while low < high:
        middle = (low + high) // 2
        order = _compare(&column.labels[middle], text, length)
        if order == 0:
            return 0
        if order < 0:
            low = middle + 1
        else:
            high = middle
    memcpy(reading.sqlstate, b"22P02", 6)
    snprintf(
        reading.error, reading.error_size, b"invalid input value for enum: \"%.*s\"",
        <int>(length if length < 400 else 400), text
    )
    return -1


# --- text

cdef inline bint _quick_integer(const char *text, int64_t length, int64_t *value) noexcept nogil:
    """Up to 18 digits, with or without a minus sign; anything else is left to the reader that knows all."""
    cdef bint negative = length > 0 and text[0] == c"-"
    cdef int64_t index = negative
    cdef uint64_t number = 0
    cdef uint32_t digit
    if length - index < 1 or length - index > 18:
        return False
    while index < length:
        digit = <uint8_t>text[index] - <uint32_t>c"0"
        if digit > 9:
            return False
        number = number * 10 + digit
        index += 1
    value[0] = -<int64_t>number if negative else <int64_t>number
    return True


cdef inline bint _two(const char *text, uint32_t *number) noexcept nogil:
    cdef uint32_t tens = <uint8_t>text[0] - <uint32_t>c"0"
    cdef uint32_t ones = <uint8_t>text[1] - <uint32_t>c"0"
    number[0] = tens * 10 + ones
    return tens <= 9 and ones <= 9


cdef inline bint _quick_date(const char *text, int64_t length, int32_t *days) noexcept nogil:
    """YYYY-MM-DD."""
    cdef uint32_t century, year, month, day
    if length != 10 or text[4] != c"-" or text[7] != c"-":
        return False
    if not (_two(text, &century) and _two(text + 2, &year) and _two(text + 5, &month) and _two(text + 8, &day)):
        return False
    year += century * 100
    if year == 0 or month < 1 or month > 12 or day < 1 or (day > 28 and <int>day > days_in_month(year, month)):
        return False
    days[0] = <int32_t>days_from_civil(year, month, day)
    return True


cdef int _read_integer(CopyColumn *column, idx_t row, const char *text, int64_t length, Reading *reading) noexcept nogil:
    cdef int64_t number = 0
    cdef int width = 2 if column.oid == 21 else 4 if column.oid == 23 else 8
    if not _quick_integer(text, length, &number):
        if column.oid != 20 and column.oid != 21 and column.oid != 23:
            if read_oid_text(reading, text, length, &number):
                return -1
        elif read_integer_text(reading, text, length, width, &number):
            return -1
    return store_integer(column, row, number, text, length, reading)


cdef int64_t _needed_digits(CopyColumn *column, const char *text, int64_t length) noexcept nogil:
    """How much of a plain number decides about its value at the column's scale: one digit more than that has."""
    cdef int64_t index = 0
    cdef int64_t point = -1
    for index in range(length):
        if text[index] == c"." and point < 0:
            point = index
        elif not is_digit(text[index]) and not (index == 0 and (text[0] == c"-" or text[0] == c"+")):
            return length
    if point < 0 or length - point - 2 <= column.scale:
        return length
    return point + 2 + column.scale


cdef int _read_numeric(CopyColumn *column, idx_t row, const char *text, int64_t length, Reading *reading) noexcept nogil:
    cdef Number number
    if column.id == DUCKDB_TYPE_DECIMAL and column.kept != DUCKDB_TYPE_HUGEINT:
        if read_decimal64(column, row, text, length):
            return 0
    if column.id != DUCKDB_TYPE_DECIMAL and read_whole_text(column, row, text, length):
        return 0
    if read_numeric_text(reading, text, _needed_digits(column, text, length), &number):
        return -1
    return store_number(column, row, &number, reading)


cdef int _read_float(CopyColumn *column, idx_t row, const char *text, int64_t length, Reading *reading) noexcept nogil:
    cdef double number = 0
    cdef bint single = column.id == DUCKDB_TYPE_FLOAT
    if read_float_text(reading, text, length, 4 if single else 8, &number):
        return -1
    if single:
        (<float *>column.data)[row] = <float>number
    else:
        (<double *>column.data)[row] = number
    return 0


cdef int _read_bytes(
    CopyColumn *column, idx_t row, const char *text, int64_t length, bint binary, Arena *arena, Reading *reading
) noexcept nogil:
    """BLOB and BIT."""
    cdef Bytes bytes = Bytes(NULL, 0)
    cdef int result
    if column.id == DUCKDB_TYPE_BLOB:
        if binary:
            return _store_bytes(column, row, text, length, arena, reading)
        result = read_bytea_text(reading, text, length, &bytes)
    elif binary:
        result = read_bits_binary(reading, text, length, &bytes)
    else:
        result = read_bits_text(reading, text, length, &bytes)
    if result == 0:
        if column.id == DUCKDB_TYPE_BIT:
            _fill_padding(&bytes)
        result = _store_bytes(column, row, <const char *>bytes.data, bytes.length, arena, reading)
    free(bytes.data)
    return result


cdef inline void _fill_padding(Bytes *bytes) noexcept nogil:
    """DuckDB wants the unused bits in front set; its own functions make them so."""
    if bytes.length > 1 and bytes.data[0] > 0 and bytes.data[0] < 8:
        bytes.data[1] |= <uint8_t>(0xff << (8 - bytes.data[0]))


cdef int _store_uuid(CopyColumn *column, idx_t row, uint64_t high, uint64_t low) noexcept nogil:
    cdef uint64_t *words = <uint64_t *>(column.data + 16 * row)
    words[0] = low
    # DuckDB keeps it as a signed number that sorts as the text does.
    words[1] = high ^ (<uint64_t>1 << 63)
    return 0


cdef int read_text_value(
    CopyColumn *column, idx_t row, const char *text, int64_t length, Arena *arena, Reading *reading
) noexcept nogil:
    cdef duckdb_type id = column.id
    cdef uint64_t high = 0
    cdef uint64_t low = 0
    cdef bint flag = False
    if id == DUCKDB_TYPE_VARCHAR or id == DUCKDB_TYPE_ENUM:
        return _store_text(column, row, text, length, arena, reading)
    elif id == DUCKDB_TYPE_DECIMAL or id == DUCKDB_TYPE_UBIGINT or id == DUCKDB_TYPE_HUGEINT or id == DUCKDB_TYPE_UHUGEINT:
        reading.type_name = column.type_name
        return _read_numeric(column, row, text, length, reading)
    elif id == DUCKDB_TYPE_DATE and _quick_date(text, length, <int32_t *>column.data + row):
        return 0
    reading.type_name = column.type_name
    if DUCKDB_TYPE_TINYINT <= id <= DUCKDB_TYPE_UINTEGER:
        return _read_integer(column, row, text, length, reading)
    elif id == DUCKDB_TYPE_DOUBLE or id == DUCKDB_TYPE_FLOAT:
        return _read_float(column, row, text, length, reading)
    elif id == DUCKDB_TYPE_BOOLEAN:
        if read_bool_text(reading, text, length, &flag):
            return -1
        column.data[row] = flag
        return 0
    elif id == DUCKDB_TYPE_UUID:
        if read_uuid_text(reading, text, length, &high, &low):
            return -1
        return _store_uuid(column, row, high, low)
    elif id == DUCKDB_TYPE_BLOB or id == DUCKDB_TYPE_BIT:
        return _read_bytes(column, row, text, length, False, arena, reading)
    elif id == DUCKDB_TYPE_LIST:
        return read_array_text(column, row, text, length, arena, reading)
    elif id == DUCKDB_TYPE_INTERVAL:
        return read_interval_text(reading, text, length, <duckdb_interval *>column.data + row)
    elif id == DUCKDB_TYPE_TIME or id == DUCKDB_TYPE_TIME_NS or id == DUCKDB_TYPE_TIME_TZ:
        return read_clock(column, row, text, length, False, reading)
    return read_instant(column, row, text, length, False, reading)


# --- binary

cdef int read_binary_value(
    CopyColumn *column, idx_t row, const char *data, int64_t length, Arena *arena, Reading *reading
) noexcept nogil:
    cdef duckdb_type id = column.id
    cdef int64_t number = 0
    cdef double real = 0
    cdef uint64_t high = 0
    cdef uint64_t low = 0
    cdef Number numeric
    reading.type_name = column.type_name
    if id == DUCKDB_TYPE_VARCHAR or id == DUCKDB_TYPE_ENUM:
        if column.oid == NUMERIC or column.oid == BYTEA:
            # BIGNUM and GEOMETRY, which DuckDB makes of text only.
            return complain(reading, b"0A000", b"a column of this type can't be copied from binary")
        return _store_text(column, row, data, length, arena, reading)
    elif DUCKDB_TYPE_TINYINT <= id <= DUCKDB_TYPE_UINTEGER:
        if read_integer_binary(reading, data, length, 2 if column.oid == 21 else 8 if column.oid == 20 else 4, &number):
            return -1
        if column.oid != 20 and column.oid != 21 and column.oid != 23:
            number &= 0xffffffffLL
        return store_integer(column, row, number, NULL, 0, reading)
    elif id == DUCKDB_TYPE_DECIMAL or id == DUCKDB_TYPE_UBIGINT or id == DUCKDB_TYPE_HUGEINT or id == DUCKDB_TYPE_UHUGEINT:
        if id != DUCKDB_TYPE_DECIMAL:
            if read_whole_binary(column, row, data, length):
                return 0
        elif column.kept != DUCKDB_TYPE_HUGEINT and read_decimal64_binary(column, row, data, length):
            return 0
        if read_numeric_binary(reading, data, length, &numeric):
            return -1
        return store_number(column, row, &numeric, reading)
    elif id == DUCKDB_TYPE_DOUBLE or id == DUCKDB_TYPE_FLOAT:
        if read_float_binary(reading, data, length, 4 if id == DUCKDB_TYPE_FLOAT else 8, &real):
            return -1
        if id == DUCKDB_TYPE_FLOAT:
            (<float *>column.data)[row] = <float>real
        else:
            (<double *>column.data)[row] = real
        return 0
    elif id == DUCKDB_TYPE_BOOLEAN:
        if length != 1:
            return bad_binary(reading)
        column.data[row] = data[0] != 0
        return 0
    elif id == DUCKDB_TYPE_UUID:
        if length != 16:
            return bad_binary(reading)
        memcpy(&high, data, 8)
        memcpy(&low, data + 8, 8)
        return _store_uuid(column, row, swap64(high), swap64(low))
    elif id == DUCKDB_TYPE_BLOB or id == DUCKDB_TYPE_BIT:
        return _read_bytes(column, row, data, length, True, arena, reading)
    elif id == DUCKDB_TYPE_LIST:
        return read_array_binary(column, row, data, length, arena, reading)
    elif id == DUCKDB_TYPE_INTERVAL:
        return read_interval_binary(reading, data, length, <duckdb_interval *>column.data + row)
    elif id == DUCKDB_TYPE_TIME or id == DUCKDB_TYPE_TIME_NS or id == DUCKDB_TYPE_TIME_TZ:
        return read_clock(column, row, data, length, True, reading)
    return read_instant(column, row, data, length, True, reading)
