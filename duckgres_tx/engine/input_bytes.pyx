"""bytea, uuid, bit strings, booleans and text, as PostgreSQL's *in and *recv functions read them.

Touches: the heap, for the bytes it hands out. No GIL.

Spec: datatype-binary.html, datatype-uuid.html, datatype-bit.html, datatype-boolean.html
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport malloc
from libc.string cimport memcpy

from duckgres_tx.engine.buffers cimport swap32
from duckgres_tx.engine.input_errors cimport bad_binary, bad_syntax, complain, no_memory
from duckgres_tx.engine.spans cimport Span, is_space, trim


cdef extern from "<strings.h>":
    int strncasecmp(const char *left, const char *right, size_t length) noexcept nogil


cdef inline bint _begins(const char *word, int64_t least, Span span) noexcept nogil:
    """Whether the text is the beginning of a word, of so many characters at least."""
    cdef int64_t length = 0
    while word[length] != 0:
        length += 1
    return least <= span.length <= length and strncasecmp(word, span.text, span.length) == 0


cdef int read_bool_text(Reading *reading, const char *text, int64_t length, bint *value) noexcept nogil:
    cdef Span span = trim(text, length)
    if _begins(b"true", 1, span) or _begins(b"yes", 1, span) or _begins(b"on", 2, span) or _begins(b"1", 1, span):
        value[0] = True
    elif _begins(b"false", 1, span) or _begins(b"no", 1, span) or _begins(b"off", 2, span) or _begins(b"0", 1, span):
        value[0] = False
    else:
        return bad_syntax(reading, text, length)
    return 0


cdef inline int _nibble(char byte) noexcept nogil:
    if c"0" <= byte <= c"9":
        return byte - c"0"
    if c"a" <= (byte | 32) <= c"f":
        return (byte | 32) - c"a" + 10
    return -1


cdef int read_bytea_text(Reading *reading, const char *text, int64_t length, Bytes *bytes) noexcept nogil:
    # Neither form has more bytes than characters.
    bytes.data = <uint8_t *>malloc(length + 1)
    bytes.length = 0
    if bytes.data == NULL:
        return no_memory(reading)
    if length >= 2 and text[0] == c"\\" and text[1] == c"x":
        return _read_hexadecimal(reading, text + 2, length - 2, bytes)
    return _read_escaped(reading, text, length, bytes)


cdef int _read_hexadecimal(Reading *reading, const char *text, int64_t length, Bytes *bytes) noexcept nogil:
    cdef int64_t index = 0
    cdef int high, low
    while index < length:
        if is_space(text[index]):
            index += 1
            continue
        high = _nibble(text[index])
        low = _nibble(text[index + 1]) if index + 1 < length else -2
        if high < 0 or low == -1:
            return _bad_digit(reading, text[index] if high < 0 else text[index + 1])
        if low == -2:
            return complain(reading, b"22023", b"invalid hexadecimal data: odd number of digits")
        bytes.data[bytes.length] = high * 16 + low
        bytes.length += 1
        index += 2
    return 0


cdef int _bad_digit(Reading *reading, char byte) noexcept nogil:
    memcpy(reading.sqlstate, b"22023", 6)
    snprintf(reading.error, reading.error_size, b"invalid hexadecimal digit: \"%c\"", <int>byte)
    return -1


cdef int _read_escaped(Reading *reading, const char *text, int64_t length, Bytes *bytes) noexcept nogil:
    r"""Bytes as they are; \\ and \ooo."""
    cdef int64_t index = 0
    while index < length:
        if text[index] != c"\\":
            bytes.data[bytes.length] = text[index]
            index += 1
        elif index + 1 < length and text[index + 1] == c"\\":
            bytes.data[bytes.length] = c"\\"
            index += 2
        elif (
            index + 3 < length and c"0" <= text[index + 1] <= c"3" and c"0" <= text[index + 2] <= c"7"
            and c"0" <= text[index + 3] <= c"7"
        ):
            bytes.data[bytes.length] = (
                (text[index + 1] - c"0") * 64 + (text[index + 2] - c"0") * 8 + (text[index + 3] - c"0")
            )
            index += 4
        else:
            return complain(reading, b"22P02", b"invalid input syntax for type bytea")
        bytes.length += 1
    return 0


cdef int read_uuid_text(Reading *reading, const char *text, int64_t length, uint64_t *high, uint64_t *low) noexcept nogil:
    """32 digits, with a hyphen after any group of four, and braces around it all."""
    cdef int64_t index = 0
    cdef int64_t end = length
    cdef int digits = 0
    cdef int nibble
    cdef uint64_t[2] halves
    halves[0] = halves[1] = 0
    if length > 2 and text[0] == c"{" and text[length - 1] == c"}":
        index = 1
        end = length - 1
    while index < end:
        if text[index] == c"-" and digits > 0 and digits < 32 and digits % 4 == 0 and text[index - 1] != c"-":
            index += 1
            continue
        nibble = _nibble(text[index])
        if nibble < 0 or digits == 32:
            return bad_syntax(reading, text, length)
        halves[digits // 16] = halves[digits // 16] << 4 | <uint64_t>nibble
        digits += 1
        index += 1
    if digits != 32:
        return bad_syntax(reading, text, length)
    high[0] = halves[0]
    low[0] = halves[1]
    return 0


cdef int _new_bits(Reading *reading, int64_t count, Bytes *bytes) noexcept nogil:
    """All bits 0, the unused ones 1 as DuckDB has them."""
    cdef int64_t index
    cdef int64_t size = (count + 7) // 8
    bytes.data = <uint8_t *>malloc(size + 2)
    if bytes.data == NULL:
        return no_memory(reading)
    bytes.length = size + 1
    bytes.data[0] = <uint8_t>(8 * size - count)
    for index in range(size):
        bytes.data[1 + index] = 0
    if size > 0:
        bytes.data[1] = <uint8_t>(0xff00 >> bytes.data[0])
    return 0


cdef int read_bits_text(Reading *reading, const char *text, int64_t length, Bytes *bytes) noexcept nogil:
    """0101, B0101, X1F."""
    cdef bint hexadecimal = length > 0 and (text[0] | 32) == c"x"
    cdef int64_t index = 1 if hexadecimal or (length > 0 and (text[0] | 32) == c"b") else 0
    cdef int width = 4 if hexadecimal else 1
    cdef int64_t position
    cdef int value
    if _new_bits(reading, (length - index) * width, bytes):
        return -1
    position = bytes.data[0]
    while index < length:
        value = _nibble(text[index])
        if value < 0 or (not hexadecimal and value > 1):
            memcpy(reading.sqlstate, b"22P02", 6)
            snprintf(
                reading.error, reading.error_size, b"\"%c\" is not a valid %s digit", <int>text[index],
                <const char *>(b"hexadecimal" if hexadecimal else b"binary")
            )
            return -1
        # Four bits lie in one byte: the first unused ones are then none or four.
        bytes.data[1 + position // 8] |= <uint8_t>(value << (8 - width - position % 8))
        position += width
        index += 1
    return 0


cdef int read_bits_binary(Reading *reading, const char *data, int64_t length, Bytes *bytes) noexcept nogil:
    """Int32(bits) and the bits from the left."""
    cdef uint32_t count
    cdef int64_t index, size
    cdef int unused
    cdef uint8_t byte
    if length < 4:
        return bad_binary(reading)
    memcpy(&count, data, 4)
    count = swap32(count)
    size = (<int64_t>count + 7) // 8
    if count > 0x7fffffff or length != 4 + size:
        return bad_binary(reading)
    if _new_bits(reading, count, bytes):
        return -1
    unused = bytes.data[0]
    for index in range(size):
        byte = <uint8_t>data[4 + index]
        bytes.data[1 + index] |= byte >> unused
        if unused > 0 and index + 1 < size:
            bytes.data[2 + index] |= <uint8_t>(byte << (8 - unused))
    return 0


cdef int _bad_encoding(Reading *reading, const char *text, int64_t length) noexcept nogil:
    cdef int64_t index
    cdef int position
    memcpy(reading.sqlstate, b"22021", 6)
    position = snprintf(reading.error, reading.error_size, b"invalid byte sequence for encoding \"UTF8\":")
    for index in range(length):
        position += snprintf(reading.error + position, reading.error_size - position, b" 0x%02x", <int><uint8_t>text[index])
    return -1


cdef inline int _sequence_length(const uint8_t *text, int64_t left) noexcept nogil:
    """Of one character beyond ASCII; 0 if it is no UTF-8."""
    cdef uint8_t first = text[0]
    if first < 0xc2 or first > 0xf4:
        return 0
    if first < 0xe0:
        return 2 if left > 1 and text[1] & 0xc0 == 0x80 else 0
    if left < 3 or text[1] & 0xc0 != 0x80 or text[2] & 0xc0 != 0x80:
        return 0
    if first < 0xf0:
        # No overlong forms, no surrogates.
        return 0 if (first == 0xe0 and text[1] < 0xa0) or (first == 0xed and text[1] > 0x9f) else 3
    if left < 4 or text[3] & 0xc0 != 0x80 or (first == 0xf0 and text[1] < 0x90) or (first == 0xf4 and text[1] > 0x8f):
        return 0
    return 4


cdef int check_text(Reading *reading, const char *text, int64_t length) noexcept nogil:
    cdef int64_t index = 0
    cdef uint64_t eight
    cdef int width
    while index < length:
        if index + 8 <= length:
            memcpy(&eight, text + index, 8)
            # Eight characters of ASCII, none of them 0.
            if (eight | (eight - 0x0101010101010101ULL)) & 0x8080808080808080ULL == 0:
                index += 8
                continue
        if text[index] == 0:
            return _bad_encoding(reading, text + index, 1)
        if <uint8_t>text[index] < 0x80:
            index += 1
            continue
        width = _sequence_length(<const uint8_t *>text + index, length - index)
        if width == 0:
            return _bad_encoding(reading, text + index, _claimed_length(<uint8_t>text[index], length - index))
        index += width
    return 0


cdef inline int64_t _claimed_length(uint8_t first, int64_t left) noexcept nogil:
    """How many bytes PostgreSQL shows of a bad sequence."""
    cdef int64_t claimed = 1
    if first & 0xe0 == 0xc0:
        claimed = 2
    elif first & 0xf0 == 0xe0:
        claimed = 3
    elif first & 0xf8 == 0xf0:
        claimed = 4
    return claimed if claimed < left else left
