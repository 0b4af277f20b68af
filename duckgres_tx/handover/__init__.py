"""One process after another: a server that takes over from the one that runs, and everything that passes between processes.

``docs/handover.md`` describes the protocol.

- ``commands``, ``document``: what is said at a takeover, and its versions.
- ``incumbent``, ``incumbency``, ``incumbent_end``, ``guest``: the server that is taken over: its states, what it does, what it answers,
  and the newcomer as it sees it.
- ``newcomer``, ``candidacy``, ``newcomer_end``, ``predecessor``, ``takings``: the same for the server that takes over, and what it is given.
- ``serving``: a running server as both of them see it.
- ``patience``, ``pulse``, ``process_watch``: whether another process lives, and for how long it is waited for.
- ``handover_socket``, ``pid_file``, ``signposts``: what tells the world who serves.
- ``successor``: starting the next one.
- ``status``: what a server says of itself to people.
- ``descriptors``: the one place that takes a socket from a transport, marks what arrives close-on-exec, and says who owns what.
- ``offers``: listening sockets that came from elsewhere, by address.
- ``activation``, ``notify``: sockets from the service manager, and what it is told.
- ``first_process``, ``process_one``: the first process of a container, before and after a takeover.
"""

from __future__ import annotations
