"""What a client's SQL text means, and what DuckDB is to be given instead; no Twisted, no engine calls.

Map, in the order in which a text passes through:

* ``tokens``: PostgreSQL's lexical rules; everything else looks at tokens, never at text prefixes.
* ``split``: one query string into its statements.
* ``classify``: what kind of statement it is: the session's own (``SET``, ``BEGIN``, ``FETCH`` …) or DuckDB's.
* ``policy``: what SQL may not do on this server.
* ``session_statements``: the parsed forms of the statements that the session carries out itself.
* ``variables``: the parameters of ``SET`` and ``SHOW`` (``guc_*`` hold their table and their value rules).
* ``edits``, ``brackets``, ``passes``, ``translate``: span edits that turn PostgreSQL's dialect into DuckDB's.
* ``names``: PostgreSQL's names for the columns of a select list.
* ``set_config_calls``: SET in the shape of a function call inside a query.
* ``tags``: the command tags.
* ``statement_cache``: all of the above, done once for a text that comes again.
"""

from __future__ import annotations

__all__: list[str] = []
