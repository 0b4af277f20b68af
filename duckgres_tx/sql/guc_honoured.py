"""The parameters that this server acts on (see ``guc_table``); each says what comes of it."""

from __future__ import annotations

SESSION = r"""
effect: read-only
application_name | string | user |
    Sets the application name to be reported in statistics and logs.
    effect: shown in pg_stat_activity and in the server's log
    report
bytea_output | enum | user | hex | escape hex
    Sets the output format for bytea.
    effect: honoured
client_encoding | string | user | UTF8
    Sets the client's character set encoding.
    effect: what the client sends and reads is converted; SQL_ASCII is bytes as they are; EUC_TW and MULE_INTERNAL are refused
    report
client_min_messages | enum | user | notice | debug5 debug4 debug3 debug2 debug1 log notice warning error
    Sets the message levels that are sent to the client.
    effect: notices below this level are not sent
DateStyle | string | user | ISO, MDY
    Sets the display format for date and time values. Also controls interpretation of ambiguous date inputs.
    effect: honoured in what is sent, in parameters, and in constants that are cast; COPY reads dates as MDY
    report
default_transaction_deferrable | bool | user | off
    Sets the default deferrable status of new transactions.
    effect: remembered; nothing is ever deferred
default_transaction_isolation | enum | user | read committed
    | serializable / repeatable read / read committed / read uncommitted
    Sets the transaction isolation level of each new transaction.
    effect: every transaction reads one snapshot, as with REPEATABLE READ; SERIALIZABLE is accepted with a WARNING
default_transaction_read_only | bool | user | off
    Sets the default read-only status of new transactions.
    effect: honoured
    report
extra_float_digits | int | user | 1 | -15..3
    Sets the number of digits displayed for floating-point values.
    effect: honoured
idle_in_transaction_session_timeout | int:ms | user | 0 | 0..2147483647
    Sets the maximum allowed idle time between queries, when in a transaction.
    effect: honoured; the session ends with 25P03
idle_session_timeout | int:ms | user | 0 | 0..2147483647
    Sets the maximum allowed idle time between queries, when not in a transaction.
    effect: honoured; the session ends with 57P05
in_hot_standby | bool | internal | off
    Shows whether hot standby is currently active.
    report
IntervalStyle | enum | user | postgres | postgres postgres_verbose sql_standard iso_8601
    Sets the display format for interval values.
    effect: honoured
    report
is_superuser | bool | internal | off
    Shows whether the current user is a superuser.
    report hidden
role | string | user | none
    Sets the current role.
    effect: NONE and the session's own user are accepted; other roles are refused
    hidden
search_path | string | user | "$user", public, main
    Sets the schema search order for names that are not schema-qualified.
    effect: honoured; schemas that don't exist are passed over
    report
server_encoding | string | internal | UTF8
    Shows the server (database) character set encoding.
    report
server_version | string | internal | 16.9
    Shows the server version.
    report
server_version_num | int | internal | 160009 | 160009..160009
    Shows the server version as an integer.
session_authorization | string | user |
    Sets the session user name.
    effect: DEFAULT and the session's own user are accepted; other users are refused
    report hidden
standard_conforming_strings | bool | user | on
    Causes '...' strings to treat backslashes literally.
    effect: honoured; the text of each statement is rewritten when it is off
    report
statement_timeout | int:ms | user | 0 | 0..2147483647
    Sets the maximum allowed duration of any statement.
    effect: honoured; the statement ends with 57014
TimeZone | string | user | UTC
    Sets the time zone for displaying and interpreting time stamps.
    effect: honoured; IANA names, and fixed offsets of whole hours
    report
transaction_deferrable | bool | user | off
    Whether to defer a read-only serializable transaction until it can be executed with no possible serialization
    failures.
    effect: remembered; nothing is ever deferred
transaction_isolation | enum | user | read committed
    | serializable / repeatable read / read committed / read uncommitted
    Sets the current transaction's isolation level.
    effect: every transaction reads one snapshot, as with REPEATABLE READ; SERIALIZABLE is accepted with a WARNING
transaction_read_only | bool | user | off
    Sets the current transaction's read-only status.
    effect: honoured
transaction_timeout | int:ms | user | 0 | 0..2147483647
    Sets the maximum allowed duration of any transaction within a session (not a prepared transaction).
    effect: honoured; the session ends with 25P04
"""
