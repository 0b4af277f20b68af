"""DuckDB's errors as the engine tells them.

Results know the type of their error. Statements that could not be prepared, and databases that could not be opened, have
a text only, which starts with the type's name.

GIL: only the exception's own methods.
"""

from libc.string cimport memcpy, strdup, strlen, strncmp


class DuckDBError(Exception):
    """DuckDB, or the binding on its behalf, refused or failed.

    Attributes:
        error_type: ``duckdb_error_type`` without its prefix: ``CATALOG``, ``PARSER``, ``CONSTRAINT``, …
        message: DuckDB's whole text, LINE block included.
        sqlstate: Set when the binding itself knows PostgreSQL's code; then ``message`` is in PostgreSQL's words.
    """

    def __init__(self, error_type, message, sqlstate=None):
        super().__init__(error_type, message, sqlstate)
        self.error_type = error_type
        self.message = message
        self.sqlstate = sqlstate

    def __str__(self):
        return self.message


# duckdb_error_type in order, and how the text of each begins.
cdef struct ErrorType:
    const char *name
    const char *prefix

cdef ErrorType[43] ERROR_TYPES = [
    ErrorType(b"INVALID", b"Invalid"),
    ErrorType(b"OUT_OF_RANGE", b"Out of Range"),
    ErrorType(b"CONVERSION", b"Conversion"),
    ErrorType(b"UNKNOWN_TYPE", b"Unknown Type"),
    ErrorType(b"DECIMAL", b"Decimal"),
    ErrorType(b"MISMATCH_TYPE", b"Mismatch Type"),
    ErrorType(b"DIVIDE_BY_ZERO", b"Divide by Zero"),
    ErrorType(b"OBJECT_SIZE", b"Object Size"),
    ErrorType(b"INVALID_TYPE", b"Invalid type"),
    ErrorType(b"SERIALIZATION", b"Serialization"),
    ErrorType(b"TRANSACTION", b"TransactionContext"),
    ErrorType(b"NOT_IMPLEMENTED", b"Not implemented"),
    ErrorType(b"EXPRESSION", b"Expression"),
    ErrorType(b"CATALOG", b"Catalog"),
    ErrorType(b"PARSER", b"Parser"),
    ErrorType(b"PLANNER", b"Planner"),
    ErrorType(b"SCHEDULER", b"Scheduler"),
    ErrorType(b"EXECUTOR", b"Executor"),
    ErrorType(b"CONSTRAINT", b"Constraint"),
    ErrorType(b"INDEX", b"Index"),
    ErrorType(b"STAT", b"Stat"),
    ErrorType(b"CONNECTION", b"Connection"),
    ErrorType(b"SYNTAX", b"Syntax"),
    ErrorType(b"SETTINGS", b"Settings"),
    ErrorType(b"BINDER", b"Binder"),
    ErrorType(b"NETWORK", b"Network"),
    ErrorType(b"OPTIMIZER", b"Optimizer"),
    ErrorType(b"NULL_POINTER", b"NullPointer"),
    ErrorType(b"IO", b"IO"),
    ErrorType(b"INTERRUPT", b"INTERRUPT"),
    ErrorType(b"FATAL", b"FATAL"),
    ErrorType(b"INTERNAL", b"INTERNAL"),
    ErrorType(b"INVALID_INPUT", b"Invalid Input"),
    ErrorType(b"OUT_OF_MEMORY", b"Out of Memory"),
    ErrorType(b"PERMISSION", b"Permission"),
    ErrorType(b"PARAMETER_NOT_RESOLVED", b"Parameter Not Resolved"),
    ErrorType(b"PARAMETER_NOT_ALLOWED", b"Parameter Not Allowed"),
    ErrorType(b"DEPENDENCY", b"Dependency"),
    ErrorType(b"HTTP", b"HTTP"),
    ErrorType(b"MISSING_EXTENSION", b"Missing Extension"),
    ErrorType(b"AUTOLOAD", b"Extension Autoloading"),
    ErrorType(b"SEQUENCE", b"Sequence"),
    ErrorType(b"INVALID_CONFIGURATION", b"Invalid Configuration"),
]

cdef const char *INTERRUPT = b"INTERRUPT"
cdef const char *NO_MEMORY = b"OUT_OF_MEMORY"


cdef const char *error_type_name(int code) noexcept nogil:
    if 0 <= code < 43:
        return ERROR_TYPES[code].name
    return ERROR_TYPES[0].name


cdef void fail(Task *task, const char *error_type, const char *text) noexcept nogil:
    if task.error_type != NULL:
        # The first failure is the cause of what follows.
        return
    task.error_type = error_type
    task.error_text = strdup(text) if text != NULL else NULL


cdef void fail_by_text(Task *task, const char *text) noexcept nogil:
    cdef int code
    cdef size_t length
    if text == NULL:
        fail(task, NO_MEMORY, b"Out of Memory Error: no memory to say what happened")
        return
    for code in range(43):
        length = strlen(ERROR_TYPES[code].prefix)
        if strncmp(text, ERROR_TYPES[code].prefix, length) == 0 and strncmp(text + length, b" Error: ", 8) == 0:
            fail(task, ERROR_TYPES[code].name, text)
            return
    fail(task, ERROR_TYPES[0].name, text)


cdef void fail_as(Task *task, const char *error_type, const char *sqlstate, const char *text) noexcept nogil:
    if task.error_type != NULL:
        return
    fail(task, error_type, text)
    memcpy(task.sqlstate, sqlstate, 5)
