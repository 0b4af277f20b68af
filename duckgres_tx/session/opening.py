"""How an instance is opened: what it loads, then the doors that are closed, before any session sees it."""

from __future__ import annotations

from pathlib import Path

from duckgres_tx.catalog.install import roles_script
from duckgres_tx.engine.database import DuckDBError
from duckgres_tx.session.catalog_template import attach_catalog, load_script
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.open_database import OpenDatabase
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.sql.tokens import quote_string

NEW_DATABASE_SCRIPT = "CREATE SCHEMA IF NOT EXISTS public"


def instance_options(settings: WorkerSettings, name: str) -> dict[str, str]:
    """The options that an instance is opened with.

    Spilled files of one database are no other's to read, so each has a directory of its own.
    """
    options = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "temp_directory": str(spill_directory(settings, name)),
        "threads": str(max(1, settings.threads)),
    }
    if settings.memory_limit_bytes:
        options["memory_limit"] = f"{settings.memory_limit_bytes} bytes"
    return options


def spill_directory(settings: WorkerSettings, name: str) -> Path:
    """Where a database's instance and its suspended portals spill."""
    return Path(settings.temp_directory or Path(settings.data_dir) / "tmp") / name


def dialect_script(settings: WorkerSettings) -> str:
    """What makes DuckDB's statements mean what PostgreSQL's do, in all sessions of an instance."""
    return (
        "SET GLOBAL integer_division = true; "
        "SET GLOBAL preserve_identifier_case = false; "
        "SET GLOBAL default_null_order = 'nulls_last_on_asc_first_on_desc'; "
        f"SET GLOBAL TimeZone = {quote_string(settings.time_zone)}"
    )


def lockdown_script(settings: WorkerSettings) -> str:
    """What closes the doors, after everything was loaded and attached."""
    if settings.unrestricted_files:
        return ""
    directories = ", ".join(quote_string(directory) for directory in settings.allowed_directories)
    return f"SET GLOBAL allowed_directories = [{directories}]; SET GLOBAL enable_external_access = false"


async def open_database(
    executor: Executor, settings: WorkerSettings, name: str, path: Path, databases: tuple[str, ...]
) -> OpenDatabase:
    """Open a database: extensions, catalog, lockdown, in this order, before any session gets to it.

    Args:
        executor: Where it is opened.
        settings: What it may use, loads and is kept from.
        name: What clients call it.
        path: Its file.
        databases: The names of all databases, for pg_database.

    Raises:
        DuckDBError: DuckDB can't open the file, or a part of the script failed.
    """
    threads = executor.threads
    spill_directory(settings, name).mkdir(parents=True, exist_ok=True)
    native = await executor.finish(threads.open_database(str(path), instance_options(settings, name)))
    try:
        maintenance = await executor.finish(threads.connect(native))
        rows = await executor.finish(threads.run(maintenance, b"SELECT current_database()"))
        spill = spill_directory(settings, name)
        database = OpenDatabase(name, rows[0][0], native, executor, maintenance, spool_directory=str(spill))
        await database.run(load_script(settings.extensions))
        await attach_catalog(database, executor, settings)
        await database.run(
            f"{roles_script(tuple(settings.verifiers), settings.superusers)}; "
            f"{dialect_script(settings)}; {lockdown_script(settings)}"
        )
        await database.list_databases(databases)
    except DuckDBError:
        executor.forget(threads.close(native))
        raise
    return database


async def make_database_file(executor: Executor, path: Path) -> None:
    """Make an empty database in a new file, with the schema ``public``, and close it again.

    Raises:
        DuckDBError: The file can't be written.
    """
    native = await executor.finish(executor.threads.open_database(str(path), {"threads": "1"}, NEW_DATABASE_SCRIPT))
    await executor.finish(executor.threads.close(native))
