"""Where DuckDB's shared object is, found without importing the Python package.

The ``duckdb`` wheel's extension module exports the whole C API, so the wheel is all that is needed.
"""

from __future__ import annotations

import importlib.util
import os

ENVIRONMENT_VARIABLE = "DUCKGRES_LIBDUCKDB"


def find() -> str:
    """The path of the shared object that exports DuckDB's C API.

    ``DUCKGRES_LIBDUCKDB`` wins; otherwise it is the extension module of the ``duckdb`` wheel.

    Raises:
        ImportError: There is neither.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return named
    spec = importlib.util.find_spec("_duckdb")
    if spec is None or spec.origin is None:
        message = f"DuckDB is not installed: pip install duckdb, or set {ENVIRONMENT_VARIABLE}=/path/to/libduckdb.so"
        raise ImportError(message)
    return spec.origin
