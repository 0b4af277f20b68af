"""File descriptors between processes.

- ``activation``: sockets that the service manager passes.
- ``descriptors``: the one place that takes a socket from a transport, marks what arrives close-on-exec, and says who owns what.
- ``notify``: what the service manager is told.
- ``offers``: listening sockets that came from elsewhere, by address.
- ``process_one``: the first process of a container, after a takeover.
- ``status``: what a server says of itself to people.
"""

from __future__ import annotations
