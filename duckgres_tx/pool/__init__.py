"""Worker processes, from both sides.

Both sides: ``commands`` (what is said), ``link`` (how).

In the worker process: ``child`` (its main program), ``worker`` (what it answers), ``control_link`` (what it asks and tells).

In the control plane, from the outside in: ``switchboard`` (who gets a connection), over ``assignment`` (which worker, waited for) with ``placement``
(who owns a database), and ``books`` (which sessions there are) with ``counts``.

``roster`` (the workers as a whole: taken charge of, handed on with a ``legacy``, ended), over ``standing`` (whether we command them) and ``staff`` (as many
as wanted, of the right generation) with ``roll``, ``retirement``, ``pace`` and ``resources``.

``remote`` (one worker process), over ``lifecycle``, ``terms`` (what it is told when we take charge), ``asking``, ``heart``, ``watcher`` (who decides over it) and
``control_end``. Processes come from ``workplace``: started (``spawning``) or found (``adopted_process``), each with its ``worker_files`` and a ``log_tail``.

``local`` is the one worker of a standalone server, in the same process; ``servers`` is what remote and local have in common.
"""

from __future__ import annotations

__all__: list[str] = []
