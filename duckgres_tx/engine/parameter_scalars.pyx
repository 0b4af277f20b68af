"""Parameters that are no arrays: from a PostgreSQL type's text or binary to a DuckDB value.

Touches: the heap, for values and what they are made from. No GIL.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free
from libc.string cimport memcmp, memcpy, strlen

from duckgres_tx.engine.buffers cimport swap64
from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_BIT, DUCKDB_TYPE_BLOB, DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_DATE, DUCKDB_TYPE_ENUM,
    DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_INTERVAL, DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_TIME, DUCKDB_TYPE_TIMESTAMP,
    DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_TIME_TZ, DUCKDB_TYPE_UUID, DUCKDB_TYPE_VARCHAR, api, duckdb_bit,
    duckdb_date, duckdb_interval, duckdb_time, duckdb_time_tz, duckdb_timestamp, duckdb_type, duckdb_uhugeint
)
from duckgres_tx.engine.input_bytes cimport (
    Bytes, check_text, read_bits_binary, read_bits_text, read_bool_text, read_bytea_text, read_uuid_text
)
from duckgres_tx.engine.input_errors cimport bad_binary, bad_label
from duckgres_tx.engine.input_intervals cimport read_interval_text
from duckgres_tx.engine.input_numbers cimport (
    read_float_text, read_integer_text, read_numeric_text, read_oid_text
)
from duckgres_tx.engine.input_numbers_binary cimport read_float_binary, read_integer_binary, read_numeric_binary
from duckgres_tx.engine.input_temporal cimport (
    LEFT_TO_DUCKDB, read_date_text, read_time_text, read_timestamp_text, read_timestamptz_text, read_timetz_text
)
from duckgres_tx.engine.input_temporal_binary cimport (
    read_date_binary, read_interval_binary, read_time_binary, read_timestamp_binary, read_timetz_binary
)
from duckgres_tx.engine.numbers cimport Number
from duckgres_tx.engine.text_floats cimport write_double, write_float
from duckgres_tx.engine.text_types cimport (
    NOT_READ, TEXT_TYPE_ROOM, canonical_text, is_text_type, text_of_binary
)
from duckgres_tx.engine.values cimport (
    natural_number, value_of_date, value_of_double, value_of_integer, value_of_number, value_of_timestamp
)


cdef int read_scalar(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    cdef int oid = source.oid
    value[0] = NULL
    if oid == 21 or oid == 23 or oid == 20 or oid == 26 or oid == 28 or oid == 29:
        return _read_integer(reading, source, target, exact, value)
    elif oid == 700 or oid == 701:
        return _read_float(reading, source, target, exact, value)
    elif oid == 1700:
        return _read_numeric(reading, source, target, exact, value)
    elif oid == 16:
        return _read_bool(reading, source, target, exact, value)
    elif oid == 1082 or oid == 1114 or oid == 1184:
        return _read_instant(reading, source, target, exact, value)
    elif oid == 1083 or oid == 1266 or oid == 1186:
        return _read_clock(reading, source, target, exact, value)
    elif oid == 17 or oid == 1560 or oid == 1562:
        return _read_bytes(reading, source, target, exact, value)
    elif oid == 2950:
        return _read_uuid(reading, source, target, exact, value)
    elif is_text_type(oid):
        return _read_text_type(reading, source, target, exact, value)
    elif source.format == 1 and _is_registered_name(oid):
        return _read_integer(reading, source, target, exact, value)
    return _read_string(reading, source, target, exact, value)


cdef bint _is_registered_name(int oid) noexcept nogil:
    """regproc, regclass, regtype ...: a number in binary, a name in text."""
    return oid == 24 or (2202 <= oid <= 2206) or oid == 4089 or oid == 4096


cdef int _settle(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_type own, duckdb_value natural,
    duckdb_value *value
) noexcept nogil:
    """Choose what to bind: `value` if it was made, else the value as the type it has of its own, or as text for a
    parameter that is text. Takes `natural` over."""
    cdef char *text
    if value[0] != NULL:
        api.destroy_value(&natural)
        return MADE
    if target.id == DUCKDB_TYPE_VARCHAR and natural != NULL:
        if source.format == 0:
            value[0] = api.create_varchar_length(source.data, source.length)
        else:
            text = api.get_varchar(natural)
            if text != NULL:
                value[0] = api.create_varchar_length(text, strlen(text))
            api.free(text)
        api.destroy_value(&natural)
        return MADE
    if exact and own != target.id:
        api.destroy_value(&natural)
        return NOT_EXACT
    value[0] = natural
    return MADE


cdef int _read_integer(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    cdef int64_t number = 0
    cdef int width = 2 if source.oid == 21 else 8 if source.oid == 20 else 4
    cdef duckdb_type own = DUCKDB_TYPE_INTEGER if source.oid == 23 else DUCKDB_TYPE_BIGINT
    cdef duckdb_value natural
    cdef int result
    if source.format == 1:
        result = read_integer_binary(reading, source.data, source.length, width, &number)
        if source.oid != 21 and source.oid != 23 and source.oid != 20:
            number &= 0xffffffffLL
    elif source.oid == 21 or source.oid == 23 or source.oid == 20:
        result = read_integer_text(reading, source.data, source.length, width, &number)
    else:
        result = read_oid_text(reading, source.data, source.length, &number)
    if result:
        return REFUSED
    value[0] = value_of_integer(target, number)
    if value[0] != NULL:
        return MADE
    if source.oid == 21:
        own = DUCKDB_TYPE_SMALLINT
        natural = api.create_int16(<short>number)
    elif source.oid == 23:
        natural = api.create_int32(<int>number)
    else:
        natural = api.create_int64(number)
    return _settle(reading, source, target, exact, own, natural, value)


cdef int _read_float(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    cdef double number = 0
    cdef char text[32]
    cdef int width = 4 if source.oid == 700 else 8
    if source.format == 1:
        if read_float_binary(reading, source.data, source.length, width, &number):
            return REFUSED
    elif read_float_text(reading, source.data, source.length, width, &number):
        return REFUSED
    if target.id == DUCKDB_TYPE_VARCHAR and source.format == 1:
        if width == 4:
            value[0] = api.create_varchar_length(text, write_float(text, <float>number, 1) - text)
        else:
            value[0] = api.create_varchar_length(text, write_double(text, number, 1) - text)
        return MADE
    value[0] = value_of_double(target, number)
    if value[0] != NULL:
        return MADE
    if width == 4:
        return _settle(reading, source, target, exact, -1, api.create_float(<float>number), value)
    return _settle(reading, source, target, exact, -1, api.create_double(number), value)


cdef int _read_numeric(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    cdef Number number
    if source.format == 1:
        if read_numeric_binary(reading, source.data, source.length, &number):
            return REFUSED
    elif read_numeric_text(reading, source.data, source.length, &number):
        return REFUSED
    value[0] = value_of_number(target, &number)
    if value[0] != NULL:
        return MADE
    return _settle(reading, source, target, exact, -1, natural_number(&number), value)


cdef int _read_bool(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    cdef bint flag = False
    if source.format == 1:
        if source.length != 1:
            bad_binary(reading)
            return REFUSED
        flag = source.data[0] != 0
    elif read_bool_text(reading, source.data, source.length, &flag):
        return REFUSED
    return _settle(reading, source, target, exact, DUCKDB_TYPE_BOOLEAN, api.create_bool(flag), value)


cdef int _left_to_duckdb(SourceValue *source, bint exact, duckdb_value *value) noexcept nogil:
    """Text that DuckDB is to cast."""
    if exact:
        return NOT_EXACT
    value[0] = api.create_varchar_length(source.data, source.length)
    return MADE


cdef int _read_instant(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    """date, timestamp, timestamptz."""
    cdef int32_t days = 0
    cdef duckdb_timestamp timestamp
    cdef duckdb_date date
    cdef int result
    timestamp.micros = 0
    if source.oid == 1082:
        result = (
            read_date_binary(reading, source.data, source.length, &days) if source.format == 1
            else read_date_text(reading, source.data, source.length, &days)
        )
    elif source.format == 1:
        result = read_timestamp_binary(reading, source.data, source.length, &timestamp.micros)
    elif source.oid == 1114:
        result = read_timestamp_text(reading, source.data, source.length, &timestamp.micros)
    else:
        result = read_timestamptz_text(reading, source.data, source.length, &timestamp.micros)
    if result == LEFT_TO_DUCKDB:
        return _left_to_duckdb(source, exact, value)
    if result:
        return REFUSED
    if source.oid == 1082:
        value[0] = value_of_date(target, days)
        date.days = days
        return _settle(reading, source, target, exact, DUCKDB_TYPE_DATE, api.create_date(date), value)
    if source.oid == 1184:
        return _settle(reading, source, target, exact, DUCKDB_TYPE_TIMESTAMP_TZ, api.create_timestamp_tz(timestamp), value)
    value[0] = value_of_timestamp(target, timestamp.micros)
    return _settle(reading, source, target, exact, DUCKDB_TYPE_TIMESTAMP, api.create_timestamp(timestamp), value)


cdef int _read_clock(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    """time, timetz, interval."""
    cdef duckdb_time time
    cdef duckdb_time_tz with_zone
    cdef duckdb_interval interval
    cdef int32_t offset = 0
    cdef int result
    time.micros = 0
    if source.oid == 1083:
        result = (
            read_time_binary(reading, source.data, source.length, &time.micros) if source.format == 1
            else read_time_text(reading, source.data, source.length, &time.micros)
        )
    elif source.oid == 1266:
        result = (
            read_timetz_binary(reading, source.data, source.length, &time.micros, &offset) if source.format == 1
            else read_timetz_text(reading, source.data, source.length, &time.micros, &offset)
        )
    else:
        result = (
            read_interval_binary(reading, source.data, source.length, &interval) if source.format == 1
            else read_interval_text(reading, source.data, source.length, &interval)
        )
    if result == LEFT_TO_DUCKDB:
        return _left_to_duckdb(source, exact, value)
    if result:
        return REFUSED
    if source.oid == 1083:
        return _settle(reading, source, target, exact, DUCKDB_TYPE_TIME, api.create_time(time), value)
    if source.oid == 1266:
        with_zone.bits = (<uint64_t>time.micros << 24) | <uint64_t>(57599 - offset)
        return _settle(reading, source, target, exact, DUCKDB_TYPE_TIME_TZ, api.create_time_tz_value(with_zone), value)
    return _settle(reading, source, target, exact, DUCKDB_TYPE_INTERVAL, api.create_interval(interval), value)


cdef int _read_bytes(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    """bytea, bit, varbit."""
    cdef Bytes bytes = Bytes(NULL, 0)
    cdef duckdb_bit bits
    cdef duckdb_value natural
    cdef int result = 0
    if source.oid == 17 and source.format == 1:
        natural = api.create_blob(<const unsigned char *>source.data, source.length)
        return _settle(reading, source, target, exact, DUCKDB_TYPE_BLOB, natural, value)
    if source.oid == 17:
        result = read_bytea_text(reading, source.data, source.length, &bytes)
    elif source.format == 1:
        result = read_bits_binary(reading, source.data, source.length, &bytes)
    else:
        result = read_bits_text(reading, source.data, source.length, &bytes)
    if result:
        free(bytes.data)
        return REFUSED
    if source.oid == 17:
        natural = api.create_blob(bytes.data, bytes.length)
    else:
        bits.data = bytes.data
        bits.size = bytes.length
        natural = api.create_bit(bits)
    free(bytes.data)
    return _settle(
        reading, source, target, exact, DUCKDB_TYPE_BLOB if source.oid == 17 else DUCKDB_TYPE_BIT, natural, value
    )


cdef int _read_uuid(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    cdef duckdb_uhugeint uuid
    if source.format == 1:
        if source.length != 16:
            bad_binary(reading)
            return REFUSED
        memcpy(&uuid.upper, source.data, 8)
        memcpy(&uuid.lower, source.data + 8, 8)
        uuid.upper = swap64(uuid.upper)
        uuid.lower = swap64(uuid.lower)
    elif read_uuid_text(reading, source.data, source.length, &uuid.upper, &uuid.lower):
        return REFUSED
    return _settle(reading, source, target, exact, DUCKDB_TYPE_UUID, api.create_uuid(uuid), value)


cdef int _read_text_type(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    """inet and such: their text in PostgreSQL's form."""
    cdef char text[TEXT_TYPE_ROOM]
    cdef int length
    if source.format == 1:
        length = text_of_binary(source.oid, source.data, source.length, text)
        if length == NOT_READ:
            bad_binary(reading)
    else:
        length = canonical_text(
            source.oid, source.data, source.length, text, reading.sqlstate, reading.error, reading.error_size
        )
    if length == NOT_READ:
        return REFUSED
    value[0] = api.create_varchar_length(text, length)
    if exact and target.id != DUCKDB_TYPE_VARCHAR:
        api.destroy_value(value)
        return NOT_EXACT
    return MADE


cdef int _read_string(
    Reading *reading, SourceValue *source, Target *target, bint exact, duckdb_value *value
) noexcept nogil:
    """Text, JSON, and every type that DuckDB has to make of text itself."""
    cdef const char *text = source.data
    cdef int64_t length = source.length
    if source.oid == 3802 and source.format == 1:
        # jsonb's binary form is its version and its text.
        if length < 1 or text[0] != 1:
            memcpy(reading.sqlstate, b"22P03", 6)
            snprintf(
                reading.error, reading.error_size, b"unsupported jsonb version number %d",
                <int>(<unsigned char>text[0] if length > 0 else 0)
            )
            return REFUSED
        text += 1
        length -= 1
    if check_text(reading, text, length):
        return REFUSED
    if target.id == DUCKDB_TYPE_ENUM:
        return _read_label(reading, target, text, length, value)
    value[0] = api.create_varchar_length(text, length)
    if exact and target.id != DUCKDB_TYPE_VARCHAR:
        api.destroy_value(value)
        return NOT_EXACT
    return MADE


cdef int _read_label(
    Reading *reading, Target *target, const char *text, int64_t length, duckdb_value *value
) noexcept nogil:
    cdef uint32_t count = api.enum_dictionary_size(target.type)
    cdef uint32_t index
    cdef char *label
    cdef bint same
    for index in range(count):
        label = api.enum_dictionary_value(target.type, index)
        same = label != NULL and <int64_t>strlen(label) == length and memcmp(label, text, length) == 0
        api.free(label)
        if same:
            value[0] = api.create_enum_value(target.type, index)
            return MADE
    bad_label(reading, text, length)
    return REFUSED
