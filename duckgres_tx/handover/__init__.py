"""File descriptors between processes.

- ``descriptors``: the one place that takes a socket from a transport, marks what arrives close-on-exec, and says who owns what.
- ``notify``: what the service manager is told.
"""

from __future__ import annotations
