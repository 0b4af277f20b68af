"""PostgreSQL's types as parameters know them, by OID.

Touches: nothing. No GIL.

Spec: catalog-pg-type.html
"""

from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_BIGNUM, DUCKDB_TYPE_BIT, DUCKDB_TYPE_BLOB, DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_DATE,
    DUCKDB_TYPE_DECIMAL, DUCKDB_TYPE_DOUBLE, DUCKDB_TYPE_FLOAT, DUCKDB_TYPE_HUGEINT, DUCKDB_TYPE_INTEGER,
    DUCKDB_TYPE_INTERVAL, DUCKDB_TYPE_SMALLINT, DUCKDB_TYPE_TIME, DUCKDB_TYPE_TIMESTAMP, DUCKDB_TYPE_TIMESTAMP_MS,
    DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_TIMESTAMP_S, DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_TIME_NS,
    DUCKDB_TYPE_TIME_TZ, DUCKDB_TYPE_TINYINT, DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_UHUGEINT, DUCKDB_TYPE_UINTEGER,
    DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_UTINYINT, DUCKDB_TYPE_UUID, DUCKDB_TYPE_VARCHAR
)


cdef enum:
    ARRAYS = 33


cdef bint is_textual(int oid) noexcept nogil:
    # text, varchar, character, name, unknown, cstring, xml
    return (
        oid == 25 or oid == 1043 or oid == 1042 or oid == 19 or oid == 705 or oid == 2275 or oid == 142 or oid == 18
    )


cdef const char *type_name(int oid) noexcept nogil:
    if oid == 16:
        return b"boolean"
    elif oid == 17:
        return b"bytea"
    elif oid == 20:
        return b"bigint"
    elif oid == 21:
        return b"smallint"
    elif oid == 23:
        return b"integer"
    elif oid == 26 or oid == 28 or oid == 29:
        return b"oid"
    elif oid == 700:
        return b"real"
    elif oid == 701:
        return b"double precision"
    elif oid == 1082:
        return b"date"
    elif oid == 1083:
        return b"time"
    elif oid == 1114:
        return b"timestamp"
    elif oid == 1184:
        return b"timestamp with time zone"
    elif oid == 1186:
        return b"interval"
    elif oid == 1266:
        return b"time with time zone"
    elif oid == 1560 or oid == 1562:
        return b"bit"
    elif oid == 1700:
        return b"numeric"
    elif oid == 2950:
        return b"uuid"
    elif oid == 869:
        return b"inet"
    elif oid == 650:
        return b"cidr"
    elif oid == 829:
        return b"macaddr"
    elif oid == 600:
        return b"point"
    return b"text"


cdef int oid_of_target(duckdb_type id) noexcept nogil:
    """The PostgreSQL type that a parameter of a resolved scalar type is announced as."""
    if id == DUCKDB_TYPE_BOOLEAN:
        return 16
    elif id == DUCKDB_TYPE_TINYINT or id == DUCKDB_TYPE_SMALLINT or id == DUCKDB_TYPE_UTINYINT:
        return 21
    elif id == DUCKDB_TYPE_INTEGER or id == DUCKDB_TYPE_USMALLINT:
        return 23
    elif id == DUCKDB_TYPE_BIGINT or id == DUCKDB_TYPE_UINTEGER:
        return 20
    elif (
        id == DUCKDB_TYPE_UBIGINT or id == DUCKDB_TYPE_HUGEINT or id == DUCKDB_TYPE_UHUGEINT
        or id == DUCKDB_TYPE_DECIMAL or id == DUCKDB_TYPE_BIGNUM
    ):
        return 1700
    elif id == DUCKDB_TYPE_FLOAT:
        return 700
    elif id == DUCKDB_TYPE_DOUBLE:
        return 701
    elif id == DUCKDB_TYPE_BLOB:
        return 17
    elif id == DUCKDB_TYPE_DATE:
        return 1082
    elif id == DUCKDB_TYPE_TIME or id == DUCKDB_TYPE_TIME_NS:
        return 1083
    elif id == DUCKDB_TYPE_TIME_TZ:
        return 1266
    elif (
        id == DUCKDB_TYPE_TIMESTAMP or id == DUCKDB_TYPE_TIMESTAMP_S or id == DUCKDB_TYPE_TIMESTAMP_MS
        or id == DUCKDB_TYPE_TIMESTAMP_NS
    ):
        return 1114
    elif id == DUCKDB_TYPE_TIMESTAMP_TZ:
        return 1184
    elif id == DUCKDB_TYPE_INTERVAL:
        return 1186
    elif id == DUCKDB_TYPE_UUID:
        return 2950
    elif id == DUCKDB_TYPE_BIT:
        return 1562
    return 25


cdef duckdb_type natural_type(int oid) noexcept nogil:
    """What DuckDB's type is nearest to a PostgreSQL type."""
    if oid == 16:
        return DUCKDB_TYPE_BOOLEAN
    elif oid == 17:
        return DUCKDB_TYPE_BLOB
    elif oid == 20 or oid == 26 or oid == 28:
        return DUCKDB_TYPE_BIGINT
    elif oid == 21:
        return DUCKDB_TYPE_SMALLINT
    elif oid == 23:
        return DUCKDB_TYPE_INTEGER
    elif oid == 700:
        return DUCKDB_TYPE_FLOAT
    elif oid == 701 or oid == 1700:
        return DUCKDB_TYPE_DOUBLE
    elif oid == 1082:
        return DUCKDB_TYPE_DATE
    elif oid == 1083:
        return DUCKDB_TYPE_TIME
    elif oid == 1114:
        return DUCKDB_TYPE_TIMESTAMP
    elif oid == 1184:
        return DUCKDB_TYPE_TIMESTAMP_TZ
    elif oid == 1186:
        return DUCKDB_TYPE_INTERVAL
    elif oid == 1266:
        return DUCKDB_TYPE_TIME_TZ
    elif oid == 1560 or oid == 1562:
        return DUCKDB_TYPE_BIT
    elif oid == 2950:
        return DUCKDB_TYPE_UUID
    return DUCKDB_TYPE_VARCHAR


# An array's OID, its elements' OID.
cdef int[2 * ARRAYS] array_oids = [
    1000, 16, 1001, 17, 1002, 18, 1003, 19, 1016, 20, 1005, 21, 1007, 23, 1008, 24, 1009, 25, 1028, 26, 1011, 28,
    199, 114, 1021, 700, 1022, 701, 1014, 1042, 1015, 1043, 1182, 1082, 1183, 1083, 1115, 1114, 1185, 1184,
    1187, 1186, 1270, 1266, 1561, 1560, 1563, 1562, 1231, 1700, 2951, 2950, 3807, 3802, 2210, 2205,
    1041, 869, 651, 650, 1040, 829, 1017, 600, 1263, 2275,
]


cdef int element_oid(int array_oid) noexcept nogil:
    cdef int index
    for index in range(ARRAYS):
        if array_oids[2 * index] == array_oid:
            return array_oids[2 * index + 1]
    return 0


cdef int array_oid(int element) noexcept nogil:
    cdef int index
    for index in range(ARRAYS):
        if array_oids[2 * index + 1] == element:
            return array_oids[2 * index]
    return 2287 if element == 2249 else 0
