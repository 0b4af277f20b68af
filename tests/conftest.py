"""Fixtures that every test may ask for."""

pytest_plugins = ["oracle", "encoded_rows"]
