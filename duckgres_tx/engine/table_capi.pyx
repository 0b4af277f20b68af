"""The part of DuckDB's C API that makes table functions, resolved as ``capi`` does it, from the same library.

Touches: the dynamic loader only. The GIL is held throughout; the resolved functions are called without it.
"""

from posix.dlfcn cimport RTLD_LOCAL, RTLD_NOW, dlopen, dlsym

from duckgres_tx.engine import library
from duckgres_tx.engine.capi import LibraryError


cdef int _resolve(void *handle, bytes name, void **slot) except -1:
    slot[0] = dlsym(handle, name)
    if slot[0] == NULL:
        raise LibraryError(f"{name.decode()} is missing from DuckDB's library")
    return 0


cdef int _load() except -1:
    # What `capi` has loaded, once more.
    cdef void *handle = dlopen(library.find().encode(), RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        raise LibraryError(f"cannot load {library.find()}")
    _resolve(handle, b"duckdb_execute_prepared", <void **>&table_api.execute_prepared)
    _resolve(handle, b"duckdb_create_table_function", <void **>&table_api.create_table_function)
    _resolve(handle, b"duckdb_destroy_table_function", <void **>&table_api.destroy_table_function)
    _resolve(handle, b"duckdb_table_function_set_name", <void **>&table_api.table_function_set_name)
    _resolve(handle, b"duckdb_table_function_set_extra_info", <void **>&table_api.table_function_set_extra_info)
    _resolve(handle, b"duckdb_table_function_set_bind", <void **>&table_api.table_function_set_bind)
    _resolve(handle, b"duckdb_table_function_set_init", <void **>&table_api.table_function_set_init)
    _resolve(handle, b"duckdb_table_function_set_local_init", <void **>&table_api.table_function_set_local_init)
    _resolve(handle, b"duckdb_table_function_set_function", <void **>&table_api.table_function_set_function)
    _resolve(handle, b"duckdb_register_table_function", <void **>&table_api.register_table_function)
    _resolve(handle, b"duckdb_table_function_get_client_context", <void **>&table_api.table_function_get_client_context)
    _resolve(handle, b"duckdb_bind_get_extra_info", <void **>&table_api.bind_get_extra_info)
    _resolve(handle, b"duckdb_bind_add_result_column", <void **>&table_api.bind_add_result_column)
    _resolve(handle, b"duckdb_bind_set_bind_data", <void **>&table_api.bind_set_bind_data)
    _resolve(handle, b"duckdb_bind_set_cardinality", <void **>&table_api.bind_set_cardinality)
    _resolve(handle, b"duckdb_bind_set_error", <void **>&table_api.bind_set_error)
    _resolve(handle, b"duckdb_init_get_bind_data", <void **>&table_api.init_get_bind_data)
    _resolve(handle, b"duckdb_init_set_init_data", <void **>&table_api.init_set_init_data)
    _resolve(handle, b"duckdb_init_set_error", <void **>&table_api.init_set_error)
    _resolve(handle, b"duckdb_function_get_local_init_data", <void **>&table_api.function_get_local_init_data)
    _resolve(handle, b"duckdb_vector_reference_vector", <void **>&table_api.vector_reference_vector)
    return 0


_load()
