"""Types of PostgreSQL's that DuckDB keeps as text, in the one form that PostgreSQL writes. No GIL, no allocation.

Spec: datatype-net-types.html, datatype-geometric.html
"""


cdef enum:
    POINT = 600
    CIDR = 650
    MACADDR = 829
    INET = 869
    # What any of their texts, and of their binary forms, takes at most.
    TEXT_TYPE_ROOM = 80

    NOT_READ = -1


# A type that is read here.
cdef inline bint is_text_type(int oid) noexcept nogil:
    return oid == INET or oid == CIDR or oid == MACADDR or oid == POINT


# PostgreSQL's form of a text, its length; NOT_READ with PostgreSQL's complaint in `error` and its
# SQLSTATE (6 bytes).
cdef int canonical_text(
    int oid, const char *text, size_t length, char *out, char *sqlstate, char *error, size_t error_size
) noexcept nogil
# The binary form of a text, its length; NOT_READ for what isn't one.
cdef int binary_of_text(int oid, const char *text, size_t length, char *out) noexcept nogil
# PostgreSQL's text of a binary form, its length; NOT_READ for what isn't one.
cdef int text_of_binary(int oid, const char *data, size_t length, char *out) noexcept nogil
