"""What a worker is told once, before its first client: ``WorkerSettings``."""

from __future__ import annotations

from attrs import Factory, frozen


@frozen(kw_only=True)
class WorkerSettings:
    """Everything that a worker needs to know to serve clients; plain values only, so that it travels as JSON.

    Attributes:
        data_dir: Directory of the database files, ``<data_dir>/<name>.duckdb``.
        default_database: Made at the first start if it is missing; never dropped.
        tls: ``off`` (SSLRequest is answered N), ``prefer`` (S, plain text as ``plaintext_from`` says), ``require``.
        certificate_pem: The server's certificate chain, PEM text; needed unless ``tls`` is ``off``.
        private_key_pem: The certificate's private key, PEM text.
        client_ca_pem: Who signs clients' certificates, PEM text; clients are asked for one if it is given.
        client_cert: What a client's certificate is good for: ``off``, ``verify-ca`` (one is needed, beside the password),
            ``verify-full`` (and its common name is the user's), ``cert`` (the same, in place of the password).
        plaintext_from: ``local`` serves plain text to loopback addresses and UNIX sockets only, ``any`` to everyone.
        verifiers: User name to stored verifier, ``SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>``.
        superusers: Users who may create and drop databases; the policy of `sql.policy` holds for them too.
        handshake_timeout_s: From accept to ReadyForQuery; a peer that is slower is hung up on.
        idle_timeout_s: A session that sends nothing this long outside a transaction ends with 57P05; 0 = never.
        idle_in_transaction_timeout_s: The same inside a transaction, with 25P03; 0 = never.
        statement_timeout_ms: The initial value of the variable ``statement_timeout``; 0 = none.
        max_connections: Sessions served at once; bounds the native threads too.
        memory_limit_bytes: Memory of all open DuckDB instances together; 0 leaves DuckDB's own default.
        threads: Execution threads of all open DuckDB instances together.
        extensions: DuckDB extensions (paths or names) that are loaded when a database opens, before it is locked down.
        allowed_directories: Directories that SQL may read and write files in; empty means none.
        unrestricted_files: True leaves DuckDB's external access on: SQL may read and write whatever the server's account may.
        temp_directory: Where DuckDB and suspended portals spill.
        idle_database_timeout_s: An instance without sessions is closed after this long.
        drain_timeout_s: How long a draining worker lets transactions go on.
        orphan_timeout_s: A worker without sessions that has had no control plane this long ends.
        server_version: What ``server_version`` says, starting with the PostgreSQL version that is claimed.
        search_path: The initial value of the variable ``search_path``.
        time_zone: The initial value of the variable ``TimeZone``.
        max_message_bytes: The longest message a client may send after it has authenticated.
        defaults: Initial values of further session variables, as the operator configured them.
    """

    data_dir: str
    default_database: str = "postgres"
    tls: str = "off"
    certificate_pem: str | None = None
    private_key_pem: str | None = None
    client_ca_pem: str | None = None
    client_cert: str = "off"
    plaintext_from: str = "local"
    verifiers: dict[str, str] = Factory(dict)
    superusers: tuple[str, ...] = ("postgres",)
    handshake_timeout_s: float = 60.0
    idle_timeout_s: float = 0.0
    idle_in_transaction_timeout_s: float = 0.0
    statement_timeout_ms: int = 0
    max_connections: int = 100
    memory_limit_bytes: int = 0
    threads: int = 2
    extensions: tuple[str, ...] = ()
    allowed_directories: tuple[str, ...] = ()
    unrestricted_files: bool = False
    temp_directory: str = ""
    idle_database_timeout_s: float = 60.0
    drain_timeout_s: float = 30.0
    orphan_timeout_s: float = 60.0
    server_version: str = "16.9 (duckgres_tx 0.1)"
    search_path: str = '"$user", public, main'
    time_zone: str = "UTC"
    max_message_bytes: int = 1 << 30
    defaults: dict[str, str] = Factory(dict)
