"""The thread that looks at the others: see ``watch.pyx``."""

# A thread's main function; the argument is the core, of which it has a reference.
cdef void *watch(void *argument) noexcept nogil
