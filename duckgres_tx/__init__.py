"""duckgres_tx."""
