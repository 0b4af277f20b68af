"""One client inside a worker, from the first byte to the last.

* ``settings``, ``control_plane``: what a host is told, and the seam to whoever gave it the connection.
* ``host``: everything that one process serves; ``databases`` (open instances), ``executor`` (work on native threads),
  ``cancellation`` (pid and key to session).
* ``connection``: the Twisted Protocol over the socket; its stages are ``startup``, then ``login`` (which ``authentication``
  checks) and ``conversation``, or ``relay``. ``tls`` wraps it, ``outgoing`` writes.
* ``client``: the seams by which a stage knows its connection, and a connection its host; ``turn``: the one by which the two
  protocols know the conversation. With these every import here points one way.
* ``conversation``: frames (``inbox``) to steps, CopyData (``copy_inflow``) to its job; ``simple_query`` and ``extended_query`` are the two protocols over
  ``preparation`` (text to something that can run), ``running`` (run it, pass its rows on), ``transactions``,
  ``prepared_statements``, ``portals`` and ``session_statements`` (what the session answers by itself).
* ``session``: the state that all of these share.
"""

from __future__ import annotations

__all__: list[str] = []
