"""The catalog's fixtures."""

from catalog_database import catalog, empty_catalog, threads

__all__ = ["catalog", "empty_catalog", "threads"]
