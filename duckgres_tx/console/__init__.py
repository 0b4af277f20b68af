"""``python -m duckgres_tx``: what people, and service managers, do with a running server.

- ``options``: the command line.
- ``locating``: which server is meant.
- ``processes``, ``stopping``: its processes, and their end, whatever state they are in.
"""

from __future__ import annotations
