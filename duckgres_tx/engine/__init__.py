"""DuckDB, without the GIL: from SQL text to encoded DataRow messages.

Everything that can take time runs on native threads that never take the GIL; the reactor thread submits jobs and hears
of news through an eventfd. `database` is the seam: its stub, ``database.pyi``, is what the rest of the program may use.

What DuckDB offers, and where it is found
    `library`, `capi` (the C API as a table of functions), `logical_types`, `pg_types`, `alias_types`

Threads and what they do, from the bottom up
    `tasks` (queues, strands, a thread's life), `watch` (what runs for long), `crews` (threads that share DuckDB's part
    of that), `error_types` (how a task fails), `handles` (how long databases, connections and statements live), `context`
    (``duckgres_context()``), `statements` (prepare, execute, scripts), `jobs` (the steps of jobs), ``runs`` (a running
    statement's struct), `ahead` (its chunks, fetched by a second thread), `production` (its rows, into a ring of
    buffers), `spooling` (its rows, into a file)

The same for Python
    `native_threads` (jobs and the pool), `execution`, `connections`, `database`

Values
    out: `encoder`, `copy_rows` (of COPY), `plans` and what they use; in: `parameters` and what it uses, `copy_in` and the `copy_…`
    modules that it uses; both ways: `text_types`; `rendering`, `timezones`

Failures in PostgreSQL's terms
    `failures`, `failure_rules`, `failure_words`
"""

__all__ = ["database", "failures", "logical_types", "pg_types", "rendering"]
