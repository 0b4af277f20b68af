"""A stretch of a parameter's text, and what its characters are. No GIL."""

from libc.stdint cimport int64_t


cdef inline bint is_space(char byte) noexcept nogil:
    return byte == c" " or (byte >= 9 and byte <= 13)


cdef inline bint is_digit(char byte) noexcept nogil:
    return byte >= c"0" and byte <= c"9"


cdef struct Span:
    const char *text
    int64_t length


cdef inline Span trim(const char *text, int64_t length) noexcept nogil:
    cdef Span span
    while length > 0 and is_space(text[0]):
        text += 1
        length -= 1
    while length > 0 and is_space(text[length - 1]):
        length -= 1
    span.text = text
    span.length = length
    return span
