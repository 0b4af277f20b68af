"""Scalars as JSON.

Touches: the buffer it is given. No GIL.
"""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memmove

from duckgres_tx.engine.buffers cimport Writer, ensure
from duckgres_tx.engine.plans cimport DOCUMENT, FIRST_VARYING, PLAIN, PLAIN_FLOAT
from duckgres_tx.engine.scalars cimport write_scalar
from duckgres_tx.engine.strings cimport write_varying


cdef char *write_json_scalar(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    cdef size_t start
    out = ensure(writer, out, plan.width + 8)
    if out == NULL:
        return NULL
    start = out - writer.start
    if plan.write >= FIRST_VARYING:
        out = write_varying(writer, plan, row, out)
        if out == NULL:
            return NULL
    else:
        out = write_scalar(writer, plan, row, out)
    if plan.quoting == PLAIN or plan.quoting == DOCUMENT:
        return out
    # NaN, Infinity, -Infinity end in a letter; a number never does.
    if plan.quoting == PLAIN_FLOAT and (out - 1)[0] <= c"9":
        return out
    return quote_json(writer, start, out)


cdef inline bint _needs_escape(uint8_t byte) noexcept nogil:
    return byte < 0x20 or byte == c'"' or byte == c"\\"


cdef char *quote_json(Writer *writer, size_t start, char *out) noexcept nogil:
    cdef size_t length = (out - writer.start) - start
    cdef size_t extra = 2
    cdef size_t index
    cdef char *text = writer.start + start
    cdef char *target
    cdef uint8_t byte
    for index in range(length):
        byte = <uint8_t>text[index]
        if _needs_escape(byte):
            extra += _escape_length(byte) - 1
    out = ensure(writer, out, extra)
    if out == NULL:
        return NULL
    text = writer.start + start
    if extra == 2:
        memmove(text + 1, text, length)
        text[0] = text[length + 1] = c'"'
        return out + 2
    # From the end, so that nothing is overwritten before it is read.
    target = text + length + extra - 1
    target[0] = c'"'
    for index in range(length, 0, -1):
        byte = <uint8_t>text[index - 1]
        if _needs_escape(byte):
            target -= _escape_length(byte)
            _write_escape(target, byte)
        else:
            target -= 1
            target[0] = byte
    text[0] = c'"'
    return out + extra


cdef inline size_t _escape_length(uint8_t byte) noexcept nogil:
    if byte == c'"' or byte == c"\\" or byte == c"\n" or byte == c"\r" or byte == c"\t" or byte == c"\b" or byte == c"\f":
        return 2
    return 6


cdef inline void _write_escape(char *out, uint8_t byte) noexcept nogil:
    out[0] = c"\\"
    if byte == c'"' or byte == c"\\":
        out[1] = byte
    elif byte == c"\n":
        out[1] = c"n"
    elif byte == c"\r":
        out[1] = c"r"
    elif byte == c"\t":
        out[1] = c"t"
    elif byte == c"\b":
        out[1] = c"b"
    elif byte == c"\f":
        out[1] = c"f"
    else:
        memcpy(out + 1, b"u00", 3)
        out[4] = c"0" + (byte >> 4)
        out[5] = b"0123456789abcdef"[byte & 15]
