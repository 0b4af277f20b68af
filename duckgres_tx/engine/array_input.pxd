"""The text of an array, item by item. No GIL.

Spec: arrays.html#ARRAYS-INPUT
"""

from libc.stdint cimport int64_t

from duckgres_tx.engine.input_errors cimport Reading


cdef enum:
    ITEM_OPEN
    ITEM_CLOSE
    ITEM_ELEMENT
    ITEM_NULL
    ITEM_END
    ITEM_BAD


cdef struct ArrayScanner:
    Reading *reading
    const char *text
    int64_t length
    const char *at
    const char *end
    # Where the elements' text goes, without quotes and backslashes; as long as the text.
    char *scratch
    int depth
    # What may come next: an element, or a comma or brace.
    bint wants_element
    # The last ITEM_ELEMENT.
    const char *element
    int64_t element_length


# Begin; 0, or -1 with the complaint filled. `scratch` is the caller's, of `length` + 1 bytes.
cdef int open_array(
    ArrayScanner *scanner, Reading *reading, const char *text, int64_t length, char *scratch
) noexcept nogil

# The next item; ITEM_BAD with the complaint filled.
cdef int next_item(ArrayScanner *scanner) noexcept nogil
