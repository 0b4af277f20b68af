"""Plans: from a column's type to what its values are written with.

Touches: the heap, for the plans it makes. No GIL.
"""

from libc.stdint cimport uint32_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, strlen

from duckgres_tx.engine.buffers cimport Writer, ensure
from duckgres_tx.engine.capi cimport (
    DUCKDB_TYPE_ARRAY, DUCKDB_TYPE_BIGINT, DUCKDB_TYPE_BOOLEAN, DUCKDB_TYPE_DECIMAL, DUCKDB_TYPE_ENUM,
    DUCKDB_TYPE_HUGEINT, DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_LIST, DUCKDB_TYPE_MAP, DUCKDB_TYPE_SMALLINT,
    DUCKDB_TYPE_STRUCT, DUCKDB_TYPE_UNION, DUCKDB_TYPE_USMALLINT, DUCKDB_TYPE_UTINYINT, DUCKDB_TYPE_VARIANT, api,
    duckdb_type
)
from duckgres_tx.engine.forms cimport TYPES, alias_oid, forms
from duckgres_tx.engine.json_scalars cimport quote_json
from duckgres_tx.engine.procedures cimport PROCEDURE_WIDTH
from duckgres_tx.engine.text_types cimport is_text_type
from duckgres_tx.engine.variants cimport (
    VARIANT_CHILDREN, VARIANT_DATA, VARIANT_KEY, VARIANT_KEY_INDEX, VARIANT_KEYS, VARIANT_OFFSET, VARIANT_TYPE,
    VARIANT_VALUE_INDEX, VARIANT_VALUES, VARIANT_VECTORS
)


cdef enum:
    # What numeric without a scale is kept as; the product of two has twice the scale.
    NUMERIC_WIDTH = 38
    NUMERIC_SCALE = 10


cdef ColumnPlan *_new_plan(int format, const Render *render, bint json, int n_children) noexcept nogil:
    cdef ColumnPlan *plan = <ColumnPlan *>calloc(1, sizeof(ColumnPlan))
    if plan == NULL:
        return NULL
    plan.format = format
    plan.render = render
    plan.json = json
    # An empty range: the first TIMESTAMPTZ looks its offset up.
    plan.zone_from = 1
    if n_children > 0:
        plan.children = <ColumnPlan **>calloc(n_children, sizeof(ColumnPlan *))
        if plan.children == NULL:
            free(plan)
            return NULL
        plan.n_children = n_children
    return plan


cdef void drop_plan(ColumnPlan *plan) noexcept nogil:
    cdef int index
    if plan == NULL:
        return
    for index in range(plan.n_children):
        drop_plan(plan.children[index])
    free(plan.children)
    free(plan.slots)
    free(plan.labels)
    free(plan.label_ends)
    free(plan)


cdef ColumnPlan *make_plan(duckdb_logical_type type, int format, const Render *render, bint json) noexcept nogil:
    cdef duckdb_type kind = api.get_type_id(type)
    cdef int alias = alias_oid(type, kind)
    if kind == DUCKDB_TYPE_DECIMAL:
        return _plan_decimal(type, format, render, json)
    elif kind == DUCKDB_TYPE_ENUM:
        return _plan_enum(type, format, render, json)
    elif kind == DUCKDB_TYPE_LIST:
        return _plan_elements(api.list_type_child_type(type), 0, False, alias, format, render, json)
    elif kind == DUCKDB_TYPE_ARRAY:
        return _plan_elements(
            api.array_type_child_type(type), api.array_type_array_size(type), True, alias, format, render, json
        )
    elif kind == DUCKDB_TYPE_STRUCT:
        return _plan_struct(type, format, render) if json or _has_names(type) else _plan_record(type, format, render)
    elif kind == DUCKDB_TYPE_UNION:
        return _plan_union(type, format, render)
    elif kind == DUCKDB_TYPE_MAP:
        return _plan_map(type, format, render)
    elif kind == DUCKDB_TYPE_VARIANT:
        return _plan_variant(format, render)
    return _plan_simple(kind, alias, format, render, json)


cdef void name_elements(ColumnPlan *plan, int oid) noexcept nogil:
    while plan.n_children > 0 and FIRST_ARRAY <= plan.write < FIRST_RECORD:
        plan = plan.children[0]
    plan.oid = oid


cdef ColumnPlan *_plan_simple(duckdb_type kind, int alias, int format, const Render *render, bint json) noexcept nogil:
    cdef ColumnPlan *plan = _new_plan(format, render, json, 0)
    if plan == NULL:
        return NULL
    if kind < 0 or kind >= TYPES or not forms[kind].known:
        plan.write = UNKNOWN
        plan.oid = 25
        return plan
    plan.write = forms[kind].binary if format == 1 else forms[kind].text
    plan.oid = forms[kind].oid
    plan.quoting = forms[kind].quoting
    plan.width = forms[kind].width
    if json and kind == DUCKDB_TYPE_BOOLEAN:
        plan.write = JSON_BOOL
    if format == 0 and not json and render != NULL and render.date_style != DATE_ISO:
        plan.write = _styled(plan.write)
    if alias != 0:
        plan.oid = alias
        if alias == 114:
            plan.quoting = DOCUMENT
        elif alias == 18 and format == 1:
            plan.write = BINARY_CHAR
        elif format == 1 and is_text_type(alias):
            plan.write = BINARY_TEXT_TYPE
        elif kind == DUCKDB_TYPE_BIGINT and format == 1:
            plan.write = BINARY_OID
        elif alias == 24:
            plan.write = TEXT_PROCEDURE
            plan.quoting = ANY_TEXT
            plan.width = PROCEDURE_WIDTH
    return plan


cdef int _styled(int write) noexcept nogil:
    """What writes the same in another DateStyle than ISO, which JSON always has."""
    if write == TEXT_DATE:
        return STYLED_DATE
    elif write == TEXT_TIMESTAMP:
        return STYLED_TIMESTAMP
    elif write == TEXT_TIMESTAMP_S:
        return STYLED_TIMESTAMP_S
    elif write == TEXT_TIMESTAMP_MS:
        return STYLED_TIMESTAMP_MS
    elif write == TEXT_TIMESTAMP_NS:
        return STYLED_TIMESTAMP_NS
    elif write == TEXT_TIMESTAMPTZ:
        return STYLED_TIMESTAMPTZ
    return write


cdef ColumnPlan *_plan_decimal(duckdb_logical_type type, int format, const Render *render, bint json) noexcept nogil:
    cdef ColumnPlan *plan = _new_plan(format, render, json, 0)
    cdef duckdb_type internal = api.decimal_internal_type(type)
    if plan == NULL:
        return NULL
    plan.scale = api.decimal_scale(type)
    plan.oid = 1700
    plan.quoting = PLAIN
    plan.width = 24 if internal != DUCKDB_TYPE_HUGEINT else 48
    if internal == DUCKDB_TYPE_SMALLINT:
        plan.write = BINARY_DECIMAL16 if format == 1 else TEXT_DECIMAL16 if plan.scale > 0 else TEXT_INT16
    elif internal == DUCKDB_TYPE_INTEGER:
        plan.write = BINARY_DECIMAL32 if format == 1 else TEXT_DECIMAL32 if plan.scale > 0 else TEXT_INT32
    elif internal == DUCKDB_TYPE_BIGINT:
        plan.write = BINARY_DECIMAL64 if format == 1 else TEXT_DECIMAL64 if plan.scale > 0 else TEXT_INT64
    elif api.decimal_width(type) == NUMERIC_WIDTH and (plan.scale == NUMERIC_SCALE or plan.scale == 2 * NUMERIC_SCALE):
        plan.write = BINARY_NUMERIC if format == 1 else TEXT_NUMERIC
    else:
        plan.write = BINARY_DECIMAL128 if format == 1 else TEXT_DECIMAL128 if plan.scale > 0 else TEXT_INT128
    return plan


cdef ColumnPlan *_plan_enum(duckdb_logical_type type, int format, const Render *render, bint json) noexcept nogil:
    cdef ColumnPlan *plan = _new_plan(format, render, json, 0)
    cdef duckdb_type internal = api.enum_internal_type(type)
    if plan == NULL:
        return NULL
    plan.oid = 25
    plan.quoting = ANY_TEXT
    if internal == DUCKDB_TYPE_UTINYINT:
        plan.write = LABEL8
    elif internal == DUCKDB_TYPE_USMALLINT:
        plan.write = LABEL16
    else:
        plan.write = LABEL32
    if not _take_labels(plan, type, DUCKDB_TYPE_ENUM, api.enum_dictionary_size(type)):
        drop_plan(plan)
        return NULL
    return plan


cdef char *_label(duckdb_logical_type type, duckdb_type kind, uint32_t index) noexcept nogil:
    if kind == DUCKDB_TYPE_ENUM:
        return api.enum_dictionary_value(type, index)
    elif kind == DUCKDB_TYPE_UNION:
        return api.union_type_member_name(type, index)
    return api.struct_type_child_name(type, index)


cdef bint _take_labels(ColumnPlan *plan, duckdb_logical_type type, duckdb_type kind, uint32_t count) noexcept nogil:
    """Copy an ENUM's labels, or a STRUCT's or UNION's names as JSON strings with a colon; False without memory."""
    cdef Writer writer = Writer(NULL, NULL, 0)
    cdef char *out
    cdef char *label
    cdef size_t start
    cdef uint32_t index
    plan.label_ends = <uint32_t *>malloc(4 * <size_t>count + 4)
    out = ensure(&writer, NULL, 1)
    for index in range(count):
        label = _label(type, kind, index)
        if label != NULL and out != NULL:
            start = out - writer.start
            out = ensure(&writer, out, strlen(label) + 1)
            if out != NULL and label[0] == 0 and kind == DUCKDB_TYPE_STRUCT:
                # What PostgreSQL calls the fields of a record.
                out = ensure(&writer, out, 16)
                if out != NULL:
                    out += snprintf(out, 16, b"f%d", <int>index + 1)
            elif out != NULL:
                memcpy(out, label, strlen(label))
                out += strlen(label)
            if out != NULL and kind != DUCKDB_TYPE_ENUM:
                out = quote_json(&writer, start, out)
                if out != NULL:
                    out = ensure(&writer, out, 1)
                if out != NULL:
                    out[0] = c":"
                    out += 1
        if out == NULL or label == NULL or plan.label_ends == NULL:
            api.free(label)
            free(writer.start)
            return False
        api.free(label)
        plan.label_ends[index] = out - writer.start
    plan.labels = writer.start
    return out != NULL and plan.label_ends != NULL


cdef ColumnPlan *_plan_elements(
    duckdb_logical_type child, idx_t size, bint fixed, int alias, int format, const Render *render, bint json
) noexcept nogil:
    """A LIST or, when `fixed`, an ARRAY. Takes the child's type over."""
    cdef ColumnPlan *plan = _new_plan(format, render, json, 1)
    if plan != NULL:
        plan.array_size = size
        plan.quoting = DOCUMENT
        plan.children[0] = make_plan(child, format, render, json)
    api.destroy_logical_type(&child)
    if plan == NULL or plan.children[0] == NULL:
        drop_plan(plan)
        return NULL
    if json:
        plan.write = JSON_ARRAY if fixed else JSON_LIST
    elif format == 1:
        plan.write = BINARY_ARRAY if fixed else BINARY_LIST
    else:
        plan.write = TEXT_ARRAY if fixed else TEXT_LIST
    if alias != 0 and not json:
        plan.write = BINARY_VECTOR if format == 1 else TEXT_VECTOR
        plan.oid = alias
        if plan.children[0].write == BINARY_INT64:
            plan.children[0].write = BINARY_OID
            plan.children[0].oid = 26
    return plan


cdef bint _plan_members(ColumnPlan *plan, duckdb_logical_type type, int format) noexcept nogil:
    """The children of a STRUCT's plan; False when one can't be planned."""
    cdef duckdb_logical_type member
    cdef int index
    for index in range(plan.n_children):
        member = api.struct_type_child_type(type, index)
        plan.children[index] = make_plan(member, format, plan.render, plan.json)
        api.destroy_logical_type(&member)
        if plan.children[index] == NULL:
            return False
    return True


cdef ColumnPlan *_plan_struct(duckdb_logical_type type, int format, const Render *render) noexcept nogil:
    cdef idx_t count = api.struct_type_child_count(type)
    cdef ColumnPlan *plan = _new_plan(format, render, True, <int>count)
    if plan == NULL:
        return NULL
    plan.write = JSON_STRUCT
    plan.oid = 114
    plan.quoting = DOCUMENT
    if not (_plan_members(plan, type, 0) and _take_labels(plan, type, DUCKDB_TYPE_STRUCT, <uint32_t>count)):
        drop_plan(plan)
        return NULL
    return plan


cdef bint _has_names(duckdb_logical_type type) noexcept nogil:
    """Whether a STRUCT is one of named fields; ``row(1, 2)`` isn't."""
    cdef char *name = NULL
    cdef bint named = True
    if api.struct_type_child_count(type) > 0:
        name = api.struct_type_child_name(type, 0)
        named = name == NULL or name[0] != 0
        api.free(name)
    return named


cdef ColumnPlan *_plan_record(duckdb_logical_type type, int format, const Render *render) noexcept nogil:
    cdef idx_t count = api.struct_type_child_count(type)
    cdef ColumnPlan *plan = _new_plan(format, render, False, <int>count)
    if plan == NULL:
        return NULL
    plan.write = BINARY_RECORD if format == 1 else TEXT_RECORD
    plan.oid = 2249
    plan.quoting = ANY_TEXT
    if not _plan_members(plan, type, format):
        drop_plan(plan)
        return NULL
    return plan


cdef ColumnPlan *_plan_union(duckdb_logical_type type, int format, const Render *render) noexcept nogil:
    cdef idx_t count = api.union_type_member_count(type)
    cdef ColumnPlan *plan = _new_plan(format, render, True, <int>count + 1)
    cdef duckdb_logical_type member
    cdef idx_t index
    if plan == NULL:
        return NULL
    plan.write = JSON_UNION
    plan.oid = 114
    plan.quoting = DOCUMENT
    plan.children[0] = _plan_simple(DUCKDB_TYPE_UTINYINT, 0, 0, render, True)
    for index in range(count):
        member = api.union_type_member_type(type, index)
        plan.children[index + 1] = make_plan(member, 0, render, True)
        api.destroy_logical_type(&member)
        if plan.children[0] == NULL or plan.children[index + 1] == NULL:
            drop_plan(plan)
            return NULL
    if not _take_labels(plan, type, DUCKDB_TYPE_UNION, <uint32_t>count):
        drop_plan(plan)
        return NULL
    return plan


cdef ColumnPlan *_plan_map(duckdb_logical_type type, int format, const Render *render) noexcept nogil:
    cdef ColumnPlan *plan = _new_plan(format, render, True, 2)
    cdef duckdb_logical_type member
    if plan == NULL:
        return NULL
    plan.write = JSON_MAP
    plan.oid = 114
    plan.quoting = DOCUMENT
    member = api.map_type_key_type(type)
    plan.children[0] = make_plan(member, 0, render, True)
    api.destroy_logical_type(&member)
    member = api.map_type_value_type(type)
    plan.children[1] = make_plan(member, 0, render, True)
    api.destroy_logical_type(&member)
    if plan.children[0] == NULL or plan.children[1] == NULL:
        drop_plan(plan)
        return NULL
    return plan


cdef ColumnPlan *_plan_variant(int format, const Render *render) noexcept nogil:
    cdef ColumnPlan *plan = _new_plan(format, render, True, VARIANT_VECTORS)
    cdef int index
    if plan == NULL:
        return NULL
    plan.write = JSON_VARIANT
    plan.oid = 114
    plan.quoting = DOCUMENT
    for index in range(VARIANT_VECTORS):
        # They hold a vector each and are never written.
        plan.children[index] = _new_plan(0, render, True, 0)
        if plan.children[index] == NULL:
            drop_plan(plan)
            return NULL
        plan.children[index].write = NOTHING
    return plan


cdef void bind_vector(ColumnPlan *plan, duckdb_vector vector) noexcept nogil:
    cdef int what = plan.write
    cdef int index
    plan.data = <const char *>api.vector_get_data(vector)
    plan.validity = api.vector_get_validity(vector)
    if plan.n_children == 0:
        return
    elif what == JSON_VARIANT:
        _bind_variant(plan, vector)
    elif what == JSON_MAP:
        vector = api.list_vector_get_child(vector)
        bind_vector(plan.children[0], api.struct_vector_get_child(vector, 0))
        bind_vector(plan.children[1], api.struct_vector_get_child(vector, 1))
    elif what == JSON_STRUCT or what == JSON_UNION or what >= FIRST_RECORD:
        for index in range(plan.n_children):
            bind_vector(plan.children[index], api.struct_vector_get_child(vector, index))
    elif what == JSON_ARRAY or what == TEXT_ARRAY or what == BINARY_ARRAY:
        bind_vector(plan.children[0], api.array_vector_get_child(vector))
    else:
        bind_vector(plan.children[0], api.list_vector_get_child(vector))


cdef void _bind_variant(ColumnPlan *plan, duckdb_vector vector) noexcept nogil:
    cdef duckdb_vector list = api.struct_vector_get_child(vector, 0)
    cdef duckdb_vector entries
    bind_vector(plan.children[VARIANT_KEYS], list)
    bind_vector(plan.children[VARIANT_KEY], api.list_vector_get_child(list))
    list = api.struct_vector_get_child(vector, 1)
    entries = api.list_vector_get_child(list)
    bind_vector(plan.children[VARIANT_CHILDREN], list)
    bind_vector(plan.children[VARIANT_KEY_INDEX], api.struct_vector_get_child(entries, 0))
    bind_vector(plan.children[VARIANT_VALUE_INDEX], api.struct_vector_get_child(entries, 1))
    list = api.struct_vector_get_child(vector, 2)
    entries = api.list_vector_get_child(list)
    bind_vector(plan.children[VARIANT_VALUES], list)
    bind_vector(plan.children[VARIANT_TYPE], api.struct_vector_get_child(entries, 0))
    bind_vector(plan.children[VARIANT_OFFSET], api.struct_vector_get_child(entries, 1))
    bind_vector(plan.children[VARIANT_DATA], api.struct_vector_get_child(vector, 3))
