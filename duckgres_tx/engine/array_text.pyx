"""``duckgres_array_text(list)``: a list's text as PostgreSQL has it, ``{1,NULL,"a b"}`` where DuckDB writes ``[1, NULL, a b]``.

The text is what a client would be sent for it under PostgreSQL's own settings, times with a zone in UTC.

Touches: the chunk it is given and the heap. No GIL.

Spec: arrays.html#ARRAYS-IO
"""

from libc.stdint cimport uint64_t
from libc.stdlib cimport free

from duckgres_tx.engine.arrays cimport write_array
from duckgres_tx.engine.buffers cimport Writer, ensure
from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_ANY,
    DUCKDB_TYPE_VARCHAR,
    api,
    duckdb_connection,
    duckdb_data_chunk,
    duckdb_function_info,
    duckdb_logical_type,
    duckdb_scalar_function,
    duckdb_vector,
    idx_t,
)
from duckgres_tx.engine.nulls cimport is_null
from duckgres_tx.engine.plans cimport FIRST_ARRAY, ColumnPlan, Render, bind_vector, drop_plan, make_plan

# PostgreSQL's own: extra_float_digits, bytea_output = hex, IntervalStyle = postgres, DateStyle = ISO, MDY; UTC.
cdef Render usual = Render(1, 0, 0, 0, False, NULL)


cdef void _show(duckdb_function_info info, duckdb_data_chunk chunk, duckdb_vector output) noexcept nogil:
    cdef duckdb_vector given = api.data_chunk_get_vector(chunk, 0)
    cdef duckdb_logical_type kind = api.vector_get_column_type(given)
    cdef ColumnPlan *plan = make_plan(kind, 0, &usual, False)
    api.destroy_logical_type(&kind)
    if plan == NULL:
        api.scalar_function_set_error(info, b"Out of Memory Error: no memory for duckgres_array_text")
    elif plan.write < FIRST_ARRAY:
        api.scalar_function_set_error(info, b"Invalid Input Error: duckgres_array_text takes a list")
    elif not _show_rows(plan, given, api.data_chunk_get_size(chunk), output):
        api.scalar_function_set_error(info, b"Out of Memory Error: no memory for duckgres_array_text")
    drop_plan(plan)


cdef bint _show_rows(ColumnPlan *plan, duckdb_vector given, idx_t rows, duckdb_vector output) noexcept nogil:
    cdef Writer writer = Writer(NULL, NULL, 0)
    cdef char *end
    cdef uint64_t *validity
    cdef idx_t row
    cdef bint well = True
    bind_vector(plan, given)
    api.vector_ensure_validity_writable(output)
    validity = api.vector_get_validity(output)
    for row in range(rows):
        if is_null(plan, row):
            validity[row >> 6] &= ~(<uint64_t>1 << (row & 63))
            continue
        end = ensure(&writer, writer.start, 2)
        if end != NULL:
            end = write_array(&writer, plan, row, end)
        if end == NULL:
            well = False
            break
        api.vector_assign_string_element_len(output, row, writer.start, end - writer.start)
    free(writer.start)
    return well


cdef int register_array_text(duckdb_connection connection) noexcept nogil:
    cdef duckdb_scalar_function function = api.create_scalar_function()
    cdef duckdb_logical_type text = api.create_logical_type(DUCKDB_TYPE_VARCHAR)
    cdef duckdb_logical_type anything = api.create_logical_type(DUCKDB_TYPE_ANY)
    cdef int failed
    api.scalar_function_set_name(function, b"duckgres_array_text")
    api.scalar_function_add_parameter(function, anything)
    api.scalar_function_set_return_type(function, text)
    api.scalar_function_set_function(function, _show)
    failed = api.register_scalar_function(connection, function)
    api.destroy_scalar_function(&function)
    api.destroy_logical_type(&text)
    api.destroy_logical_type(&anything)
    return -1 if failed else 0
