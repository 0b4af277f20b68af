"""TPC-H made once by DuckDB's dbgen, kept in a work directory, and loaded into both sides from the same rows."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import duckdb
from attrs import frozen

from benchmarks.endpoints import Endpoint
from benchmarks.processes import UnavailableError

DATABASE = "tpch"
TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
INDEXES = {"orders": "o_orderkey"}
COPY_BLOCK_BYTES = 1 << 20


def extension_path() -> Path:
    """The tpch extension's file, from its wheel.

    Raises:
        UnavailableError: The wheel is not installed.
    """
    spec = importlib.util.find_spec("duckdb_extension_tpch")
    if spec is None or spec.origin is None:
        message = "the wheel duckdb-extension-tpch is not installed"
        raise UnavailableError(message)
    found = sorted(Path(spec.origin).parent.rglob("tpch.duckdb_extension"))
    if not found:
        message = "the wheel duckdb-extension-tpch holds no extension"
        raise UnavailableError(message)
    return found[-1]


@frozen
class TpchData:
    """One scale factor's data: a DuckDB file, and CSV files beside it when asked for."""

    scale: float
    file: Path

    def open(self, **config: str) -> duckdb.DuckDBPyConnection:
        """The file in this process, read-only, with the tpch extension for its queries and answers."""
        connection = duckdb.connect(str(self.file), read_only=True, config=dict(config))
        connection.execute(f"LOAD '{extension_path()}'")
        return connection

    def rows(self, table: str) -> int:
        """How many rows a table has."""
        with self.open() as connection:
            found = connection.execute(f"select count(*) from {table}").fetchone()
        return int(found[0]) if found else 0

    def csv(self, table: str) -> Path:
        """A table as a CSV file without header, made on first use."""
        path = self.file.with_name(f"{self.file.stem}-{table}.csv")
        if not path.exists():
            unfinished = path.with_suffix(".part")
            with self.open() as connection:
                connection.execute(f"copy {table} to '{unfinished}' (format csv, header false)")
            unfinished.rename(path)
        return path

    def definition(self, table: str) -> str:
        """CREATE TABLE for PostgreSQL; TPC-H's type names mean the same on both sides."""
        with self.open() as connection:
            columns = connection.execute(
                "select column_name, data_type from information_schema.columns where table_name = ?"
                " and table_schema = 'main' order by ordinal_position",
                [table],
            ).fetchall()
        return f"create table {table} ({', '.join(f'{name} {kind} not null' for name, kind in columns)})"

    def copy_to(self, path: Path) -> None:
        """Put a copy of the DuckDB file where a server will open it."""
        shutil.copyfile(self.file, path)


def prepare(scale: float, directory: Path) -> TpchData:
    """The data of a scale factor, made on first use."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"tpch-sf{scale:g}.duckdb"
    if not file.exists():
        unfinished = file.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        with duckdb.connect(str(unfinished)) as connection:
            connection.execute(f"LOAD '{extension_path()}'")
            connection.execute(f"call dbgen(sf = {scale})")
        unfinished.rename(file)
    return TpchData(scale, file)


def load(data: TpchData, endpoint: Endpoint, tables: tuple[str, ...]) -> None:
    """Make and fill tables in PostgreSQL through COPY FROM STDIN, then vacuum, freeze and analyse them."""
    with endpoint.connect() as connection:
        for table in tables:
            connection.execute(data.definition(table))
            with (
                data.csv(table).open("rb") as source,
                connection.cursor() as cursor,
                cursor.copy(f"copy {table} from stdin (format csv)") as copy,
            ):
                while block := source.read(COPY_BLOCK_BYTES):
                    copy.write(block)
            if table in INDEXES:
                connection.execute(f"create unique index on {table} ({INDEXES[table]})")
            connection.execute(f"vacuum (freeze, analyze) {table}")
