"""Scalars as PostgreSQL's to_json writes them. No GIL.

Numbers are bare (NaN and the infinities are strings), timestamps in ISO 8601, everything else is the string of its text
form.

Spec: functions-json.html#FUNCTIONS-JSON-CREATION-TABLE, https://www.rfc-editor.org/rfc/rfc8259
"""

from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport Writer, ensure
from duckgres_tx.engine.capi cimport idx_t
from duckgres_tx.engine.plans cimport ColumnPlan


cdef inline char *write_literal(Writer *writer, char *out, const char *text, size_t length) noexcept nogil:
    out = ensure(writer, out, length)
    if out == NULL:
        return NULL
    memcpy(out, text, length)
    return out + length


# A value, not NULL, of a scalar plan made for JSON. The end, or NULL with the writer's `result` set.
cdef char *write_json_scalar(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil

# Turn the text that has been written from offset `start` of the writer to `out` into a JSON string.
cdef char *quote_json(Writer *writer, size_t start, char *out) noexcept nogil
