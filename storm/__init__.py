"""A server under load while it is replaced again and again, and proof that no client noticed.

``python -m storm --duration 600`` (``make storm DURATION=600``) starts a server, puts load on it, has a second ``twistd duckgres --handover``
take over every ten seconds and the workers rolled every minute, and then says what it saw. Exit status 1 means that something was
seen that must not be; each such thing is one line.

The map:

- ``__main__``: the command line; ``plan``: what one run does; ``director``: carries it out; ``report``: what is printed;
- ``fleet``: the server's processes, started, taken over, rolled and found in ``/proc``; ``samples``: what they hold while they run;
- ``load``: the processes that are the clients; ``client``: one session, on ``frames`` and ``scram``; ``journal``: what they write down;
- the clients' parts: ``connects``, ``holders`` (sessions that hold something), ``transactions``, ``queries``, ``copying``;
- ``judgement``: from the journals to the list of what must not be; ``ledger``: what was acknowledged, and what is there.

Everything listens on and connects to 127.0.0.1, ends by itself, and every wait has a bound.
"""

from __future__ import annotations

__all__: list[str] = []
