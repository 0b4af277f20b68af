"""The seam between the engine and the rest: everything of DuckDB that the program uses."""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from duckgres_tx.engine.copy_framing import CopyFraming
from duckgres_tx.engine.copy_in import CopyInJob as CopyInJob
from duckgres_tx.engine.copy_source import CopySource
from duckgres_tx.engine.execution import Execution as Execution
from duckgres_tx.engine.execution import ResultKind as ResultKind
from duckgres_tx.engine.logical_types import LogicalType
from duckgres_tx.engine.native_threads import DuckDBError as DuckDBError
from duckgres_tx.engine.native_threads import Job as Job
from duckgres_tx.engine.rendering import RenderOptions

class StatementType(IntEnum):
    """``duckdb_statement_type``."""

    INVALID = 0
    SELECT = 1
    INSERT = 2
    UPDATE = 3
    EXPLAIN = 4
    DELETE = 5
    PREPARE = 6
    CREATE = 7
    EXECUTE = 8
    ALTER = 9
    TRANSACTION = 10
    COPY = 11
    ANALYZE = 12
    VARIABLE_SET = 13
    CREATE_FUNC = 14
    DROP = 15
    EXPORT = 16
    PRAGMA = 17
    VACUUM = 18
    CALL = 19
    SET = 20
    LOAD = 21
    RELATION = 22
    EXTENSION = 23
    LOGICAL_PLAN = 24
    ATTACH = 25
    DETACH = 26
    MULTI = 27
    COPY_DATABASE = 28
    UPDATE_EXTENSIONS = 29
    MERGE_INTO = 30

class Column:
    name: str
    type: LogicalType

class Progress:
    percentage: float  # -1 when unknown
    rows_processed: int
    total_rows: int

class Database:
    path: str
    @property
    def threads(self) -> int: ...  # how many may work on a statement; 0 when it was opened without an option "threads"
    def set_threads(self, count: int) -> None: ...  # for a statement, up to the option "threads"; SET threads is no way
    @property
    def invalidated(self) -> bool: ...  # a fatal or internal error has happened: retire the worker
    @property
    def closed(self) -> bool: ...

class Connection:
    @property
    def database(self) -> Database: ...
    @property
    def closed(self) -> bool: ...
    def interrupt(self) -> None: ...  # what runs, or waits to run next, on this connection; any thread, never blocks
    def progress(self) -> Progress: ...
    def set_context(self, name: str, value: str | None) -> None: ...  # what duckgres_context(name) gives; None removes
    def take_notes(self, name: str) -> tuple[str, ...]: ...  # what statements have said with duckgres_note(name, …)
    # A statement, or with it its transaction, is over: what kinds of locks were unlocked in vain.
    def settle_locks(self, transaction_too: bool) -> tuple[str, ...]: ...
    def unlock_all(self) -> None: ...  # the session's advisory locks
    def holds_locks(self) -> bool: ...  # whether there are any of those

class Statement:
    @property
    def connection(self) -> Connection: ...
    @property
    def statement_type(self) -> StatementType: ...
    @property
    def parameter_types(self) -> tuple[LogicalType, ...]: ...  # [0] is $1; TypeId.INVALID = DuckDB could not tell
    @property
    def columns(self) -> tuple[Column, ...]: ...  # empty when it returns no rows; types INVALID when parameters are
    def check_parameters(
        self, values: Sequence[bytes | None], formats: Sequence[int], oids: Sequence[int]
    ) -> None: ...  # DuckDBError when one can't be read; arguments as those of execute()
    def hide_columns(self) -> None: ...  # rows are sent without a column; before it is executed
    def tell_enums(
        self, element_oids: Sequence[int], names: Sequence[str | None]
    ) -> None: ...  # once, before it is executed: each column's array elements' OID or 0; each parameter's enum or None
    @property
    def result_kind(self) -> ResultKind: ...  # what it will give, as far as its type tells
    @property
    def closed(self) -> bool: ...

class NativeThreads:
    """The pool of native threads. All methods: reactor thread only; all but wait() and shutdown() return at once.

    Jobs of one connection run one after another in the order of submission, those of different connections at the
    same time. Submitting to something closed raises ValueError.
    """

    # fetch_ahead: long results are fetched by a second thread; None: where there are processors enough
    def __init__(self, max_threads: int, idle_timeout_s: float = 10.0, fetch_ahead: bool | None = None) -> None: ...
    def fileno(self) -> int: ...  # an eventfd, readable while completions wait
    def completed(self) -> list[Job]: ...  # jobs and executions that have news, each once
    @property
    def thread_count(self) -> int: ...
    @property
    def queued(self) -> int: ...  # jobs that wait for a thread
    def open_database(self, path: str, options: Mapping[str, str], script: str = "") -> Job: ...  # result: Database
    # open_database: with an option "threads" DuckDB starts none of its own; the pool lends it some for long statements
    def connect(self, database: Database, script: str = "", patient: bool = False) -> Job: ...  # result: Connection
    # connect: a patient one wakes no thread; it is made by one that is at work anyway, or some milliseconds later
    def prepare(self, connection: Connection, sql: bytes) -> Job: ...  # result: Statement
    def run(
        self, connection: Connection, sql: bytes
    ) -> Job: ...  # result: list[list[str | None]], PostgreSQL's text form
    def execute(
        self,
        statement: Statement,
        parameters: Sequence[bytes | None],
        parameter_formats: Sequence[int],  # none = all text, one = for all, or one for each
        parameter_oids: Sequence[int],  # as the client declared them; missing or 0 = unknown
        result_formats: Sequence[int],  # as parameter_formats
        render: RenderOptions,
        row_limit: int = 0,  # 0 = no limit
        framing: CopyFraming | None = None,  # rows are CopyData instead of DataRow messages
    ) -> Execution: ...
    def copy_in(self, statement: Statement, source: CopySource, render: RenderOptions) -> CopyInJob: ...
    # copy_in: read a COPY's stream into a table, within the connection's transaction; the statement says the columns' types
    def close(self, thing: Statement | Connection | Database) -> Job: ...
    # close: a Connection takes along all that came from it (what runs is interrupted), a Database its connections;
    # its job is done when its file is released. Executions of a closed Statement go on. Closing again is harmless.
    def discard(self, connection: Connection) -> None: ...  # close it, with no job to hear of that
    def wait(self, job: Job, timeout_s: float) -> None: ...
    # wait: tests and benchmarks; until the job is over (an Execution: until it has news); TimeoutError
    def shutdown(self, timeout_s: float = 30.0) -> None: ...
    # shutdown: interrupt what runs and waits, end the threads and wait for that (TimeoutError); afterwards nothing can be
    # submitted, and what is dropped is freed in place
