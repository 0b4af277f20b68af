"""Worker processes, from both sides.

Both sides: ``commands`` (what is said), ``link`` (how).

In the worker process: ``child`` (its main program), ``worker`` (what it answers), ``control_link`` (what it asks and tells).

In the control plane, from the outside in: ``switchboard`` (who gets a connection, who owns a database), over ``placement`` and ``counts``;
``roster`` (the live set) with ``pace`` and ``resources``; ``remote`` (one worker process), over ``lifecycle``, ``spawning`` and ``control_end``;
``local`` (the one worker of a standalone server, in the same process). ``servers`` is what remote and local have in common.
"""

from __future__ import annotations

__all__: list[str] = []
