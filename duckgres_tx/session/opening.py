"""How an instance is opened: what it loads, then the doors that are closed, before any session sees it."""

from __future__ import annotations

from pathlib import Path

from duckgres_tx.catalog.install import install_script
from duckgres_tx.session.executor import Executor
from duckgres_tx.session.open_database import OpenDatabase, quote_literal
from duckgres_tx.session.settings import WorkerSettings

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


def opening_script(settings: WorkerSettings) -> str:
    """What runs on an instance's first connection, in this order: extensions, catalog, lockdown."""
    statements = [f"LOAD {quote_literal(extension)}" for extension in settings.extensions]
    statements.append(install_script())
    if not settings.unrestricted_files:
        directories = ", ".join(quote_literal(directory) for directory in settings.allowed_directories)
        statements.append(f"SET GLOBAL allowed_directories = [{directories}]")
        statements.append("SET GLOBAL enable_external_access = false")
    return ";\n".join(statements)


async def open_database(executor: Executor, settings: WorkerSettings, name: str, path: Path) -> OpenDatabase:
    """Open a database.

    Raises:
        DuckDBError: DuckDB can't open the file, or a part of the script failed.
    """
    threads = executor.threads
    spill_directory(settings, name).mkdir(parents=True, exist_ok=True)
    native = await executor.finish(
        threads.open_database(str(path), instance_options(settings, name), opening_script(settings))
    )
    maintenance = await executor.finish(threads.connect(native))
    rows = await executor.finish(threads.run(maintenance, b"SELECT current_database()"))
    return OpenDatabase(name, rows[0][0], native, executor, maintenance)


async def make_database_file(executor: Executor, path: Path) -> None:
    """Make an empty database in a new file, with the schema ``public``, and close it again.

    Raises:
        DuckDBError: The file can't be written.
    """
    native = await executor.finish(
        executor.threads.open_database(str(path), {"threads": "1"}, NEW_DATABASE_SCRIPT)
    )
    await executor.finish(executor.threads.close(native))
