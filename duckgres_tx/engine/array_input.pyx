"""The text of an array, item by item, as PostgreSQL's array_in reads it.

Touches: the caller's scratch memory. No GIL.

Spec: arrays.html#ARRAYS-INPUT
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memcpy

from duckgres_tx.engine.spans cimport Span, is_digit, is_space, trim


cdef extern from "<strings.h>":
    int strncasecmp(const char *left, const char *right, size_t length) noexcept nogil


cdef int _malformed(ArrayScanner *scanner) noexcept nogil:
    memcpy(scanner.reading.sqlstate, b"22P02", 6)
    snprintf(
        scanner.reading.error, scanner.reading.error_size, b"malformed array literal: \"%.*s\"",
        <int>(scanner.length if scanner.length < 400 else 400), scanner.text
    )
    return ITEM_BAD


cdef inline void _skip_spaces(ArrayScanner *scanner) noexcept nogil:
    while scanner.at < scanner.end and is_space(scanner.at[0]):
        scanner.at += 1


cdef int open_array(
    ArrayScanner *scanner, Reading *reading, const char *text, int64_t length, char *scratch
) noexcept nogil:
    cdef Span span = trim(text, length)
    scanner.reading = reading
    scanner.text = text
    scanner.length = length
    scanner.at = span.text
    scanner.end = span.text + span.length
    scanner.scratch = scratch
    scanner.depth = 0
    scanner.wants_element = True
    # [1:3]={...}: DuckDB's lists begin at 1, so where the array says it begins is dropped.
    if scanner.at < scanner.end and scanner.at[0] == c"[":
        while scanner.at < scanner.end and scanner.at[0] != c"=":
            if not (is_digit(scanner.at[0]) or scanner.at[0] in b"[]:+- "):
                _malformed(scanner)
                return -1
            scanner.at += 1
        scanner.at += 1
        _skip_spaces(scanner)
    if scanner.at >= scanner.end or scanner.at[0] != c"{":
        _malformed(scanner)
        return -1
    return 0


cdef int next_item(ArrayScanner *scanner) noexcept nogil:
    cdef char byte
    _skip_spaces(scanner)
    if scanner.at >= scanner.end:
        return ITEM_END if scanner.depth == 0 and not scanner.wants_element else _malformed(scanner)
    byte = scanner.at[0]
    if scanner.depth == 0 and (byte != c"{" or not scanner.wants_element):
        return _malformed(scanner)
    if byte == c"}":
        # {} but not {1,}
        if scanner.wants_element and not _is_after_open(scanner):
            return _malformed(scanner)
        scanner.at += 1
        scanner.depth -= 1
        scanner.wants_element = False
        return ITEM_CLOSE
    if byte == c",":
        if scanner.wants_element:
            return _malformed(scanner)
        scanner.at += 1
        scanner.wants_element = True
        _skip_spaces(scanner)
        if scanner.at >= scanner.end or scanner.at[0] == c"," or scanner.at[0] == c"}":
            return _malformed(scanner)
        byte = scanner.at[0]
    elif not scanner.wants_element:
        return _malformed(scanner)
    if byte == c"{":
        scanner.at += 1
        scanner.depth += 1
        return ITEM_OPEN
    scanner.wants_element = False
    return _quoted(scanner) if byte == c'"' else _bare(scanner)


cdef bint _is_after_open(ArrayScanner *scanner) noexcept nogil:
    cdef const char *before = scanner.at - 1
    while before > scanner.text and is_space(before[0]):
        before -= 1
    return before[0] == c"{"


cdef int _quoted(ArrayScanner *scanner) noexcept nogil:
    cdef char *out = scanner.scratch
    scanner.at += 1
    while scanner.at < scanner.end and scanner.at[0] != c'"':
        if scanner.at[0] == c"\\":
            scanner.at += 1
            if scanner.at == scanner.end:
                return _malformed(scanner)
        out[0] = scanner.at[0]
        out += 1
        scanner.at += 1
    if scanner.at >= scanner.end:
        return _malformed(scanner)
    scanner.at += 1
    scanner.element = scanner.scratch
    scanner.element_length = out - scanner.scratch
    return ITEM_ELEMENT


cdef int _bare(ArrayScanner *scanner) noexcept nogil:
    cdef char *out = scanner.scratch
    cdef char *last = scanner.scratch
    cdef bint escaped = False
    while scanner.at < scanner.end and scanner.at[0] != c"," and scanner.at[0] != c"}":
        if scanner.at[0] == c'"' or scanner.at[0] == c"{":
            return _malformed(scanner)
        if scanner.at[0] == c"\\":
            escaped = True
            scanner.at += 1
            if scanner.at == scanner.end:
                return _malformed(scanner)
            out[0] = scanner.at[0]
            out += 1
            last = out
        else:
            out[0] = scanner.at[0]
            out += 1
            if not is_space(scanner.at[0]):
                last = out
        scanner.at += 1
    scanner.element = scanner.scratch
    scanner.element_length = last - scanner.scratch
    if scanner.element_length == 4 and not escaped and strncasecmp(scanner.element, b"null", 4) == 0:
        return ITEM_NULL
    return ITEM_ELEMENT
