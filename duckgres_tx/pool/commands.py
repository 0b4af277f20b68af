"""The AMP commands between a control plane and its workers, and the errors that they may answer with.

Control plane to worker, exactly six: `Configure`, `AcceptConnection`, `CancelQuery`, `Drain`, `Health`, `Shutdown`.
Worker to control plane, on the same link: `ClaimDatabase`, `RelayConnection`, `MoveSession`, `ReleaseDatabase`, `ListSessions`,
`SignalSession`, which are questions, and
`DatabaseClosed`, `SessionOpened`, `SessionClosed`, `LoginFailed`, `LoginSucceeded`, `CancelElsewhere`, which are news.

A worker may have several links: any number of control planes may ask `Health`, `AcceptConnection` and `CancelQuery`, but only the one
that configured it last is its boss, gets its questions and news, and may `Drain`, `Shutdown` and `Configure` it; the others are
`Superseded`. The two ends may be of different releases, so whatever is added here later must be optional.

SQL and rows never travel here. An AMP value is at most 65,535 bytes, which is why the configuration comes as a file.
An exception that a command doesn't declare makes AMP close the whole link: responders are wrapped, see `link.answering`.
"""

# AMP fixes how commands and arguments are declared.
# ruff: noqa: N802, N803, N815, RUF012

from __future__ import annotations

import json

from twisted.protocols import amp

from duckgres_tx.errors import PgError, Severity
from duckgres_tx.pool.boxes import LinkCommand


class WorkerFault(Exception):
    """The other side failed in a way that nobody foresaw; the traceback is in its log."""


class Draining(Exception):
    """The worker takes no new sessions; it has not touched the connection, so another worker may have it."""


class NotConfigured(Exception):
    """The worker has not been configured yet; it has not touched the connection."""


class InvalidConfiguration(Exception):
    """The worker can't serve with this configuration; the text says why, in one line."""


class DescriptorMismatch(Exception):
    """The descriptor that arrived is not the one that was sent: descriptors were lost on the way (RLIMIT_NOFILE)."""


class NoOwner(Exception):
    """No worker can take the relayed session now."""


class Superseded(Exception):
    """Another control plane is in charge of the worker, of an epoch that is higher (or the same): who asked is to stand down."""


_FAULT: dict[type[Exception], bytes] = {WorkerFault: b"WORKER_FAULT"}


class PgErrorArgument(amp.Argument):
    """A `PgError` as JSON: sqlstate, message, detail, hint; FATAL at the other end."""

    def toString(self, inObject: PgError) -> bytes:
        """Encode."""
        fields = [inObject.sqlstate, inObject.message, inObject.detail, inObject.hint]
        return json.dumps(fields).encode()

    def fromString(self, inString: bytes) -> PgError:
        """Decode."""
        sqlstate, message, detail, hint = json.loads(inString)
        return PgError(sqlstate, message, detail, hint, severity=Severity.FATAL)


class Configure(LinkCommand):
    """Serve with this configuration, and obey this control plane from now on.

    The first one makes the host; it answers when clients may come. A later one, of the control plane that is in charge or of one with
    a higher epoch, is applied to the host that there is; ``slot`` and ``generation`` must be the worker's own then. Until it has
    answered nothing has changed, and afterwards every question and all news go to the link that it came over.

    Arguments: ``configuration`` names a memory file with `WorkerSettings` as JSON; ``inventory`` an empty one, into which the worker
    writes what it has (`Inventory`) before it answers; both stay the sender's. ``slot`` is the worker's number, ``generation`` says
    which rolling update it belongs to, ``epoch`` which control plane asks.

    Response: ``stale`` names the settings, with commas between, that differ and need a new worker; ``takes_sessions``, whether it can go on
    with another worker's.
    """

    arguments = [
        (b"configuration", amp.Descriptor()),
        (b"inventory", amp.Descriptor()),
        (b"slot", amp.Integer()),
        (b"generation", amp.Integer()),
        (b"epoch", amp.Integer()),
    ]
    response = [(b"pid", amp.Integer()), (b"stale", amp.Unicode()), (b"takes_sessions", amp.Boolean(optional=True))]
    errors = {**_FAULT, InvalidConfiguration: b"INVALID_CONFIGURATION", Superseded: b"SUPERSEDED"}


class AcceptConnection(LinkCommand):
    """Take a client's socket; it is the worker's from the moment this arrives, unless it answers with an error.

    Arguments: see `AcceptedConnection`. ``socket_inode`` identifies the socket, so that a descriptor that the kernel dropped
    on the way can never make a worker serve one client under another's name. ``leash`` and ``document`` (a memory file) come with a session of
    another worker's, see `Journey`; only to one that has said that it takes such.
    """

    patient = True
    arguments = [
        (b"socket", amp.Descriptor()),
        (b"socket_inode", amp.Integer()),
        (b"backend_pid", amp.Integer()),
        (b"remote_host", amp.Unicode()),
        (b"remote_port", amp.Integer()),
        (b"prefix", amp.String()),
        (b"refusal", PgErrorArgument(optional=True)),
        (b"relayed", amp.Boolean()),
        (b"leash", amp.Descriptor(optional=True)),
        (b"document", amp.Descriptor(optional=True)),
    ]
    errors = {
        **_FAULT,
        Draining: b"DRAINING",
        NotConfigured: b"NOT_CONFIGURED",
        DescriptorMismatch: b"DESCRIPTOR_MISMATCH",
    }


class CancelQuery(LinkCommand):
    """Interrupt what a session runs, if the secret key is right.

    ``order`` comes instead of a key when another session has called a function for it: ``cancel``, or ``terminate`` to end the session.
    """

    arguments = [
        (b"backend_pid", amp.Integer()),
        (b"secret_key", amp.String()),
        (b"order", amp.Unicode(optional=True)),
    ]
    response = [(b"found", amp.Boolean())]
    errors = {**_FAULT, NotConfigured: b"NOT_CONFIGURED"}


class Drain(LinkCommand):
    """Let go: the whole worker (``database`` empty), or one database.

    No new sessions come. One that is idle outside a transaction ends with 57P01 ``grace_s`` after this, one that becomes so later at
    that moment, and what is still going on after ``timeout_s`` is cancelled and ends with 57P01 too. Answers with the number of
    sessions left, when there are none or soon after the timeout. A database is only closed, if no session uses it. With ``moves`` sessions
    that can go on in another worker are sent back to the control plane (`MoveSession`) instead of ended; without, none is.
    """

    arguments = [
        (b"timeout_s", amp.Float()),
        (b"grace_s", amp.Float()),
        (b"database", amp.Unicode()),
        (b"moves", amp.Boolean(optional=True)),
    ]
    response = [(b"sessions", amp.Integer())]
    errors = {**_FAULT, NotConfigured: b"NOT_CONFIGURED", Superseded: b"SUPERSEDED"}


class Health(LinkCommand):
    """Answered on the worker's reactor without touching DuckDB, to whoever asks: the heartbeat.

    ``databases`` is a JSON list, cut to what fits; ``backend_pids`` is every session as a big-endian Int32. ``pid`` and ``release``
    (the digest of the code that runs) are always there, all else is 0 or empty while the worker is not ``configured``.
    """

    response = [
        (b"configured", amp.Boolean()),
        (b"pid", amp.Integer()),
        (b"slot", amp.Integer()),
        (b"generation", amp.Integer()),
        (b"epoch", amp.Integer()),
        (b"release", amp.Unicode()),
        (b"sessions", amp.Integer()),
        (b"running", amp.Integer()),
        (b"resident_bytes", amp.Integer()),
        (b"draining", amp.Boolean()),
        (b"databases", amp.String()),
        (b"invalidated", amp.String()),
        (b"backend_pids", amp.String()),
    ]
    errors = _FAULT


class Shutdown(LinkCommand):
    """End: 57P01 to all sessions, close the databases, exit. Answers just before the process ends."""

    arguments = [(b"timeout_s", amp.Float())]
    errors = {**_FAULT, Superseded: b"SUPERSEDED"}


class ClaimDatabase(LinkCommand):
    """May this worker open a database read-write? ``granted`` is false when another worker owns it."""

    arguments = [(b"name", amp.Unicode())]
    response = [(b"granted", amp.Boolean())]
    errors = _FAULT


class RelayConnection(LinkCommand):
    """Send a session, as one end of a socketpair, to the worker that owns its database."""

    arguments = [
        (b"socket", amp.Descriptor()),
        (b"socket_inode", amp.Integer()),
        (b"prefix", amp.String()),
        (b"remote_host", amp.Unicode()),
        (b"remote_port", amp.Integer()),
    ]
    errors = {**_FAULT, NoOwner: b"NO_OWNER", DescriptorMismatch: b"DESCRIPTOR_MISMATCH"}


class MoveSession(LinkCommand):
    """Have the next owner of a database go on with a session. Only asked of a control plane that has said ``moves`` in `Drain`.

    Arguments: see `Departure`. Answers when another worker has the socket; whether that one takes the session the leash tells.
    """

    arguments = [
        (b"socket", amp.Descriptor()),
        (b"socket_inode", amp.Integer()),
        (b"leash", amp.Descriptor()),
        (b"document", amp.Descriptor()),
        (b"backend_pid", amp.Integer()),
        (b"database", amp.Unicode()),
        (b"remote_host", amp.Unicode()),
        (b"remote_port", amp.Integer()),
        (b"relayed", amp.Boolean()),
    ]
    errors = {**_FAULT, NoOwner: b"NO_OWNER", DescriptorMismatch: b"DESCRIPTOR_MISMATCH"}


class ReleaseDatabase(LinkCommand):
    """Have the owner close its idle instance of a database; answers with the sessions that still use it."""

    arguments = [(b"name", amp.Unicode())]
    response = [(b"sessions", amp.Integer())]
    errors = _FAULT


class ListSessions(LinkCommand):
    """Which sessions other workers have: a JSON object of users and their sessions' pids, cut to what fits.

    A control plane of an earlier release doesn't know it, nor `SignalSession`.
    """

    response = [(b"sessions", amp.String())]
    errors = _FAULT


class SignalSession(LinkCommand):
    """Tell a session of another worker to stop; ``order`` as in `CancelQuery`."""

    arguments = [(b"backend_pid", amp.Integer()), (b"order", amp.Unicode())]
    errors = _FAULT


class DatabaseClosed(LinkCommand):
    """The sender has closed its instance of a database and owns it no longer."""

    arguments = [(b"name", amp.Unicode())]
    errors = _FAULT
    requiresAnswer = False


class SessionOpened(LinkCommand):
    """A client has authenticated and its database is open.

    ``remote_host`` and ``admitted`` (see `InventorySession`) come with it when it was another control plane that handed the connection
    over: this one doesn't know it yet.
    """

    patient = True
    arguments = [
        (b"backend_pid", amp.Integer()),
        (b"user", amp.Unicode()),
        (b"database", amp.Unicode()),
        (b"remote_host", amp.Unicode(optional=True)),
        (b"admitted", amp.Boolean(optional=True)),
    ]
    errors = _FAULT
    requiresAnswer = False


class SessionClosed(LinkCommand):
    """A connection is gone; once for every `AcceptConnection` that was answered without an error."""

    arguments = [(b"backend_pid", amp.Integer())]
    errors = _FAULT
    requiresAnswer = False


class LoginFailed(LinkCommand):
    """A client at this address gave a wrong password or an unknown user."""

    arguments = [(b"remote_host", amp.Unicode())]
    errors = _FAULT
    requiresAnswer = False


class LoginSucceeded(LinkCommand):
    """A client at this address proved to know its password."""

    arguments = [(b"remote_host", amp.Unicode())]
    errors = _FAULT
    requiresAnswer = False


class CancelElsewhere(LinkCommand):
    """A CancelRequest arrived inside TLS for a session of another worker."""

    arguments = [(b"backend_pid", amp.Integer()), (b"secret_key", amp.String())]
    errors = _FAULT
    requiresAnswer = False
