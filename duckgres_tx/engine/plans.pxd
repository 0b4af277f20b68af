"""What the encoders are told about a column and about the session. No GIL.

A :c:type:`ColumnPlan` is a tree that mirrors the column's type. It is made once for an execution and bound to each data
chunk's vectors in turn, so that writing a value is one switch and a few loads.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from duckgres_tx.engine.capi cimport duckdb_logical_type, duckdb_vector, idx_t


# A time zone's offsets: `offsets[i]` (seconds east) holds from `starts[i]` (seconds since 1970, ascending) until the
# next start, `first_offset` before all of them. From `cycle_start` on, the last 400 years of the table repeat for ever.
# The abbreviations for them are `names`, ZONE_NAME bytes each, the first one's first.
cdef struct Zone:
    size_t size
    int64_t *starts
    int32_t *offsets
    char *names
    int32_t first_offset
    int64_t cycle_start


cdef enum:
    # An abbreviation of at most 10 bytes, as PostgreSQL shows it, and its NUL.
    ZONE_NAME = 11

    DATE_ISO = 0
    DATE_SQL = 1
    DATE_GERMAN = 2
    DATE_POSTGRES = 3

    INTERVAL_POSTGRES = 0
    INTERVAL_POSTGRES_VERBOSE = 1
    INTERVAL_SQL_STANDARD = 2
    INTERVAL_ISO_8601 = 3


# RenderOptions for C. Immutable; owned by whoever made it. Zones live as long as the process.
cdef struct Render:
    int extra_float_digits
    int bytea_escape
    int interval_style
    int date_style
    # The order DMY; MDY and YMD are the same in the output.
    bint day_first
    const Zone *zone


# What a plan writes. The order matters: see the FIRST_... constants.
cdef enum:
    # Text of limited length.
    TEXT_BOOL
    TEXT_INT8
    TEXT_INT16
    TEXT_INT32
    TEXT_INT64
    TEXT_UINT8
    TEXT_UINT16
    TEXT_UINT32
    TEXT_UINT64
    TEXT_INT128
    TEXT_UINT128
    TEXT_FLOAT
    TEXT_DOUBLE
    TEXT_DECIMAL16
    TEXT_DECIMAL32
    TEXT_DECIMAL64
    TEXT_DECIMAL128
    # DECIMAL as numeric without a scale: no zeros at the end.
    TEXT_NUMERIC
    TEXT_DATE
    TEXT_TIME
    TEXT_TIME_NS
    TEXT_TIMETZ
    TEXT_TIMESTAMP
    TEXT_TIMESTAMP_S
    TEXT_TIMESTAMP_MS
    TEXT_TIMESTAMP_NS
    TEXT_TIMESTAMPTZ
    TEXT_INTERVAL
    TEXT_UUID
    # A function's OID as its name.
    TEXT_PROCEDURE
    # In another DateStyle than ISO.
    STYLED_DATE
    STYLED_TIMESTAMP
    STYLED_TIMESTAMP_S
    STYLED_TIMESTAMP_MS
    STYLED_TIMESTAMP_NS
    STYLED_TIMESTAMPTZ
    # true and false, in JSON.
    JSON_BOOL
    # Binary of limited length.
    BINARY_BOOL
    BINARY_INT8
    BINARY_INT16
    BINARY_INT32
    BINARY_INT64
    BINARY_UINT8
    BINARY_UINT16
    BINARY_UINT32
    # An OID, or what is stored as one, kept as BIGINT.
    BINARY_OID
    BINARY_UINT64
    BINARY_INT128
    BINARY_UINT128
    BINARY_FLOAT
    BINARY_DOUBLE
    BINARY_DECIMAL16
    BINARY_DECIMAL32
    BINARY_DECIMAL64
    BINARY_DECIMAL128
    BINARY_NUMERIC
    BINARY_DATE
    BINARY_TIME
    BINARY_TIME_NS
    BINARY_TIMETZ
    BINARY_TIMESTAMP
    BINARY_TIMESTAMP_S
    BINARY_TIMESTAMP_MS
    BINARY_TIMESTAMP_NS
    BINARY_INTERVAL
    BINARY_UUID
    # A type whose only value is NULL.
    NOTHING
    # A type that this version doesn't know, of a newer DuckDB.
    UNKNOWN
    # Bytes as they are, in either format; and what else has no limit.
    STRING
    TEXT_BLOB
    TEXT_BIT
    BINARY_BIT
    # "char": one byte, 0 for the empty string.
    BINARY_CHAR
    # inet and such, which are kept as text; see text_types.
    BINARY_TEXT_TYPE
    LABEL8
    LABEL16
    LABEL32
    TEXT_BIGNUM
    BINARY_BIGNUM
    # JSON, the same in either format.
    JSON_STRUCT
    JSON_MAP
    JSON_UNION
    JSON_LIST
    JSON_ARRAY
    JSON_VARIANT
    # PostgreSQL's arrays, of DuckDB's lists and arrays.
    TEXT_LIST
    TEXT_ARRAY
    # int2vector and oidvector.
    TEXT_VECTOR
    BINARY_LIST
    BINARY_ARRAY
    BINARY_VECTOR
    # PostgreSQL's record, of a STRUCT without names: (1, 'a') and row(…).
    TEXT_RECORD
    BINARY_RECORD

    FIRST_VARYING = UNKNOWN
    FIRST_JSON = JSON_STRUCT
    FIRST_ARRAY = TEXT_LIST
    FIRST_RECORD = TEXT_RECORD

# How a scalar stands in a JSON document or among an array's elements.
cdef enum:
    # Never needs quotes in an array; a bare literal in JSON.
    PLAIN
    # The same, but for NaN and the infinities, which are strings in JSON.
    PLAIN_FLOAT
    # Needs no quotes in an array; a string in JSON, with nothing to escape.
    QUOTED
    # Must be searched for what needs quotes and escapes.
    ANY_TEXT
    # The same in an array; JSON already in JSON.
    DOCUMENT


cdef struct ColumnPlan:
    # What to write, of the constants above; decides everything else's meaning.
    int write
    # Whether `slots` are in use for the rows in hand.
    bint slotted
    # The vector of the chunk in hand, and its validity mask, NULL when nothing is NULL.
    const char *data
    const uint64_t *validity
    # See blocks: whole values of up to 64 rows, and how long each is. One block of memory, NULL until it is needed.
    char *slots
    uint8_t *sizes
    int format
    # DECIMAL.
    int scale
    # PLAIN ... DOCUMENT.
    int quoting
    # Inside a JSON document timestamps are spelled as ISO 8601 has it.
    bint json
    # The value's PostgreSQL type; of an array's plan, the array's.
    int oid
    # Bytes that a value takes at most, when its writer doesn't ensure room itself.
    size_t width
    # Elements of LIST and ARRAY, fields of STRUCT, MAP and UNION, the four vectors of VARIANT.
    int n_children
    ColumnPlan **children
    # ARRAY.
    idx_t array_size
    # Labels of ENUM; of a STRUCT or UNION each field's name as JSON, with its colon. One block of memory, `label_ends`
    # says where each ends.
    char *labels
    uint32_t *label_ends
    const Render *render
    # The offset of the last TIMESTAMPTZ written and its abbreviation, and the seconds for which they hold.
    int64_t zone_from
    int64_t zone_until
    int32_t zone_offset
    const char *zone_name


# The plan for a value of a type; NULL without memory. `json` is for what stands inside a JSON document.
cdef ColumnPlan *make_plan(duckdb_logical_type type, int format, const Render *render, bint json) noexcept nogil
cdef void drop_plan(ColumnPlan *plan) noexcept nogil
# Have an array's binary form say that its elements are of this type.
cdef void name_elements(ColumnPlan *plan, int oid) noexcept nogil

# Point the plan, children included, at a vector; good until the vector's chunk is freed.
cdef void bind_vector(ColumnPlan *plan, duckdb_vector vector) noexcept nogil
