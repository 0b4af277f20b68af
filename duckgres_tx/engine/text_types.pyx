"""inet, cidr, macaddr and point: from any text that PostgreSQL reads to the one that it writes, and its binary forms.

Touches: the memory it is given. No GIL.

Spec: datatype-net-types.html, datatype-geometric.html; PostgreSQL's `network_send`, `macaddr_send`,
`point_send`
"""

from libc.stdint cimport uint64_t
from libc.stdio cimport snprintf, sscanf
from libc.stdlib cimport strtod
from libc.string cimport memcpy, memset, strchr, strlen

from duckgres_tx.engine.buffers cimport put64, swap64
from duckgres_tx.engine.text_floats cimport write_double

cdef extern from "<arpa/inet.h>" nogil:
    int AF_INET
    int AF_INET6
    int inet_pton(int family, const char *text, void *address) noexcept
    const char *inet_ntop(int family, const void *address, char *text, unsigned int size) noexcept


cdef enum:
    # Longer texts than this are none of these types.
    LONGEST = 255
    # PostgreSQL's own numbers of the families.
    PGSQL_INET = 2
    PGSQL_INET6 = 3

# Why a text isn't read.
cdef enum Fault:
    FINE
    MALFORMED
    HOST_BITS
    BAD_OCTET


cdef struct Address:
    bint six
    int bits
    unsigned char bytes[16]


cdef struct Value:
    Address address
    unsigned int octets[6]
    double x
    double y


cdef const char *_name(int oid) noexcept nogil:
    if oid == INET:
        return b"inet"
    elif oid == CIDR:
        return b"cidr"
    elif oid == MACADDR:
        return b"macaddr"
    return b"point"


cdef int canonical_text(
    int oid, const char *text, size_t length, char *out, char *sqlstate, char *error, size_t error_size
) noexcept nogil:
    cdef Value value
    cdef int shown = <int>(length if length < LONGEST else LONGEST)
    cdef Fault fault = _read(oid, text, length, &value)
    if fault == FINE:
        return _write(oid, &value, out)
    memcpy(sqlstate, <const char *>(b"22003" if fault == BAD_OCTET else b"22P02"), 6)
    if fault == HOST_BITS:
        snprintf(error, error_size, b"invalid cidr value: \"%.*s\"", shown, text)
    elif fault == BAD_OCTET:
        snprintf(error, error_size, b"invalid octet value in \"macaddr\" value: \"%.*s\"", shown, text)
    else:
        snprintf(error, error_size, b"invalid input syntax for type %s: \"%.*s\"", _name(oid), shown, text)
    return NOT_READ


cdef Fault _read(int oid, const char *text, size_t length, Value *value) noexcept nogil:
    cdef char copied[LONGEST + 1]
    if length > LONGEST:
        return MALFORMED
    memcpy(copied, text, length)
    copied[length] = 0
    if strlen(copied) != length:
        return MALFORMED
    if oid == INET or oid == CIDR:
        return _read_address(copied, oid == CIDR, &value.address)
    elif oid == MACADDR:
        return _read_macaddr(copied, value.octets)
    return _read_point(copied, value)


cdef int _write(int oid, const Value *value, char *out) noexcept nogil:
    if oid == INET or oid == CIDR:
        return _write_address(&value.address, oid == CIDR, out)
    elif oid == MACADDR:
        return snprintf(
            out, TEXT_TYPE_ROOM, b"%02x:%02x:%02x:%02x:%02x:%02x", value.octets[0], value.octets[1], value.octets[2],
            value.octets[3], value.octets[4], value.octets[5]
        )
    return _write_point(value.x, value.y, out)


# --- addresses

cdef Fault _read_address(char *text, bint is_cidr, Address *address) noexcept nogil:
    cdef char *slash = strchr(text, c"/")
    cdef int bits = -1
    cdef int most
    cdef Fault fault
    if slash != NULL:
        bits = _read_bits(slash + 1)
        slash[0] = 0
        if bits < 0:
            return MALFORMED
    memset(address.bytes, 0, 16)
    address.six = strchr(text, c":") != NULL
    most = 128 if address.six else 32
    if bits > most:
        return MALFORMED
    if address.six:
        if inet_pton(AF_INET6, text, address.bytes) != 1:
            return MALFORMED
        address.bits = 128 if bits < 0 else bits
    else:
        fault = _read_four(text, bits, is_cidr, address)
        if fault != FINE:
            return fault
    return HOST_BITS if is_cidr and _has_host_bits(address) else FINE


cdef int _read_bits(const char *text) noexcept nogil:
    """Of `/24`; -1 for what isn't a number of up to three digits."""
    cdef int bits = 0
    cdef int index = 0
    while text[index] >= c"0" and text[index] <= c"9" and index < 3:
        bits = bits * 10 + (text[index] - c"0")
        index += 1
    return bits if index > 0 and text[index] == 0 else -1


cdef Fault _read_four(const char *text, int bits, bint is_cidr, Address *address) noexcept nogil:
    """An IPv4 address; fewer than four octets are read where the number of bits is told, and in cidr."""
    cdef int octets = 0
    cdef int digits, number
    while True:
        digits = number = 0
        while text[0] >= c"0" and text[0] <= c"9" and digits < 4:
            number = number * 10 + (text[0] - c"0")
            digits += 1
            text += 1
        if digits == 0 or digits > 3 or number > 255 or octets == 4:
            return MALFORMED
        address.bytes[octets] = <unsigned char>number
        octets += 1
        if text[0] != c".":
            break
        text += 1
    if text[0] != 0:
        return MALFORMED
    if bits < 0 and octets < 4 and not is_cidr:
        return MALFORMED
    if bits < 0:
        bits = 32 if octets == 4 else _bits_of_class(address.bytes[0], octets)
    elif octets < 4 and not is_cidr and bits // 8 > octets:
        return MALFORMED
    address.bits = bits
    return FINE


cdef int _bits_of_class(unsigned char first, int octets) noexcept nogil:
    """How many bits a cidr's network has that doesn't say it, by the old classes."""
    cdef int bits = 32 if first >= 240 else 8 if first >= 224 else 24 if first >= 192 else 16 if first >= 128 else 8
    if bits < 8 * octets:
        bits = 8 * octets
    return 4 if bits == 8 and first == 224 else bits


cdef bint _has_host_bits(const Address *address) noexcept nogil:
    cdef int bit
    for bit in range(address.bits, 128 if address.six else 32):
        if address.bytes[bit // 8] & (0x80 >> (bit % 8)):
            return True
    return False


cdef int _write_address(const Address *address, bint is_cidr, char *out) noexcept nogil:
    cdef int length
    inet_ntop(AF_INET6 if address.six else AF_INET, address.bytes, out, TEXT_TYPE_ROOM)
    length = strlen(out)
    if is_cidr or address.bits != (128 if address.six else 32):
        length += snprintf(out + length, TEXT_TYPE_ROOM - length, b"/%d", address.bits)
    return length


# --- macaddr

ctypedef const char *Format

cdef Format[7] MAC_FORMATS = [
    b"%x:%x:%x:%x:%x:%x%1s", b"%x-%x-%x-%x-%x-%x%1s", b"%2x%2x%2x:%2x%2x%2x%1s", b"%2x%2x%2x-%2x%2x%2x%1s",
    b"%2x%2x.%2x%2x.%2x%2x%1s", b"%2x%2x-%2x%2x-%2x%2x%1s", b"%2x%2x%2x%2x%2x%2x%1s",
]


cdef Fault _read_macaddr(const char *text, unsigned int *octets) noexcept nogil:
    cdef char junk[2]
    cdef int index
    for index in range(7):
        if sscanf(
            text, MAC_FORMATS[index], octets, octets + 1, octets + 2, octets + 3, octets + 4, octets + 5, junk
        ) == 6:
            break
    else:
        return MALFORMED
    for index in range(6):
        if octets[index] > 255:
            return BAD_OCTET
    return FINE


# --- point

cdef inline const char *_skip_spaces(const char *text) noexcept nogil:
    while text[0] == c" " or (c"\t" <= text[0] <= c"\r"):
        text += 1
    return text


cdef Fault _read_point(char *text, Value *value) noexcept nogil:
    cdef char *position = <char *>_skip_spaces(text)
    cdef char *end
    cdef bint bracketed = position[0] == c"("
    position += bracketed
    value.x = strtod(position, &end)
    if end == position:
        return MALFORMED
    position = <char *>_skip_spaces(end)
    if position[0] != c",":
        return MALFORMED
    position += 1
    value.y = strtod(position, &end)
    if end == position:
        return MALFORMED
    position = <char *>_skip_spaces(end)
    if bracketed:
        if position[0] != c")":
            return MALFORMED
        position = <char *>_skip_spaces(position + 1)
    return FINE if position[0] == 0 else MALFORMED


cdef int _write_point(double x, double y, char *out) noexcept nogil:
    cdef char *position = out
    position[0] = c"("
    position = write_double(position + 1, x, 1)
    position[0] = c","
    position = write_double(position + 1, y, 1)
    position[0] = c")"
    return <int>(position + 1 - out)


# --- binary

cdef int binary_of_text(int oid, const char *text, size_t length, char *out) noexcept nogil:
    cdef Value value
    cdef int index
    if _read(oid, text, length, &value) != FINE:
        return NOT_READ
    if oid == INET or oid == CIDR:
        out[0] = PGSQL_INET6 if value.address.six else PGSQL_INET
        out[1] = <char>value.address.bits
        out[2] = oid == CIDR
        out[3] = 16 if value.address.six else 4
        memcpy(out + 4, value.address.bytes, 16)
        return 4 + out[3]
    elif oid == MACADDR:
        for index in range(6):
            out[index] = <char>value.octets[index]
        return 6
    _put_double(out, value.x)
    _put_double(out + 8, value.y)
    return 16


cdef int text_of_binary(int oid, const char *data, size_t length, char *out) noexcept nogil:
    cdef Value value
    cdef int index, size
    if oid == INET or oid == CIDR:
        if length != 8 and length != 20:
            return NOT_READ
        value.address.six = length == 20
        size = 16 if value.address.six else 4
        value.address.bits = <unsigned char>data[1]
        memset(value.address.bytes, 0, 16)
        memcpy(value.address.bytes, data + 4, size)
        if data[0] != (PGSQL_INET6 if value.address.six else PGSQL_INET) or data[3] != size:
            return NOT_READ
        if value.address.bits > 8 * size or (oid == CIDR and _has_host_bits(&value.address)):
            return NOT_READ
    elif oid == MACADDR:
        if length != 6:
            return NOT_READ
        for index in range(6):
            value.octets[index] = <unsigned char>data[index]
    else:
        if length != 16:
            return NOT_READ
        value.x = _get_double(data)
        value.y = _get_double(data + 8)
    return _write(oid, &value, out)


cdef inline void _put_double(char *out, double number) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, &number, 8)
    put64(out, word)


cdef inline double _get_double(const char *data) noexcept nogil:
    cdef uint64_t word
    cdef double number
    memcpy(&word, data, 8)
    word = swap64(word)
    memcpy(&number, &word, 8)
    return number


_OIDS = {"inet": INET, "cidr": CIDR, "macaddr": MACADDR, "point": POINT}


def canonical(str name, str text):
    """For tests: PostgreSQL's form of a text, and its binary form.

    Raises:
        ValueError: With PostgreSQL's complaint.
    """
    cdef bytes data = text.encode()
    cdef char out[TEXT_TYPE_ROOM]
    cdef char binary[TEXT_TYPE_ROOM]
    cdef char error[400]
    cdef char sqlstate[6]
    cdef int oid = _OIDS[name]
    cdef int length = canonical_text(oid, data, len(data), out, sqlstate, error, sizeof(error))
    if length == NOT_READ:
        raise ValueError(error.decode())
    cdef int size = binary_of_text(oid, data, len(data), binary)
    written = out[:length]
    cdef int back = text_of_binary(oid, binary, size, out)
    if out[:back] != written:
        raise AssertionError(f"{written!r} becomes {out[:back]!r}")
    return written.decode(), binary[:size]
