"""PostgreSQL's parameter values to DuckDB's.

A value is read as the type that the client declared, or, where it declared none or text, as the PostgreSQL type of the
parameter that DuckDB resolved; so a wrong text fails with PostgreSQL's own words. Then it is made a value of exactly
the resolved type if that loses nothing: DuckDB binds a statement anew when a value's type differs from the one it
planned for. A value that doesn't fit (1.5 for a BIGINT) keeps its own type, and DuckDB decides what comparing the two
means. Text that only DuckDB can read is handed over as VARCHAR: a TIMESTAMPTZ without an offset or with a
zone's name, and what PostgreSQL has no type for.

Touches: the prepared statement it is given, and heap memory that it frees. No GIL.

Spec: protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND
"""

from libc.stdint cimport int64_t

from duckgres_tx.engine.capi cimport DUCKDB_TYPE_ARRAY, DUCKDB_TYPE_LIST, api, duckdb_value
from duckgres_tx.engine.input_errors cimport Reading, bad_format, complain, no_memory
from duckgres_tx.engine.parameter_arrays cimport read_array
from duckgres_tx.engine.parameter_scalars cimport MADE, SourceValue, read_scalar
from duckgres_tx.engine.parameter_types cimport element_oid, is_textual, oid_of_target, type_name
from duckgres_tx.engine.values cimport Target, make_target


cdef int bind_parameter(
    duckdb_prepared_statement statement, idx_t index, duckdb_logical_type type, int oid, int format,
    const char *data, int64_t length, const char *enum_name, char *error, size_t error_size, char *sqlstate
) noexcept nogil:
    cdef Reading reading = Reading(error, error_size, sqlstate, b"text", <int>index, enum_name)
    cdef duckdb_value value = NULL
    cdef int result
    if data == NULL:
        api.bind_null(statement, index)
        return 0
    if format != 0 and format != 1:
        return bad_format(&reading, format)
    result = _read(&reading, type, oid, format, data, length, &value)
    if result == MADE:
        if value == NULL:
            return no_memory(&reading)
        if api.bind_value(statement, index, value):
            complain(&reading, b"22000", b"DuckDB refuses the parameter's value")
            result = -1
        api.destroy_value(&value)
    return 0 if result == MADE else -1


cdef int check_parameter(
    idx_t index, duckdb_logical_type type, int oid, int format, const char *data, int64_t length,
    const char *enum_name, char *error, size_t error_size, char *sqlstate
) noexcept nogil:
    cdef Reading reading = Reading(error, error_size, sqlstate, b"text", <int>index, enum_name)
    cdef duckdb_value value = NULL
    cdef int result
    if data == NULL:
        return 0
    if format != 0 and format != 1:
        return bad_format(&reading, format)
    result = _read(&reading, type, oid, format, data, length, &value)
    if value != NULL:
        api.destroy_value(&value)
    return 0 if result == MADE else -1


cdef int _read(
    Reading *reading, duckdb_logical_type type, int oid, int format, const char *data, int64_t length,
    duckdb_value *value
) noexcept nogil:
    cdef Target target = make_target(type)
    cdef SourceValue source
    cdef bint is_list = target.id == DUCKDB_TYPE_LIST or target.id == DUCKDB_TYPE_ARRAY
    cdef int element = element_oid(oid)
    # Text that was declared as such is an untyped literal to DuckDB: it takes the type of what it is compared with.
    if element != 0 or (is_list and (oid == 0 or is_textual(oid))):
        return read_array(reading, &target, element, format if element != 0 or oid == 0 else 0, data, length, value)
    source.oid = oid
    source.format = format
    source.data = data
    source.length = length
    if oid == 0:
        source.oid = oid_of_target(target.id)
    elif is_textual(oid):
        source.oid = oid_of_target(target.id)
        if source.oid != 25:
            source.format = 0
        else:
            source.oid = oid
    reading.type_name = type_name(source.oid)
    return read_scalar(reading, &source, &target, False, value)
