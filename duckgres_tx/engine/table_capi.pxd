"""The part of DuckDB's C API that makes table functions, as ``capi`` has the rest.

Spec: https://duckdb.org/docs/stable/clients/c/table_functions
"""

from duckgres_tx.engine.capi cimport (
    bool,
    duckdb_client_context,
    duckdb_connection,
    duckdb_data_chunk,
    duckdb_delete_callback_t,
    duckdb_function_info,
    duckdb_init_info,
    duckdb_logical_type,
    duckdb_prepared_statement,
    duckdb_result,
    duckdb_state,
    duckdb_vector,
    idx_t,
)

ctypedef void *duckdb_bind_info
ctypedef void *duckdb_table_function

ctypedef void (*duckdb_table_function_bind_t)(duckdb_bind_info info) noexcept nogil
ctypedef void (*duckdb_table_function_init_t)(duckdb_init_info info) noexcept nogil
ctypedef void (*duckdb_table_function_t)(duckdb_function_info info, duckdb_data_chunk output) noexcept nogil


cdef struct TableApi:
    duckdb_state (*execute_prepared)(
        duckdb_prepared_statement prepared_statement, duckdb_result *out_result
    ) noexcept nogil
    duckdb_table_function (*create_table_function)() noexcept nogil
    void (*destroy_table_function)(duckdb_table_function *table_function) noexcept nogil
    void (*table_function_set_name)(duckdb_table_function table_function, const char *name) noexcept nogil
    void (*table_function_set_extra_info)(
        duckdb_table_function table_function, void *extra_info, duckdb_delete_callback_t destroy
    ) noexcept nogil
    void (*table_function_set_bind)(
        duckdb_table_function table_function, duckdb_table_function_bind_t bind
    ) noexcept nogil
    void (*table_function_set_init)(
        duckdb_table_function table_function, duckdb_table_function_init_t init
    ) noexcept nogil
    void (*table_function_set_local_init)(
        duckdb_table_function table_function, duckdb_table_function_init_t init
    ) noexcept nogil
    void (*table_function_set_function)(
        duckdb_table_function table_function, duckdb_table_function_t function
    ) noexcept nogil
    duckdb_state (*register_table_function)(
        duckdb_connection con, duckdb_table_function function
    ) noexcept nogil
    void (*table_function_get_client_context)(
        duckdb_bind_info info, duckdb_client_context *out_context
    ) noexcept nogil
    void * (*bind_get_extra_info)(duckdb_bind_info info) noexcept nogil
    void (*bind_add_result_column)(duckdb_bind_info info, const char *name, duckdb_logical_type type) noexcept nogil
    void (*bind_set_bind_data)(
        duckdb_bind_info info, void *bind_data, duckdb_delete_callback_t destroy
    ) noexcept nogil
    void (*bind_set_cardinality)(duckdb_bind_info info, idx_t cardinality, bool is_exact) noexcept nogil
    void (*bind_set_error)(duckdb_bind_info info, const char *error) noexcept nogil
    void * (*init_get_bind_data)(duckdb_init_info info) noexcept nogil
    void (*init_set_init_data)(
        duckdb_init_info info, void *init_data, duckdb_delete_callback_t destroy
    ) noexcept nogil
    void (*init_set_error)(duckdb_init_info info, const char *error) noexcept nogil
    void * (*function_get_local_init_data)(duckdb_function_info info) noexcept nogil
    void (*vector_reference_vector)(duckdb_vector to_vector, duckdb_vector from_vector) noexcept nogil


# Filled when the module is imported; read-only afterwards.
cdef TableApi table_api
