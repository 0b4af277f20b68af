"""DuckDB's C API as a table of function pointers, resolved at run time.

The names and layouts are those of ``duckdb.h`` (C API of DuckDB 1.5). A member of
:c:type:`Api` is the function of the same name without its ``duckdb_`` prefix.
Nothing here needs the GIL once :func:`duckgres_tx.engine.capi.load` has run.

Spec: https://duckdb.org/docs/stable/clients/c/api
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "<stdbool.h>":
    ctypedef bint bool "_Bool"


ctypedef uint64_t idx_t
ctypedef uint32_t sel_t

ctypedef int duckdb_state
ctypedef int duckdb_type
ctypedef int duckdb_pending_state
ctypedef int duckdb_result_type
ctypedef int duckdb_statement_type
ctypedef int duckdb_error_type

ctypedef void *duckdb_database
ctypedef void *duckdb_connection
ctypedef void *duckdb_prepared_statement
ctypedef void *duckdb_extracted_statements
ctypedef void *duckdb_pending_result
ctypedef void *duckdb_appender
ctypedef void *duckdb_config
ctypedef void *duckdb_logical_type
ctypedef void *duckdb_data_chunk
ctypedef void *duckdb_vector
ctypedef void *duckdb_value
ctypedef void *duckdb_client_context
ctypedef void *duckdb_scalar_function
ctypedef void *duckdb_function_info
ctypedef void *duckdb_init_info
ctypedef void *duckdb_task_state

ctypedef void (*duckdb_delete_callback_t)(void *data) noexcept nogil
ctypedef void (*duckdb_scalar_function_t)(
    duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output
) noexcept nogil
ctypedef void (*duckdb_scalar_function_init_t)(duckdb_init_info info) noexcept nogil


cdef enum:
    DuckDBSuccess = 0
    DuckDBError = 1

    DUCKDB_PENDING_RESULT_READY = 0
    DUCKDB_PENDING_RESULT_NOT_READY = 1
    DUCKDB_PENDING_ERROR = 2
    DUCKDB_PENDING_NO_TASKS_AVAILABLE = 3

    DUCKDB_RESULT_TYPE_INVALID = 0
    DUCKDB_RESULT_TYPE_CHANGED_ROWS = 1
    DUCKDB_RESULT_TYPE_NOTHING = 2
    DUCKDB_RESULT_TYPE_QUERY_RESULT = 3

    DUCKDB_TYPE_INVALID = 0
    DUCKDB_TYPE_BOOLEAN = 1
    DUCKDB_TYPE_TINYINT = 2
    DUCKDB_TYPE_SMALLINT = 3
    DUCKDB_TYPE_INTEGER = 4
    DUCKDB_TYPE_BIGINT = 5
    DUCKDB_TYPE_UTINYINT = 6
    DUCKDB_TYPE_USMALLINT = 7
    DUCKDB_TYPE_UINTEGER = 8
    DUCKDB_TYPE_UBIGINT = 9
    DUCKDB_TYPE_FLOAT = 10
    DUCKDB_TYPE_DOUBLE = 11
    DUCKDB_TYPE_TIMESTAMP = 12
    DUCKDB_TYPE_DATE = 13
    DUCKDB_TYPE_TIME = 14
    DUCKDB_TYPE_INTERVAL = 15
    DUCKDB_TYPE_HUGEINT = 16
    DUCKDB_TYPE_UHUGEINT = 32
    DUCKDB_TYPE_VARCHAR = 17
    DUCKDB_TYPE_BLOB = 18
    DUCKDB_TYPE_DECIMAL = 19
    DUCKDB_TYPE_TIMESTAMP_S = 20
    DUCKDB_TYPE_TIMESTAMP_MS = 21
    DUCKDB_TYPE_TIMESTAMP_NS = 22
    DUCKDB_TYPE_ENUM = 23
    DUCKDB_TYPE_LIST = 24
    DUCKDB_TYPE_STRUCT = 25
    DUCKDB_TYPE_MAP = 26
    DUCKDB_TYPE_ARRAY = 33
    DUCKDB_TYPE_UUID = 27
    DUCKDB_TYPE_UNION = 28
    DUCKDB_TYPE_BIT = 29
    DUCKDB_TYPE_TIME_TZ = 30
    DUCKDB_TYPE_TIMESTAMP_TZ = 31
    DUCKDB_TYPE_ANY = 34
    DUCKDB_TYPE_BIGNUM = 35
    DUCKDB_TYPE_SQLNULL = 36
    DUCKDB_TYPE_STRING_LITERAL = 37
    DUCKDB_TYPE_INTEGER_LITERAL = 38
    DUCKDB_TYPE_TIME_NS = 39
    DUCKDB_TYPE_GEOMETRY = 40
    DUCKDB_TYPE_VARIANT = 41


ctypedef struct duckdb_date:
    int32_t days

ctypedef struct duckdb_time:
    int64_t micros

ctypedef struct duckdb_time_ns:
    int64_t nanos

ctypedef struct duckdb_time_tz:
    uint64_t bits

ctypedef struct duckdb_timestamp:
    int64_t micros

ctypedef struct duckdb_timestamp_s:
    int64_t seconds

ctypedef struct duckdb_timestamp_ms:
    int64_t millis

ctypedef struct duckdb_timestamp_ns:
    int64_t nanos

ctypedef struct duckdb_interval:
    int32_t months
    int32_t days
    int64_t micros

ctypedef struct duckdb_hugeint:
    uint64_t lower
    int64_t upper

ctypedef struct duckdb_uhugeint:
    uint64_t lower
    uint64_t upper

ctypedef struct duckdb_decimal:
    uint8_t width
    uint8_t scale
    duckdb_hugeint value

ctypedef struct duckdb_query_progress_type:
    double percentage
    uint64_t rows_processed
    uint64_t total_rows_to_process

ctypedef struct duckdb_list_entry:
    uint64_t offset
    uint64_t length

ctypedef struct duckdb_bit:
    uint8_t *data
    idx_t size

ctypedef struct duckdb_result:
    idx_t deprecated_column_count
    idx_t deprecated_row_count
    idx_t deprecated_rows_changed
    void *deprecated_columns
    char *deprecated_error_message
    void *internal_data

# The 16 bytes of a string: up to 12 characters inline, otherwise a prefix of 4 and a pointer.
ctypedef struct duckdb_string_pointer:
    uint32_t length
    char prefix[4]
    char *ptr

ctypedef struct duckdb_string_inlined:
    uint32_t length
    char inlined[12]

ctypedef union duckdb_string_t:
    duckdb_string_pointer pointer
    duckdb_string_inlined inlined


cdef struct Api:
    duckdb_state (*open_ext)(
        const char *path, duckdb_database *out_database, duckdb_config config, char **out_error
    ) noexcept nogil
    void (*close)(duckdb_database *database) noexcept nogil
    duckdb_state (*connect)(duckdb_database database, duckdb_connection *out_connection) noexcept nogil
    void (*disconnect)(duckdb_connection *connection) noexcept nogil
    void (*interrupt)(duckdb_connection connection) noexcept nogil
    duckdb_query_progress_type (*query_progress)(duckdb_connection connection) noexcept nogil
    void (*connection_get_client_context)(
        duckdb_connection connection, duckdb_client_context *out_context
    ) noexcept nogil
    void (*destroy_client_context)(duckdb_client_context *context) noexcept nogil
    idx_t (*client_context_get_connection_id)(duckdb_client_context context) noexcept nogil
    duckdb_state (*create_config)(duckdb_config *out_config) noexcept nogil
    duckdb_state (*set_config)(duckdb_config config, const char *name, const char *option) noexcept nogil
    void (*destroy_config)(duckdb_config *config) noexcept nogil
    const char * (*library_version)() noexcept nogil
    duckdb_state (*query)(duckdb_connection connection, const char *query, duckdb_result *out_result) noexcept nogil
    void (*destroy_result)(duckdb_result *result) noexcept nogil
    idx_t (*column_count)(duckdb_result *result) noexcept nogil
    const char * (*column_name)(duckdb_result *result, idx_t col) noexcept nogil
    duckdb_type (*column_type)(duckdb_result *result, idx_t col) noexcept nogil
    duckdb_logical_type (*column_logical_type)(duckdb_result *result, idx_t col) noexcept nogil
    const char * (*result_error)(duckdb_result *result) noexcept nogil
    duckdb_error_type (*result_error_type)(duckdb_result *result) noexcept nogil
    duckdb_result_type (*result_return_type)(duckdb_result result) noexcept nogil
    duckdb_statement_type (*result_statement_type)(duckdb_result result) noexcept nogil
    idx_t (*rows_changed)(duckdb_result *result) noexcept nogil
    duckdb_data_chunk (*fetch_chunk)(duckdb_result result) noexcept nogil
    duckdb_state (*prepare)(
        duckdb_connection connection, const char *query, duckdb_prepared_statement *out_prepared_statement
    ) noexcept nogil
    void (*destroy_prepare)(duckdb_prepared_statement *prepared_statement) noexcept nogil
    const char * (*prepare_error)(duckdb_prepared_statement prepared_statement) noexcept nogil
    idx_t (*nparams)(duckdb_prepared_statement prepared_statement) noexcept nogil
    const char * (*parameter_name)(duckdb_prepared_statement prepared_statement, idx_t index) noexcept nogil
    duckdb_type (*param_type)(duckdb_prepared_statement prepared_statement, idx_t param_idx) noexcept nogil
    duckdb_logical_type (*param_logical_type)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx
    ) noexcept nogil
    duckdb_state (*clear_bindings)(duckdb_prepared_statement prepared_statement) noexcept nogil
    duckdb_statement_type (*prepared_statement_type)(duckdb_prepared_statement statement) noexcept nogil
    idx_t (*prepared_statement_column_count)(duckdb_prepared_statement prepared_statement) noexcept nogil
    const char * (*prepared_statement_column_name)(
        duckdb_prepared_statement prepared_statement, idx_t col_idx
    ) noexcept nogil
    duckdb_logical_type (*prepared_statement_column_logical_type)(
        duckdb_prepared_statement prepared_statement, idx_t col_idx
    ) noexcept nogil
    duckdb_type (*prepared_statement_column_type)(
        duckdb_prepared_statement prepared_statement, idx_t col_idx
    ) noexcept nogil
    duckdb_state (*bind_value)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, duckdb_value val
    ) noexcept nogil
    duckdb_state (*bind_null)(duckdb_prepared_statement prepared_statement, idx_t param_idx) noexcept nogil
    duckdb_state (*bind_varchar_length)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, const char *val, idx_t length
    ) noexcept nogil
    duckdb_state (*bind_blob)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, const void *data, idx_t length
    ) noexcept nogil
    duckdb_state (*bind_boolean)(duckdb_prepared_statement prepared_statement, idx_t param_idx, bool val) noexcept nogil
    duckdb_state (*bind_int16)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, int16_t val
    ) noexcept nogil
    duckdb_state (*bind_int32)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, int32_t val
    ) noexcept nogil
    duckdb_state (*bind_int64)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, int64_t val
    ) noexcept nogil
    duckdb_state (*bind_float)(duckdb_prepared_statement prepared_statement, idx_t param_idx, float val) noexcept nogil
    duckdb_state (*bind_double)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, double val
    ) noexcept nogil
    duckdb_state (*bind_hugeint)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, duckdb_hugeint val
    ) noexcept nogil
    duckdb_state (*bind_date)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, duckdb_date val
    ) noexcept nogil
    duckdb_state (*bind_time)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, duckdb_time val
    ) noexcept nogil
    duckdb_state (*bind_timestamp)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, duckdb_timestamp val
    ) noexcept nogil
    duckdb_state (*bind_timestamp_tz)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, duckdb_timestamp val
    ) noexcept nogil
    duckdb_state (*bind_interval)(
        duckdb_prepared_statement prepared_statement, idx_t param_idx, duckdb_interval val
    ) noexcept nogil
    duckdb_state (*bind_parameter_index)(
        duckdb_prepared_statement prepared_statement, idx_t *param_idx_out, const char *name
    ) noexcept nogil
    duckdb_state (*pending_prepared)(
        duckdb_prepared_statement prepared_statement, duckdb_pending_result *out_result
    ) noexcept nogil
    duckdb_state (*pending_prepared_streaming)(
        duckdb_prepared_statement prepared_statement, duckdb_pending_result *out_result
    ) noexcept nogil
    void (*destroy_pending)(duckdb_pending_result *pending_result) noexcept nogil
    const char * (*pending_error)(duckdb_pending_result pending_result) noexcept nogil
    duckdb_pending_state (*pending_execute_task)(duckdb_pending_result pending_result) noexcept nogil
    duckdb_pending_state (*pending_execute_check_state)(duckdb_pending_result pending_result) noexcept nogil
    duckdb_state (*execute_pending)(duckdb_pending_result pending_result, duckdb_result *out_result) noexcept nogil
    bool (*pending_execution_is_finished)(duckdb_pending_state pending_state) noexcept nogil
    idx_t (*extract_statements)(
        duckdb_connection connection, const char *query, duckdb_extracted_statements *out_extracted_statements
    ) noexcept nogil
    duckdb_state (*prepare_extracted_statement)(
        duckdb_connection connection, duckdb_extracted_statements extracted_statements, idx_t index,
        duckdb_prepared_statement *out_prepared_statement
    ) noexcept nogil
    const char * (*extract_statements_error)(duckdb_extracted_statements extracted_statements) noexcept nogil
    void (*destroy_extracted)(duckdb_extracted_statements *extracted_statements) noexcept nogil
    void (*free)(void *ptr) noexcept nogil
    void * (*malloc)(size_t size) noexcept nogil
    duckdb_logical_type (*create_logical_type)(duckdb_type logical_type) noexcept nogil
    duckdb_logical_type (*create_list_type)(duckdb_logical_type logical_type) noexcept nogil
    duckdb_logical_type (*create_array_type)(duckdb_logical_type logical_type, idx_t array_size) noexcept nogil
    duckdb_logical_type (*create_decimal_type)(uint8_t width, uint8_t scale) noexcept nogil
    void (*destroy_logical_type)(duckdb_logical_type *logical_type) noexcept nogil
    duckdb_type (*get_type_id)(duckdb_logical_type logical_type) noexcept nogil
    char * (*logical_type_get_alias)(duckdb_logical_type logical_type) noexcept nogil
    uint8_t (*decimal_width)(duckdb_logical_type logical_type) noexcept nogil
    uint8_t (*decimal_scale)(duckdb_logical_type logical_type) noexcept nogil
    duckdb_type (*decimal_internal_type)(duckdb_logical_type logical_type) noexcept nogil
    duckdb_type (*enum_internal_type)(duckdb_logical_type logical_type) noexcept nogil
    uint32_t (*enum_dictionary_size)(duckdb_logical_type logical_type) noexcept nogil
    char * (*enum_dictionary_value)(duckdb_logical_type logical_type, idx_t index) noexcept nogil
    duckdb_logical_type (*list_type_child_type)(duckdb_logical_type logical_type) noexcept nogil
    duckdb_logical_type (*array_type_child_type)(duckdb_logical_type logical_type) noexcept nogil
    idx_t (*array_type_array_size)(duckdb_logical_type logical_type) noexcept nogil
    duckdb_logical_type (*map_type_key_type)(duckdb_logical_type logical_type) noexcept nogil
    duckdb_logical_type (*map_type_value_type)(duckdb_logical_type logical_type) noexcept nogil
    idx_t (*struct_type_child_count)(duckdb_logical_type logical_type) noexcept nogil
    char * (*struct_type_child_name)(duckdb_logical_type logical_type, idx_t index) noexcept nogil
    duckdb_logical_type (*struct_type_child_type)(duckdb_logical_type logical_type, idx_t index) noexcept nogil
    idx_t (*union_type_member_count)(duckdb_logical_type logical_type) noexcept nogil
    char * (*union_type_member_name)(duckdb_logical_type logical_type, idx_t index) noexcept nogil
    duckdb_logical_type (*union_type_member_type)(duckdb_logical_type logical_type, idx_t index) noexcept nogil
    duckdb_data_chunk (*create_data_chunk)(duckdb_logical_type *types, idx_t column_count) noexcept nogil
    void (*destroy_data_chunk)(duckdb_data_chunk *chunk) noexcept nogil
    void (*data_chunk_reset)(duckdb_data_chunk chunk) noexcept nogil
    idx_t (*data_chunk_get_column_count)(duckdb_data_chunk chunk) noexcept nogil
    duckdb_vector (*data_chunk_get_vector)(duckdb_data_chunk chunk, idx_t col_idx) noexcept nogil
    idx_t (*data_chunk_get_size)(duckdb_data_chunk chunk) noexcept nogil
    void (*data_chunk_set_size)(duckdb_data_chunk chunk, idx_t size) noexcept nogil
    duckdb_logical_type (*vector_get_column_type)(duckdb_vector vector) noexcept nogil
    void * (*vector_get_data)(duckdb_vector vector) noexcept nogil
    uint64_t * (*vector_get_validity)(duckdb_vector vector) noexcept nogil
    void (*vector_ensure_validity_writable)(duckdb_vector vector) noexcept nogil
    void (*vector_assign_string_element_len)(
        duckdb_vector vector, idx_t index, const char *str, idx_t str_len
    ) noexcept nogil
    duckdb_vector (*list_vector_get_child)(duckdb_vector vector) noexcept nogil
    duckdb_state (*list_vector_reserve)(duckdb_vector vector, idx_t required_capacity) noexcept nogil
    duckdb_state (*list_vector_set_size)(duckdb_vector vector, idx_t size) noexcept nogil
    idx_t (*list_vector_get_size)(duckdb_vector vector) noexcept nogil
    duckdb_vector (*struct_vector_get_child)(duckdb_vector vector, idx_t index) noexcept nogil
    duckdb_vector (*array_vector_get_child)(duckdb_vector vector) noexcept nogil
    idx_t (*vector_size)() noexcept nogil
    uint32_t (*string_t_length)(duckdb_string_t string) noexcept nogil
    const char * (*string_t_data)(duckdb_string_t *string) noexcept nogil
    duckdb_value (*create_bool)(bool input) noexcept nogil
    duckdb_value (*create_int8)(int8_t input) noexcept nogil
    duckdb_value (*create_int16)(int16_t input) noexcept nogil
    duckdb_value (*create_int32)(int32_t input) noexcept nogil
    duckdb_value (*create_int64)(int64_t val) noexcept nogil
    duckdb_value (*create_uint8)(uint8_t input) noexcept nogil
    duckdb_value (*create_uint16)(uint16_t input) noexcept nogil
    duckdb_value (*create_uint32)(uint32_t input) noexcept nogil
    duckdb_value (*create_uint64)(uint64_t input) noexcept nogil
    duckdb_value (*create_hugeint)(duckdb_hugeint input) noexcept nogil
    duckdb_value (*create_uhugeint)(duckdb_uhugeint input) noexcept nogil
    duckdb_value (*create_float)(float input) noexcept nogil
    duckdb_value (*create_double)(double input) noexcept nogil
    duckdb_value (*create_decimal)(duckdb_decimal input) noexcept nogil
    duckdb_value (*create_varchar_length)(const char *text, idx_t length) noexcept nogil
    duckdb_value (*create_blob)(const uint8_t *data, idx_t length) noexcept nogil
    duckdb_value (*create_date)(duckdb_date input) noexcept nogil
    duckdb_value (*create_time)(duckdb_time input) noexcept nogil
    duckdb_value (*create_time_tz_value)(duckdb_time_tz value) noexcept nogil
    duckdb_value (*create_timestamp)(duckdb_timestamp input) noexcept nogil
    duckdb_value (*create_timestamp_tz)(duckdb_timestamp input) noexcept nogil
    duckdb_value (*create_timestamp_s)(duckdb_timestamp_s input) noexcept nogil
    duckdb_value (*create_timestamp_ms)(duckdb_timestamp_ms input) noexcept nogil
    duckdb_value (*create_timestamp_ns)(duckdb_timestamp_ns input) noexcept nogil
    duckdb_value (*create_interval)(duckdb_interval input) noexcept nogil
    duckdb_value (*create_uuid)(duckdb_uhugeint input) noexcept nogil
    duckdb_value (*create_bit)(duckdb_bit input) noexcept nogil
    duckdb_value (*create_null_value)() noexcept nogil
    duckdb_value (*create_list_value)(
        duckdb_logical_type logical_type, duckdb_value *values, idx_t value_count
    ) noexcept nogil
    duckdb_value (*create_array_value)(
        duckdb_logical_type logical_type, duckdb_value *values, idx_t value_count
    ) noexcept nogil
    duckdb_value (*create_enum_value)(duckdb_logical_type logical_type, uint64_t value) noexcept nogil
    void (*destroy_value)(duckdb_value *value) noexcept nogil
    char * (*get_varchar)(duckdb_value value) noexcept nogil
    duckdb_scalar_function (*create_scalar_function)() noexcept nogil
    void (*destroy_scalar_function)(duckdb_scalar_function *scalar_function) noexcept nogil
    void (*scalar_function_set_name)(duckdb_scalar_function scalar_function, const char *name) noexcept nogil
    void (*scalar_function_add_parameter)(
        duckdb_scalar_function scalar_function, duckdb_logical_type logical_type
    ) noexcept nogil
    void (*scalar_function_set_return_type)(
        duckdb_scalar_function scalar_function, duckdb_logical_type logical_type
    ) noexcept nogil
    void (*scalar_function_set_function)(
        duckdb_scalar_function scalar_function, duckdb_scalar_function_t function
    ) noexcept nogil
    void (*scalar_function_set_extra_info)(
        duckdb_scalar_function scalar_function, void *extra_info, duckdb_delete_callback_t destroy
    ) noexcept nogil
    void (*scalar_function_set_volatile)(duckdb_scalar_function scalar_function) noexcept nogil
    void (*scalar_function_set_special_handling)(duckdb_scalar_function scalar_function) noexcept nogil
    void * (*scalar_function_get_extra_info)(duckdb_function_info info) noexcept nogil
    void (*scalar_function_set_error)(duckdb_function_info info, const char *error) noexcept nogil
    void (*scalar_function_set_init)(
        duckdb_scalar_function scalar_function, duckdb_scalar_function_init_t init
    ) noexcept nogil
    void (*scalar_function_init_get_client_context)(
        duckdb_init_info info, duckdb_client_context *out_context
    ) noexcept nogil
    void (*scalar_function_init_set_state)(
        duckdb_init_info info, void *state, duckdb_delete_callback_t destroy
    ) noexcept nogil
    void * (*scalar_function_init_get_extra_info)(duckdb_init_info info) noexcept nogil
    void * (*scalar_function_get_state)(duckdb_function_info info) noexcept nogil
    void (*scalar_function_set_varargs)(
        duckdb_scalar_function scalar_function, duckdb_logical_type logical_type
    ) noexcept nogil
    duckdb_state (*register_scalar_function)(
        duckdb_connection con, duckdb_scalar_function scalar_function
    ) noexcept nogil
    duckdb_state (*appender_create_ext)(
        duckdb_connection connection, const char *catalog, const char *schema, const char *table, duckdb_appender
        *out_appender
    ) noexcept nogil
    duckdb_state (*appender_create_query)(
        duckdb_connection connection, const char *query, idx_t column_count, duckdb_logical_type *types,
        const char *table_name, const char **column_names, duckdb_appender *out_appender
    ) noexcept nogil
    duckdb_state (*appender_clear)(duckdb_appender appender) noexcept nogil
    duckdb_state (*appender_destroy)(duckdb_appender *appender) noexcept nogil
    duckdb_state (*appender_close)(duckdb_appender appender) noexcept nogil
    duckdb_state (*appender_flush)(duckdb_appender appender) noexcept nogil
    const char * (*appender_error)(duckdb_appender appender) noexcept nogil
    duckdb_state (*append_data_chunk)(duckdb_appender appender, duckdb_data_chunk chunk) noexcept nogil
    idx_t (*appender_column_count)(duckdb_appender appender) noexcept nogil
    duckdb_logical_type (*appender_column_type)(duckdb_appender appender, idx_t col_idx) noexcept nogil
    bool (*result_is_streaming)(duckdb_result result) noexcept nogil
    duckdb_task_state (*create_task_state)(duckdb_database database) noexcept nogil
    void (*execute_tasks_state)(duckdb_task_state state) noexcept nogil
    void (*finish_execution)(duckdb_task_state state) noexcept nogil
    void (*destroy_task_state)(duckdb_task_state state) noexcept nogil


# Filled by load(); read-only afterwards.
cdef Api api
