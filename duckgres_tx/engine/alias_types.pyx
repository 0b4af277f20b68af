"""The types of PostgreSQL's catalogs (``oid``, ``name``, ``"char"`` …) as aliases of DuckDB's types.

``CREATE TYPE`` makes names without an identity: a column of such a type looks like one of its base type. Types that
are registered through the C API keep their alias through SELECT, UNION, CASE, joins, views and aggregates, so that
a result's columns can be announced with PostgreSQL's OIDs (:mod:`duckgres_tx.engine.pg_types`). Their values are
those of the base type, and each casts to it implicitly, so functions and operators of the base type take them.
What PostgreSQL has a form of its own for (``inet`` …) is read when text is cast to it, and kept in PostgreSQL's one form.

Touches: the instance it is given. Registering needs no GIL; the module's import holds it.
"""

from libc.stdint cimport int64_t, uint64_t
from posix.dlfcn cimport RTLD_LOCAL, RTLD_NOW, dlopen, dlsym

from duckgres_tx.engine import library
from duckgres_tx.engine.capi cimport (
    api,
    duckdb_connection,
    duckdb_function_info,
    duckdb_logical_type,
    duckdb_state,
    duckdb_type,
    duckdb_vector,
    idx_t,
)
from duckgres_tx.engine.strings cimport Slice, string_at
from duckgres_tx.engine.text_types cimport CIDR, INET, MACADDR, NOT_READ, POINT, TEXT_TYPE_ROOM, canonical_text

cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "_Bool"

ctypedef void *duckdb_cast_function
ctypedef c_bool (*cast_callback)(
    duckdb_function_info info, idx_t count, duckdb_vector source, duckdb_vector target
) noexcept nogil

cdef struct CastApi:
    duckdb_logical_type (*create_logical_type)(duckdb_type type) noexcept nogil
    duckdb_logical_type (*create_list_type)(duckdb_logical_type type) noexcept nogil
    void (*destroy_logical_type)(duckdb_logical_type *type) noexcept nogil
    void (*set_alias)(duckdb_logical_type type, const char *alias) noexcept nogil
    duckdb_state (*register_logical_type)(duckdb_connection con, duckdb_logical_type type, void *info) noexcept nogil
    duckdb_cast_function (*create_cast)() noexcept nogil
    void (*set_source)(duckdb_cast_function function, duckdb_logical_type type) noexcept nogil
    void (*set_target)(duckdb_cast_function function, duckdb_logical_type type) noexcept nogil
    void (*set_cost)(duckdb_cast_function function, int64_t cost) noexcept nogil
    void (*set_function)(duckdb_cast_function function, cast_callback callback) noexcept nogil
    duckdb_state (*register_cast)(duckdb_connection con, duckdb_cast_function function) noexcept nogil
    void (*destroy_cast)(duckdb_cast_function *function) noexcept nogil
    void (*reference_vector)(duckdb_vector target, duckdb_vector source) noexcept nogil
    void (*set_extra_info)(duckdb_cast_function function, void *info, void (*drop)(void *) noexcept nogil) noexcept nogil
    void *(*get_extra_info)(duckdb_function_info info) noexcept nogil
    int (*get_mode)(duckdb_function_info info) noexcept nogil
    void (*set_error)(duckdb_function_info info, const char *error) noexcept nogil
    void (*set_row_error)(
        duckdb_function_info info, const char *error, idx_t row, duckdb_vector output
    ) noexcept nogil

cdef CastApi casts

# duckdb_type
cdef enum:
    SMALLINT = 3
    BIGINT = 5
    VARCHAR = 17

# duckdb_cast_mode
cdef enum:
    TRY = 1

cdef struct AliasType:
    const char *name
    duckdb_type base
    bint is_list
    # PostgreSQL's type whose form its text has; 0 is any text.
    int form

# OIDs and what is stored as one are BIGINT: wide enough for whatever a client compares them with.
cdef AliasType[21] ALIASES = [
    AliasType(b"pg_oid", BIGINT, False, 0),
    AliasType(b"pg_xid", BIGINT, False, 0),
    AliasType(b"pg_regproc", BIGINT, False, 0),
    AliasType(b"pg_regclass", BIGINT, False, 0),
    AliasType(b"pg_regtype", BIGINT, False, 0),
    AliasType(b"pg_regnamespace", BIGINT, False, 0),
    AliasType(b"pg_regrole", BIGINT, False, 0),
    AliasType(b"pg_name", VARCHAR, False, 0),
    AliasType(b"pg_char", VARCHAR, False, 0),
    AliasType(b"pg_node_tree", VARCHAR, False, 0),
    AliasType(b"pg_aclitem", VARCHAR, False, 0),
    AliasType(b"pg_void", VARCHAR, False, 0),
    AliasType(b"pg_bpchar", VARCHAR, False, 0),
    AliasType(b"pg_cstring", VARCHAR, False, 0),
    AliasType(b"pg_unknown", VARCHAR, False, 0),
    AliasType(b"pg_inet", VARCHAR, False, INET),
    AliasType(b"pg_cidr", VARCHAR, False, CIDR),
    AliasType(b"pg_macaddr", VARCHAR, False, MACADDR),
    AliasType(b"pg_point", VARCHAR, False, POINT),
    AliasType(b"pg_int2vector", SMALLINT, True, 0),
    AliasType(b"pg_oidvector", BIGINT, True, 0),
]


def _base_names():
    names = {SMALLINT: "SMALLINT", BIGINT: "BIGINT", VARCHAR: "VARCHAR"}
    found = {}
    cdef size_t index
    for index in range(sizeof(ALIASES) // sizeof(ALIASES[0])):
        found[ALIASES[index].name.decode()] = names[ALIASES[index].base] + ("[]" if ALIASES[index].is_list else "")
    return found


# Name to base type in SQL, for who has to make them without this module.
ALIAS_TYPES = _base_names()


cdef c_bool _same_values(
    duckdb_function_info info, idx_t count, duckdb_vector source, duckdb_vector target
) noexcept nogil:
    casts.reference_vector(target, source)
    return True


cdef c_bool _read_texts(
    duckdb_function_info info, idx_t count, duckdb_vector source, duckdb_vector target
) noexcept nogil:
    """Text to a type of a form: of an int behind the extra info."""
    cdef int form = <int>(<size_t>casts.get_extra_info(info))
    cdef const char *texts = <const char *>api.vector_get_data(source)
    cdef uint64_t *validity = api.vector_get_validity(source)
    cdef uint64_t *written
    cdef char out[TEXT_TYPE_ROOM]
    cdef char sqlstate[6]
    cdef char error[400]
    cdef Slice text
    cdef int length
    cdef idx_t row
    for row in range(count):
        if validity != NULL and not (validity[row // 64] >> (row % 64)) & 1:
            api.vector_ensure_validity_writable(target)
            written = api.vector_get_validity(target)
            written[row // 64] &= ~(<uint64_t>1 << (row % 64))
            continue
        text = string_at(texts, row)
        length = canonical_text(form, text.data, text.length, out, sqlstate, error, sizeof(error))
        if length != NOT_READ:
            api.vector_assign_string_element_len(target, row, out, length)
        elif casts.get_mode(info) == TRY:
            casts.set_row_error(info, error, row, target)
        else:
            casts.set_error(info, error)
            return False
    return True


cdef duckdb_logical_type _make(AliasType alias, bint with_alias) noexcept nogil:
    cdef duckdb_logical_type type = casts.create_logical_type(alias.base)
    cdef duckdb_logical_type element = type
    if alias.is_list:
        type = casts.create_list_type(element)
        casts.destroy_logical_type(&element)
    if with_alias:
        casts.set_alias(type, alias.name)
    return type


cdef int _register(duckdb_connection connection, AliasType alias) noexcept nogil:
    cdef duckdb_logical_type source = _make(alias, True)
    cdef duckdb_logical_type target = _make(alias, False)
    cdef duckdb_cast_function function = casts.create_cast()
    casts.set_source(function, source)
    casts.set_target(function, target)
    # The lowest cost there is: an overload that takes the base type is always preferred.
    casts.set_cost(function, 1)
    casts.set_function(function, _same_values)
    cdef int failed = casts.register_logical_type(connection, source, NULL)
    if not failed:
        failed = casts.register_cast(connection, function)
    casts.destroy_cast(&function)
    if not failed and alias.form:
        failed = _register_reading(connection, target, source, alias.form)
    casts.destroy_logical_type(&source)
    casts.destroy_logical_type(&target)
    return failed


cdef int _register_reading(
    duckdb_connection connection, duckdb_logical_type text, duckdb_logical_type type, int form
) noexcept nogil:
    cdef duckdb_cast_function function = casts.create_cast()
    cdef int failed
    casts.set_source(function, text)
    casts.set_target(function, type)
    casts.set_extra_info(function, <void *><size_t>form, NULL)
    casts.set_function(function, _read_texts)
    failed = casts.register_cast(connection, function)
    casts.destroy_cast(&function)
    return failed


cdef int register_alias_types(duckdb_connection connection) noexcept nogil:
    cdef size_t index
    for index in range(sizeof(ALIASES) // sizeof(ALIASES[0])):
        if _register(connection, ALIASES[index]):
            return -1
    return 0


def register_alias_types_at(size_t connection_address):
    """Register with the instance of a ``duckdb_connection`` given as an address; for tests.

    Raises:
        RuntimeError: DuckDB refuses, most likely as they are registered already.
    """
    if register_alias_types(<duckdb_connection>connection_address):
        raise RuntimeError("cannot register the catalog's types")


cdef int _resolve(void *handle, bytes name, void **slot) except -1:
    slot[0] = dlsym(handle, name)
    if slot[0] == NULL:
        raise ImportError(f"{name.decode()} is missing from DuckDB's library")
    return 0


cdef int _load(bytes path) except -1:
    # The library is in memory already; this gives another handle to it.
    cdef void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        raise ImportError(f"cannot load {path.decode()}")
    _resolve(handle, b"duckdb_create_logical_type", <void **>&casts.create_logical_type)
    _resolve(handle, b"duckdb_create_list_type", <void **>&casts.create_list_type)
    _resolve(handle, b"duckdb_destroy_logical_type", <void **>&casts.destroy_logical_type)
    _resolve(handle, b"duckdb_logical_type_set_alias", <void **>&casts.set_alias)
    _resolve(handle, b"duckdb_register_logical_type", <void **>&casts.register_logical_type)
    _resolve(handle, b"duckdb_create_cast_function", <void **>&casts.create_cast)
    _resolve(handle, b"duckdb_cast_function_set_source_type", <void **>&casts.set_source)
    _resolve(handle, b"duckdb_cast_function_set_target_type", <void **>&casts.set_target)
    _resolve(handle, b"duckdb_cast_function_set_implicit_cast_cost", <void **>&casts.set_cost)
    _resolve(handle, b"duckdb_cast_function_set_function", <void **>&casts.set_function)
    _resolve(handle, b"duckdb_register_cast_function", <void **>&casts.register_cast)
    _resolve(handle, b"duckdb_destroy_cast_function", <void **>&casts.destroy_cast)
    _resolve(handle, b"duckdb_cast_function_set_extra_info", <void **>&casts.set_extra_info)
    _resolve(handle, b"duckdb_cast_function_get_extra_info", <void **>&casts.get_extra_info)
    _resolve(handle, b"duckdb_cast_function_get_cast_mode", <void **>&casts.get_mode)
    _resolve(handle, b"duckdb_cast_function_set_error", <void **>&casts.set_error)
    _resolve(handle, b"duckdb_cast_function_set_row_error", <void **>&casts.set_row_error)
    _resolve(handle, b"duckdb_vector_reference_vector", <void **>&casts.reference_vector)
    return 0


_load(library.find().encode())
