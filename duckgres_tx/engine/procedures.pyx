"""The names of PostgreSQL's own functions, which a regproc shows in place of its OID.

Touches: its own table, which is filled once, before any result is encoded. No GIL after that.

Spec: datatype-oid.html
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from duckgres_tx.engine.text_numbers cimport write_int64


cdef struct Procedure:
    int64_t oid
    uint8_t length
    char name[PROCEDURE_WIDTH - 1]

# Ascending by OID.
cdef Procedure *procedures = NULL
cdef int n_procedures = 0


def name_procedures(names):
    """Say what functions are called; what was said before is forgotten.

    Args:
        names: By OID; at most 63 bytes of UTF-8 each.

    Raises:
        ValueError: A name is longer.
    """
    global procedures, n_procedures
    cdef Procedure *made = <Procedure *>calloc(len(names) or 1, sizeof(Procedure))
    cdef int count = 0
    cdef bytes text
    if made == NULL:
        raise MemoryError
    for oid, name in sorted(names.items()):
        text = name.encode()
        if len(text) >= PROCEDURE_WIDTH:
            free(made)
            raise ValueError(f"the name {name!r} is too long")
        made[count].oid = oid
        made[count].length = <uint8_t>len(text)
        memcpy(made[count].name, <const char *>text, len(text))
        count += 1
    n_procedures = 0
    free(procedures)
    procedures = made
    n_procedures = count


cdef char *write_procedure(char *out, int64_t oid) noexcept nogil:
    cdef int first = 0, past = n_procedures
    cdef int middle
    if oid == 0:
        out[0] = c"-"
        return out + 1
    while first < past:
        middle = (first + past) // 2
        if procedures[middle].oid < oid:
            first = middle + 1
        else:
            past = middle
    if first < n_procedures and procedures[first].oid == oid:
        memcpy(out, procedures[first].name, procedures[first].length)
        return out + procedures[first].length
    return write_int64(out, oid)
