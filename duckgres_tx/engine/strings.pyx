"""Strings, bytes, bits, labels and big numbers, in text and in binary.

Touches: the buffer it is given, and heap memory of its own for big numbers. No GIL.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from duckgres_tx.engine.buffers cimport Writer, ensure, put16, put32
from duckgres_tx.engine.plans cimport (
    BINARY_BIGNUM, BINARY_BIT, BINARY_CHAR, BINARY_TEXT_TYPE, LABEL8, LABEL16, LABEL32, STRING, TEXT_BIGNUM, TEXT_BIT, TEXT_BLOB
)
from duckgres_tx.engine.text_numbers cimport write_eight
from duckgres_tx.engine.text_types cimport NOT_READ, TEXT_TYPE_ROOM, binary_of_text


cdef enum:
    NO_MEMORY = -1
    OUT_OF_RANGE = -3
    UNKNOWN_TYPE = -4
    # numeric has at most 131072 digits before the point; this many bytes may hold fewer.
    NUMERIC_DIGITS = 131072
    NUMERIC_BYTES = 54428
    BIGNUM_HEADER = 3


cdef char *write_varying(Writer *writer, ColumnPlan *plan, idx_t row, char *out) noexcept nogil:
    """A value of any plan from FIRST_VARYING to FIRST_JSON."""
    cdef int what = plan.write
    if what == STRING:
        out = ensure(writer, out, (<const uint32_t *>(plan.data + row * STRING_SIZE))[0] + INLINE_LENGTH)
        return NULL if out == NULL else copy_string(out, plan.data, row)
    elif what == LABEL8:
        return _write_label(writer, plan, (<const uint8_t *>plan.data)[row], out)
    elif what == LABEL16:
        return _write_label(writer, plan, (<const uint16_t *>plan.data)[row], out)
    elif what == LABEL32:
        return _write_label(writer, plan, (<const uint32_t *>plan.data)[row], out)
    elif what == TEXT_BLOB:
        if plan.render.bytea_escape:
            return _write_escaped_bytes(writer, string_at(plan.data, row), out)
        return _write_hexadecimal(writer, string_at(plan.data, row), out)
    elif what == TEXT_BIT:
        return _write_bits(writer, string_at(plan.data, row), out)
    elif what == BINARY_BIT:
        return _write_binary_bits(writer, string_at(plan.data, row), out)
    elif what == BINARY_CHAR:
        return _write_char(writer, string_at(plan.data, row), out)
    elif what == BINARY_TEXT_TYPE:
        return _write_text_type(writer, plan.oid, string_at(plan.data, row), out)
    elif what == TEXT_BIGNUM or what == BINARY_BIGNUM:
        return _write_bignum(writer, string_at(plan.data, row), what == BINARY_BIGNUM, out)
    writer.result = UNKNOWN_TYPE
    return NULL


cdef char *_write_label(Writer *writer, ColumnPlan *plan, uint32_t index, char *out) noexcept nogil:
    cdef uint32_t first = 0 if index == 0 else plan.label_ends[index - 1]
    cdef uint32_t length = plan.label_ends[index] - first
    out = ensure(writer, out, length)
    if out == NULL:
        return NULL
    memcpy(out, plan.labels + first, length)
    return out + length


cdef char *_write_char(Writer *writer, Slice text, char *out) noexcept nogil:
    out = ensure(writer, out, 1)
    if out == NULL:
        return NULL
    out[0] = text.data[0] if text.length > 0 else 0
    return out + 1


cdef char *_write_text_type(Writer *writer, int oid, Slice text, char *out) noexcept nogil:
    cdef int length
    out = ensure(writer, out, TEXT_TYPE_ROOM)
    if out == NULL:
        return NULL
    length = binary_of_text(oid, text.data, text.length, out)
    if length == NOT_READ:
        writer.result = OUT_OF_RANGE
        return NULL
    return out + length


cdef char *_write_hexadecimal(Writer *writer, Slice blob, char *out) noexcept nogil:
    cdef const char *digits = b"0123456789abcdef"
    cdef size_t index
    cdef uint8_t byte
    out = ensure(writer, out, 2 + 2 * <size_t>blob.length)
    if out == NULL:
        return NULL
    out[0] = c"\\"
    out[1] = c"x"
    out += 2
    for index in range(blob.length):
        byte = <uint8_t>blob.data[index]
        out[0] = digits[byte >> 4]
        out[1] = digits[byte & 15]
        out += 2
    return out


cdef char *_write_escaped_bytes(Writer *writer, Slice blob, char *out) noexcept nogil:
    """bytea_output = escape: printable ASCII as it is, the backslash doubled, the rest in octal."""
    cdef size_t index
    cdef uint8_t byte
    out = ensure(writer, out, 4 * <size_t>blob.length)
    if out == NULL:
        return NULL
    for index in range(blob.length):
        byte = <uint8_t>blob.data[index]
        if byte == c"\\":
            out[0] = out[1] = c"\\"
            out += 2
        elif byte < 0x20 or byte > 0x7e:
            out[0] = c"\\"
            out[1] = c"0" + (byte >> 6)
            out[2] = c"0" + ((byte >> 3) & 7)
            out[3] = c"0" + (byte & 7)
            out += 4
        else:
            out[0] = byte
            out += 1
    return out


cdef char *_write_bits(Writer *writer, Slice bits, char *out) noexcept nogil:
    """DuckDB's first byte counts the unused bits in front of the first of the following ones."""
    cdef size_t unused = <uint8_t>bits.data[0]
    cdef size_t index
    out = ensure(writer, out, 8 * <size_t>bits.length)
    if out == NULL:
        return NULL
    for index in range(unused, 8 * (<size_t>bits.length - 1)):
        out[0] = c"0" + ((<uint8_t>bits.data[1 + index // 8] >> (7 - index % 8)) & 1)
        out += 1
    return out


cdef char *_write_binary_bits(Writer *writer, Slice bits, char *out) noexcept nogil:
    """Int32(bits) and the bits from the left: PostgreSQL's unused ones are behind, not in front."""
    cdef int unused = <uint8_t>bits.data[0]
    cdef size_t size = bits.length - 1
    cdef const uint8_t *data = <const uint8_t *>bits.data + 1
    cdef size_t index
    cdef uint32_t pair
    out = ensure(writer, out, 4 + size)
    if out == NULL:
        return NULL
    put32(out, 8 * size - unused)
    out += 4
    for index in range(size):
        pair = <uint32_t>data[index] << 8
        if index + 1 < size:
            pair |= data[index + 1]
        out[index] = <char>(pair >> (8 - unused))
    return out + size


cdef char *_write_bignum(Writer *writer, Slice bignum, bint binary, char *out) noexcept nogil:
    """DuckDB keeps a BIGNUM as a header of 3 bytes and its size, big-endian; all inverted when negative."""
    cdef size_t size = bignum.length - BIGNUM_HEADER
    cdef bint negative = (<uint8_t>bignum.data[0] & 0x80) == 0
    cdef char *digits
    cdef char *first
    cdef size_t length
    if size > NUMERIC_BYTES:
        writer.result = OUT_OF_RANGE
        return NULL
    # Each byte makes at most 2.41 digits; the groups of 9 and of 4 may add some zeros in front.
    length = size * 5 // 2 + 32
    digits = <char *>malloc(length)
    if digits == NULL:
        writer.result = NO_MEMORY
        return NULL
    first = _bignum_digits(bignum, negative, digits, digits + length)
    length = digits + length - first if first != NULL else 0
    if first == NULL or length > NUMERIC_DIGITS:
        writer.result = NO_MEMORY if first == NULL else OUT_OF_RANGE
        out = NULL
    elif binary:
        out = _write_digit_groups(writer, first, length, negative, out)
    else:
        out = ensure(writer, out, length + 1)
        if out != NULL:
            out[0] = c"-"
            out += negative
            memcpy(out, first, length)
            out += length
    free(digits)
    return out


cdef char *_bignum_digits(Slice bignum, bint negative, char *start, char *end) noexcept nogil:
    """The decimal digits, written up to `end`; where they start, or NULL without memory."""
    cdef size_t size = bignum.length - BIGNUM_HEADER
    cdef size_t count = (size + 3) // 4
    cdef uint32_t *limbs = <uint32_t *>malloc(4 * count + 4)
    cdef size_t index
    cdef uint64_t rest
    cdef uint8_t byte
    cdef char *out = end
    if limbs == NULL:
        return NULL
    memset(limbs, 0, 4 * count + 4)
    for index in range(size):
        byte = <uint8_t>bignum.data[bignum.length - 1 - index]
        limbs[index // 4] |= <uint32_t>(<uint8_t>~byte if negative else byte) << (8 * (index % 4))
    while count > 0 and limbs[count - 1] == 0:
        count -= 1
    while count > 0:
        rest = 0
        for index in range(count - 1, -1, -1):
            rest = (rest << 32) | limbs[index]
            limbs[index] = <uint32_t>(rest // 1000000000)
            rest = rest % 1000000000
        if limbs[count - 1] == 0:
            count -= 1
        out -= 9
        out[0] = c"0" + <char>(rest // 100000000)
        write_eight(out + 1, <uint32_t>(rest % 100000000))
    free(limbs)
    while out < end - 1 and out[0] == c"0":
        out += 1
    if out == end:
        out -= 1
        out[0] = c"0"
    return out


cdef char *_write_digit_groups(Writer *writer, char *digits, size_t length, bint negative, char *out) noexcept nogil:
    """numeric's binary form of a whole number. There is room for 3 zeros in front of the digits."""
    cdef size_t groups, _index
    while length % 4 != 0:
        digits -= 1
        digits[0] = c"0"
        length += 1
    groups = length // 4
    out = ensure(writer, out, 8 + 2 * groups)
    if out == NULL:
        return NULL
    put16(out + 2, <uint16_t>(groups - 1))
    while groups > 0 and _is_zero_group(digits + 4 * (groups - 1)):
        groups -= 1
    put16(out, <uint16_t>groups)
    if groups == 0:
        put16(out + 2, 0)
    put16(out + 4, 0x4000 if negative else 0)
    put16(out + 6, 0)
    out += 8
    for _index in range(groups):
        put16(out, (
            (digits[0] - c"0") * 1000 + (digits[1] - c"0") * 100 + (digits[2] - c"0") * 10 + (digits[3] - c"0")
        ))
        digits += 4
        out += 2
    return out


cdef inline bint _is_zero_group(const char *group) noexcept nogil:
    return group[0] == c"0" and group[1] == c"0" and group[2] == c"0" and group[3] == c"0"
