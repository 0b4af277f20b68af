"""How fast the server is, measured beside a real PostgreSQL in the same minute on the same machine.

``python -m benchmarks`` (``make bench``) runs every part; ``python -m benchmarks bulk --quick`` one of them, shortly.

The map:

- ``__main__``: the command line; ``stage``: what a run has started (servers, data, directories) and stops again;
- ``figures``: one measured comparison, its target and its verdict; ``report``: tables of them, as text and markdown;
- ``postgres``, ``server``, ``peers``: the three kinds of server that are measured, behind ``endpoints.Endpoint``;
- ``processes``: starting, watching and ending processes of our own, and what ``/proc`` says of them;
- ``tpch_data``: TPC-H made once by DuckDB, exported for PostgreSQL; ``answers``: its published answers, compared;
- ``raw_client``, ``raw_login``, ``frames``: a client that drains results without parsing rows, so that the server sets the pace;
- the parts: ``bulk``, ``small``, ``connecting``, ``catalog``, ``tpch``, ``memory``, ``flatness``.

Everything listens on and connects to 127.0.0.1, ends by itself, and every wait has a bound.
"""

from __future__ import annotations

__all__: list[str] = []
