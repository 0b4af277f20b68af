"""``python -m duckgres_tx``: see `console`."""

from __future__ import annotations

from duckgres_tx.console.main import main

if __name__ == "__main__":
    main()
