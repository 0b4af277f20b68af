"""What the encoders are told about a column and about the session. No GIL.

A :c:type:`ColumnPlan` is a tree that mirrors the column's type. It is made once for an execution and bound to each data
chunk's vectors in turn, so that writing a value is one switch and a few loads.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from duckgres_tx.engine.capi cimport idx_t


# A time zone's offsets: `offsets[i]` (seconds east) holds from `starts[i]` (seconds since 1970, ascending) until the
# next start, `first_offset` before all of them. From `cycle_start` on, the last 400 years of the table repeat for ever.
cdef struct Zone:
    size_t size
    int64_t *starts
    int32_t *offsets
    int32_t first_offset
    int64_t cycle_start


cdef enum:
    INTERVAL_POSTGRES = 0
    INTERVAL_POSTGRES_VERBOSE = 1
    INTERVAL_SQL_STANDARD = 2
    INTERVAL_ISO_8601 = 3


# RenderOptions for C. Immutable; owned by whoever made it. Zones live as long as the process.
cdef struct Render:
    int extra_float_digits
    int bytea_escape
    int interval_style
    const Zone *zone


cdef struct ColumnPlan:
    # What to write, a WRITE_... constant; decides everything else's meaning.
    int write
    int format
    # DECIMAL.
    int scale
    # The value's PostgreSQL type; of an array's plan, the array's.
    int oid
    # Bytes that a value takes at most, when its writer doesn't ensure room itself.
    size_t width
    # The vector of the chunk in hand, and its validity mask, NULL when nothing is NULL.
    const char *data
    const uint64_t *validity
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
    # The offset of the last TIMESTAMPTZ written, and the seconds for which it holds.
    int64_t zone_from
    int64_t zone_until
    int32_t zone_offset
