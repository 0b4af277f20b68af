"""The parameters that say how the server is: shown, and not changed by SET (see ``guc_table``).

What the server's configuration decides (port, data_directory …) gets its value from there when a session starts.
"""

from __future__ import annotations

SERVER = r"""
effect: read-only
archive_mode | enum | postmaster | off | always on off
    Allows archiving of WAL files using archive_command.
authentication_timeout | int:s | sighup | 60 | 1..600
    Sets the maximum allowed time to complete client authentication.
autovacuum | bool | sighup | off
    Starts the autovacuum subprocess.
block_size | int | internal | 8192 | 8192..8192
    Shows the size of a disk block.
cluster_name | string | postmaster |
    Sets the name of the cluster, which is included in the process title.
config_file | string | postmaster |
    Sets the server's main configuration file.
data_checksums | bool | internal | on
    Shows whether data checksums are turned on for this cluster.
data_directory | string | postmaster |
    Sets the server's data directory.
data_directory_mode | int | internal | 448 | 0..511
    Shows the mode of the data directory.
debug_assertions | bool | internal | off
    Shows whether the running server has assertion checks enabled.
external_pid_file | string | postmaster |
    Writes the postmaster PID to the specified file.
fsync | bool | sighup | on
    Forces synchronization of updates to disk.
full_page_writes | bool | sighup | on
    Writes full pages to WAL when first modified after a checkpoint.
hba_file | string | postmaster |
    Sets the server's "hba" configuration file.
hot_standby | bool | postmaster | off
    Allows connections and queries during recovery.
huge_pages | enum | postmaster | off | off on try
    Use of huge pages on Linux or Windows.
ident_file | string | postmaster |
    Sets the server's "ident" configuration file.
integer_datetimes | bool | internal | on
    Shows whether datetimes are integer based.
    report
lc_collate | string | internal | C.UTF-8
    Shows the collation order locale.
lc_ctype | string | internal | C.UTF-8
    Shows the character classification and case conversion locale.
listen_addresses | string | postmaster | 127.0.0.1
    Sets the host name or IP address(es) to listen to.
log_destination | string | sighup | stderr
    Sets the destination for server log output.
log_directory | string | sighup |
    Sets the destination directory for log files.
log_filename | string | sighup |
    Sets the file name pattern for log files.
log_line_prefix | string | sighup |
    Controls information prefixed to each log line.
log_timezone | string | sighup | UTC
    Sets the time zone to use in log messages.
logging_collector | bool | postmaster | off
    Start a subprocess to capture stderr, csvlog and/or jsonlog into log files.
max_connections | int | postmaster | 100 | 1..262143
    Sets the maximum number of concurrent connections.
max_files_per_process | int | postmaster | 1000 | 64..2147483647
    Sets the maximum number of simultaneously open files for each server process.
max_function_args | int | internal | 100 | 100..100
    Shows the maximum number of function arguments.
max_identifier_length | int | internal | 63 | 63..63
    Shows the maximum identifier length.
max_index_keys | int | internal | 32 | 32..32
    Shows the maximum number of index keys.
max_locks_per_transaction | int | postmaster | 64 | 10..2147483647
    Sets the maximum number of locks per transaction.
max_prepared_transactions | int | postmaster | 0 | 0..262143
    Sets the maximum number of simultaneously prepared transactions.
max_replication_slots | int | postmaster | 0 | 0..262143
    Sets the maximum number of simultaneously defined replication slots.
max_wal_senders | int | postmaster | 0 | 0..262143
    Sets the maximum number of simultaneously running WAL sender processes.
max_wal_size | int:MB | sighup | 1024 | 2..2147483647
    Sets the WAL size that triggers a checkpoint.
max_worker_processes | int | postmaster | 8 | 0..262143
    Maximum number of concurrent worker processes.
min_wal_size | int:MB | sighup | 80 | 2..2147483647
    Sets the minimum size to shrink the WAL to.
port | int | postmaster | 5432 | 1..65535
    Sets the TCP port the server listens on.
segment_size | int:8kB | internal | 131072 | 131072..131072
    Shows the number of pages per disk file.
shared_buffers | int:8kB | postmaster | 16384 | 16..1073741823
    Sets the number of shared memory buffers used by the server.
shared_preload_libraries | string | postmaster |
    Lists shared libraries to preload into server.
ssl | bool | sighup | on
    Enables SSL connections.
ssl_library | string | internal | OpenSSL
    Shows the name of the SSL library.
superuser_reserved_connections | int | postmaster | 0 | 0..262143
    Sets the number of connection slots reserved for superusers.
track_activity_query_size | int:B | postmaster | 1024 | 100..1048576
    Sets the size reserved for pg_stat_activity.query, in bytes.
track_commit_timestamp | bool | postmaster | off
    Collects transaction commit time.
unix_socket_directories | string | postmaster |
    Sets the directories where Unix-domain sockets will be created.
unix_socket_group | string | postmaster |
    Sets the owning group of the Unix-domain socket.
unix_socket_permissions | int | postmaster | 511 | 0..511
    Sets the access permissions of the Unix-domain socket.
wal_block_size | int | internal | 8192 | 8192..8192
    Shows the block size in the write ahead log.
wal_buffers | int:8kB | postmaster | -1 | -1..262143
    Sets the number of disk-page buffers in shared memory for WAL.
wal_level | enum | postmaster | replica | minimal replica logical
    Sets the level of information written to the WAL.
wal_segment_size | int:B | internal | 16777216 | 1048576..1073741824
    Shows the size of write ahead log segments.
ignore_system_indexes | bool | backend | off
    Disables reading from system indexes.
post_auth_delay | int:s | backend | 0 | 0..2147
    Sets the amount of time to wait after authentication on connection startup.
jit_debugging_support | bool | superuser-backend | off
    Register JIT-compiled functions with debugger.
jit_profiling_support | bool | superuser-backend | off
    Register JIT-compiled functions with perf profiler.
log_connections | bool | superuser-backend | off
    Logs each successful connection.
log_disconnections | bool | superuser-backend | off
    Logs end of a session, including duration.
reserved_connections | int | postmaster | 0 | 0..262143
    Sets the number of connection slots reserved for roles with privileges of pg_use_reserved_connections.
"""
