"""The parameters that are accepted, remembered and shown, and that have no effect here (see ``guc_table``).

Names, ranges and descriptions are those of PostgreSQL's ``pg_settings``. A value that would change what a statement
means is refused: the line ``only`` lists what is accepted.
"""

from __future__ import annotations

MEMORY = r"""
effect: none; memory is divided by the server's configuration
work_mem | int:kB | user | 4096 | 64..2147483647
    Sets the maximum memory to be used for query workspaces.
maintenance_work_mem | int:kB | user | 65536 | 1024..2147483647
    Sets the maximum memory to be used for maintenance operations.
hash_mem_multiplier | real | user | 2 | 1..1000
    Multiple of work_mem to use for hash tables.
temp_buffers | int:8kB | user | 1024 | 100..1073741823
    Sets the maximum number of temporary buffers used by each session.
temp_file_limit | int:kB | superuser | -1 | -1..2147483647
    Limits the total size of all temporary files used by each process.
    only: -1
logical_decoding_work_mem | int:kB | user | 65536 | 64..2147483647
    Sets the maximum memory to be used for logical decoding.
max_stack_depth | int:kB | superuser | 2048 | 100..2147483647
    Sets the maximum stack depth, in kilobytes.
"""

STORAGE = r"""
effect: none; DuckDB stores and commits in its own way, always durably
backend_flush_after | int:8kB | user | 0 | 0..256
    Number of pages after which previously performed writes are flushed to disk.
commit_delay | int | superuser | 0 | 0..100000
    Sets the delay in microseconds between transaction commit and flushing WAL to disk.
commit_siblings | int | user | 5 | 0..1000
    Sets the minimum number of concurrent open transactions required before performing commit_delay.
synchronous_commit | enum | user | on | local remote_write remote_apply on off
    Sets the current transaction's synchronization level.
    effect: none; a commit is on disk when it is reported, as with "on"
synchronize_seqscans | bool | user | on
    Enable synchronized sequential scans.
vacuum_cost_delay | real:ms | user | 0 | 0..100
    Vacuum cost delay in milliseconds.
vacuum_cost_limit | int | user | 200 | 1..10000
    Vacuum cost amount available before napping.
vacuum_cost_page_dirty | int | user | 20 | 0..10000
    Vacuum cost for a page dirtied by vacuum.
vacuum_cost_page_hit | int | user | 1 | 0..10000
    Vacuum cost for a page found in the buffer cache.
vacuum_cost_page_miss | int | user | 2 | 0..10000
    Vacuum cost for a page not found in the buffer cache.
vacuum_failsafe_age | int | user | 1600000000 | 0..2100000000
    Age at which VACUUM should trigger failsafe to avoid a wraparound outage.
vacuum_freeze_min_age | int | user | 50000000 | 0..1000000000
    Minimum age at which VACUUM should freeze a table row.
vacuum_freeze_table_age | int | user | 150000000 | 0..2000000000
    Age at which VACUUM should scan whole table to freeze tuples.
vacuum_multixact_failsafe_age | int | user | 1600000000 | 0..2100000000
    Multixact age at which VACUUM should trigger failsafe to avoid a wraparound outage.
vacuum_multixact_freeze_min_age | int | user | 5000000 | 0..1000000000
    Minimum age at which VACUUM should freeze a MultiXactId in a table row.
vacuum_multixact_freeze_table_age | int | user | 150000000 | 0..2000000000
    Multixact age at which VACUUM should scan whole table to freeze tuples.
wal_compression | enum | superuser | off | pglz lz4 zstd on off
    Compresses full-page writes written in WAL file with specified method.
wal_skip_threshold | int:kB | user | 2048 | 0..2147483647
    Minimum size of new file to fsync instead of writing WAL.
wal_sender_timeout | int:ms | user | 60000 | 0..2147483647
    Sets the maximum time to wait for WAL replication.
gin_fuzzy_search_limit | int | user | 0 | 0..2147483647
    Sets the maximum allowed result for exact search by GIN.
gin_pending_list_limit | int:kB | user | 4096 | 64..2147483647
    Sets the maximum size of the pending list for GIN index.
default_toast_compression | enum | user | pglz | pglz lz4
    Sets the default compression method for compressible values.
default_table_access_method | string | user | heap
    Sets the default table access method for new tables.
    only: heap
    effect: none; there is one storage
default_tablespace | string | user |
    Sets the default tablespace to create tables and indexes in.
    only: '' pg_default
temp_tablespaces | string | user |
    Sets the tablespace(s) to use for temporary tables and sort files.
    only: '' pg_default
vacuum_buffer_usage_limit | int:kB | user | 256 | 0..16777216
    Sets the buffer pool size for VACUUM, ANALYZE, and autovacuum.
"""

LANGUAGE = r"""
effect: none
array_nulls | bool | user | on
    Enable input of NULL elements in arrays.
    only: on
check_function_bodies | bool | user | on
    Check routine bodies during CREATE FUNCTION and CREATE PROCEDURE.
    effect: none; there are no SQL function bodies
escape_string_warning | bool | user | on
    Warn about backslash escapes in ordinary string literals.
quote_all_identifiers | bool | user | off
    When generating SQL fragments, quote all identifiers.
timezone_abbreviations | string | user |
    Selects a file of time zone abbreviations.
    effect: none; abbreviations are those of the time zone library
default_text_search_config | string | user | pg_catalog.simple
    Sets default text search configuration.
xmlbinary | enum | user | base64 | base64 hex
    Sets how binary values are to be encoded in XML.
xmloption | enum | user | content | content document
    Sets whether XML data in implicit parsing and serialization operations is to be considered as documents or
    content fragments.
lc_messages | string | superuser | C.UTF-8
    Sets the language in which messages are displayed.
    effect: none; messages are in English
lc_monetary | string | user | C.UTF-8
    Sets the locale for formatting monetary amounts.
    only: C C.UTF-8 C.utf8 POSIX en_US.UTF-8 en_US.utf8 en_US
lc_numeric | string | user | C.UTF-8
    Sets the locale for formatting numbers.
    only: C C.UTF-8 C.utf8 POSIX en_US.UTF-8 en_US.utf8 en_US
lc_time | string | user | C.UTF-8
    Sets the locale for formatting date and time values.
    only: C C.UTF-8 C.utf8 POSIX en_US.UTF-8 en_US.utf8 en_US
row_security | bool | user | on
    Enable row security.
    effect: none; there are no row security policies
session_replication_role | enum | superuser | origin | origin replica local
    Sets the session's behavior for triggers and rewrite rules.
    only: origin
password_encryption | enum | user | scram-sha-256 | md5 scram-sha-256
    Chooses the algorithm for encrypting passwords.
    only: scram-sha-256
icu_validation_level | enum | user | warning | disabled debug5 debug4 debug3 debug2 debug1 log notice warning error
    Log level for reporting invalid ICU locale strings.
backslash_quote | enum | user | safe_encoding | safe_encoding on off
    Sets whether "\'" is allowed in string literals.
    only: safe_encoding on
transform_null_equals | bool | user | off
    Treats "expr=NULL" as "expr IS NULL".
    only: off
scram_iterations | int | superuser | 4096 | 1..2147483647
    Sets the iteration count for SCRAM secret generation.
    effect: none; passwords are set in the server's configuration
    report
"""

LOGGING = r"""
effect: none; logs and statistics are set in the server's configuration
client_connection_check_interval | int:ms | user | 0 | 0..2147483647
    Sets the time interval between checks for disconnection while running queries.
    effect: none; a client that hangs up is noticed at once
compute_query_id | enum | superuser | auto | auto regress on off
    Enables in-core computation of query identifiers.
debug_pretty_print | bool | user | on
    Indents parse and plan tree displays.
debug_print_parse | bool | user | off
    Logs each query's parse tree.
debug_print_plan | bool | user | off
    Logs each query's execution plan.
debug_print_rewritten | bool | user | off
    Logs each query's rewritten parse tree.
log_duration | bool | superuser | off
    Logs the duration of each completed SQL statement.
log_error_verbosity | enum | superuser | default | terse default verbose
    Sets the verbosity of logged messages.
log_executor_stats | bool | superuser | off
    Writes executor performance statistics to the server log.
log_lock_waits | bool | superuser | off
    Logs long lock waits.
log_min_duration_sample | int:ms | superuser | -1 | -1..2147483647
    Sets the minimum execution time above which a sample of statements will be logged. Sampling is determined
    by log_statement_sample_rate.
log_min_duration_statement | int:ms | superuser | -1 | -1..2147483647
    Sets the minimum execution time above which all statements will be logged.
log_min_error_statement | enum | superuser | error | debug5 debug4 debug3 debug2 debug1 info notice warning
    | error log fatal panic
    Causes all statements generating error at or above this level to be logged.
log_min_messages | enum | superuser | warning | debug5 debug4 debug3 debug2 debug1 info notice warning error log
    | fatal panic
    Sets the message levels that are logged.
log_parameter_max_length | int:B | superuser | -1 | -1..1073741823
    Sets the maximum length in bytes of data logged for bind parameter values when logging statements.
log_parameter_max_length_on_error | int:B | user | 0 | -1..1073741823
    Sets the maximum length in bytes of data logged for bind parameter values when logging statements, on
    error.
log_parser_stats | bool | superuser | off
    Writes parser performance statistics to the server log.
log_planner_stats | bool | superuser | off
    Writes planner performance statistics to the server log.
log_statement | enum | superuser | none | none ddl mod all
    Sets the type of statements logged.
log_statement_sample_rate | real | superuser | 1 | 0..1
    Fraction of statements exceeding log_min_duration_sample to be logged.
log_statement_stats | bool | superuser | off
    Writes cumulative performance statistics to the server log.
log_temp_files | int:kB | superuser | -1 | -1..2147483647
    Log the use of temporary files larger than this number of kilobytes.
stats_fetch_consistency | enum | user | cache | none cache snapshot
    Sets the consistency of accesses to statistics data.
track_activities | bool | superuser | on
    Collects information about executing commands.
track_counts | bool | superuser | on
    Collects statistics on database activity.
track_functions | enum | superuser | none | none pl all
    Collects function-level statistics on database activity.
track_io_timing | bool | superuser | off
    Collects timing statistics for database I/O activity.
track_wal_io_timing | bool | superuser | off
    Collects timing statistics for WAL I/O activity.
trace_notify | bool | user | off
    Generates debugging output for LISTEN and NOTIFY.
update_process_title | bool | superuser | on
    Updates the process title to show the active SQL command.
deadlock_timeout | int:ms | superuser | 1000 | 1..2147483647
    Sets the time to wait on a lock before checking for deadlock.
    effect: none; nothing waits for a lock, so nothing can deadlock
lock_timeout | int:ms | user | 0 | 0..2147483647
    Sets the maximum allowed duration of any wait for a lock.
    effect: none; nothing waits for a lock: of two writers of one row the second fails at once (40001)
tcp_keepalives_count | int | user | 0 | 0..2147483647
    Maximum number of TCP keepalive retransmits.
tcp_keepalives_idle | int:s | user | 0 | 0..2147483647
    Time between issuing TCP keepalives.
    effect: none; the server's own setting holds
tcp_keepalives_interval | int:s | user | 0 | 0..2147483647
    Time between TCP keepalive retransmits.
tcp_user_timeout | int:ms | user | 0 | 0..2147483647
    TCP user timeout.
    effect: none; the server's own setting holds
"""
