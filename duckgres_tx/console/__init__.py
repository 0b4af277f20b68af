"""``python -m duckgres_tx``: what people, and service managers, do with a running server.

- ``main``: the program; ``options``: its command line.
- ``locating``: which server is meant.
- ``conversation``, ``commands``, ``rendering``: what is said with it, and how people read it.
- ``processes``, ``stopping``: its processes, and their end, whatever state they are in.
"""

from __future__ import annotations
