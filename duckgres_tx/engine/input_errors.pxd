"""What is wrong with a parameter's value, in PostgreSQL's words. No GIL.

Spec: errcodes-appendix.html
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy


# A value being read: where its complaint goes, and what the messages call its type and its parameter.
cdef struct Reading:
    char *error
    size_t error_size
    char *sqlstate
    const char *type_name
    int parameter
    # What an enum is called; NULL when nobody knows.
    const char *enum_name


cdef enum:
    # Of a value in a message; PostgreSQL shows all of it.
    SHOWN_LENGTH = 400


cdef inline int complain(Reading *reading, const char *sqlstate, const char *message) noexcept nogil:
    memcpy(reading.sqlstate, sqlstate, 6)
    snprintf(reading.error, reading.error_size, b"%s", message)
    return -1


cdef inline int _shown(int64_t length) noexcept nogil:
    return <int>(length if length < SHOWN_LENGTH else SHOWN_LENGTH)


cdef inline int bad_syntax(Reading *reading, const char *text, int64_t length) noexcept nogil:
    """22P02: invalid input syntax for type integer: "x"."""
    memcpy(reading.sqlstate, b"22P02", 6)
    snprintf(
        reading.error, reading.error_size, b"invalid input syntax for type %s: \"%.*s\"", reading.type_name,
        _shown(length), text
    )
    return -1


cdef inline int bad_label(Reading *reading, const char *text, int64_t length) noexcept nogil:
    """22P02: invalid input value for enum mood: "x"."""
    cdef const char *space = b" "
    cdef const char *name = reading.enum_name
    if name == NULL:
        space = name = b""
    memcpy(reading.sqlstate, b"22P02", 6)
    snprintf(
        reading.error, reading.error_size, b"invalid input value for enum%s%s: \"%.*s\"", space, name,
        _shown(length), text
    )
    return -1


cdef inline int bad_datetime(Reading *reading, const char *text, int64_t length) noexcept nogil:
    """22007: the same for dates and times."""
    bad_syntax(reading, text, length)
    memcpy(reading.sqlstate, b"22007", 6)
    return -1


cdef inline int field_out_of_range(Reading *reading, const char *text, int64_t length) noexcept nogil:
    """22008: date/time field value out of range: "2024-02-30"."""
    memcpy(reading.sqlstate, b"22008", 6)
    snprintf(
        reading.error, reading.error_size, b"date/time field value out of range: \"%.*s\"", _shown(length), text
    )
    return -1


cdef inline int datetime_out_of_range(Reading *reading, const char *what, const char *text, int64_t length) noexcept nogil:
    """22008: timestamp out of range: "300000-01-01"."""
    memcpy(reading.sqlstate, b"22008", 6)
    snprintf(reading.error, reading.error_size, b"%s out of range: \"%.*s\"", what, _shown(length), text)
    return -1


cdef inline int number_out_of_range(Reading *reading, const char *text, int64_t length) noexcept nogil:
    """22003: value "99999" is out of range for type smallint."""
    memcpy(reading.sqlstate, b"22003", 6)
    snprintf(
        reading.error, reading.error_size, b"value \"%.*s\" is out of range for type %s", _shown(length), text,
        reading.type_name
    )
    return -1


cdef inline int float_out_of_range(Reading *reading, const char *text, int64_t length) noexcept nogil:
    """22003: "1e400" is out of range for type double precision."""
    memcpy(reading.sqlstate, b"22003", 6)
    snprintf(
        reading.error, reading.error_size, b"\"%.*s\" is out of range for type %s", _shown(length), text,
        reading.type_name
    )
    return -1


cdef inline int too_many_digits(Reading *reading) noexcept nogil:
    return complain(reading, b"22003", b"numeric field overflow: a value has more than 38 digits")


cdef inline int bad_binary(Reading *reading) noexcept nogil:
    """22P03: the bytes aren't the type's binary form."""
    memcpy(reading.sqlstate, b"22P03", 6)
    snprintf(
        reading.error, reading.error_size, b"incorrect binary data format in bind parameter %d", reading.parameter
    )
    return -1


cdef inline int bad_format(Reading *reading, int format) noexcept nogil:
    memcpy(reading.sqlstate, b"22023", 6)
    snprintf(reading.error, reading.error_size, b"unsupported format code: %d", format)
    return -1


cdef inline int no_memory(Reading *reading) noexcept nogil:
    return complain(reading, b"53200", b"out of memory")
