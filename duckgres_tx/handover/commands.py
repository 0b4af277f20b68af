"""The AMP commands on the handover socket, and the errors that they may answer with.

A **newcomer** is a server that wants to take over, the **incumbent** the one that serves. Newcomer to incumbent, in this order: `Greet`,
`Prepare`, `Commit`, `Serving`; instead of any of them `GiveUp`, and after `Commit` `GiveBack`; after `Serving` `Dismiss`. Incumbent to
newcomer, on the same link: `TakeDescriptor` and `TakeConnection` while it prepares and commits, `Beat` and `TakeBack` afterwards, `Farewell`
last. People have `Status`, `Roll`, `DrainWorker` and `Succeed`.

**Versions.** `Greet` says which versions of this protocol the newcomer speaks, the answer which of them is spoken from then on: the newest
that both know. `Greet` itself never changes, except for new optional arguments. Within a version arguments and answers may be added that are
optional; whatever else changes makes a new version, and the one before goes on being spoken for at least one release.
"""

# AMP fixes how commands and arguments are declared.
# ruff: noqa: N815, RUF012

from __future__ import annotations

from twisted.protocols import amp

from duckgres_tx.pool.commands import DescriptorMismatch, WorkerFault

VERSION = 1
OLDEST_VERSION = 1


class IncompatibleVersion(Exception):
    """There is no version of the protocol that both speak; one line of text."""


class OtherDirectories(Exception):
    """The newcomer is configured for another data or runtime directory; one line of text."""


class AlreadyInProgress(Exception):
    """Another newcomer is taking over; one line of text names it."""


class NotServing(Exception):
    """The server is starting or stopping, or another one serves already; one line of text."""


class CannotBeTakenOver(Exception):
    """The server is of a kind that can't be; one line of text."""


class Refused(Exception):
    """What somebody asked for isn't done; one line of text says why."""


class OutOfTurn(Exception):
    """The command doesn't belong here: another step comes first, or the takeover has been given up."""


# an exception that nobody foresaw is answered as this one: see `pool.link.answering`
_FAULT: dict[type[Exception], bytes] = {WorkerFault: b"FAULT"}
_STEP: dict[type[Exception], bytes] = {**_FAULT, OutOfTurn: b"OUT_OF_TURN"}


class Greet(amp.Command):
    """A newcomer introduces itself, and asks whether it may take over.

    Arguments: ``version`` and ``oldest_version``, of this protocol; ``pid``, its own; ``data_dir`` and ``runtime_dir``, without
    symbolic links. Answer: the ``version`` that is spoken from now on, the incumbent's ``pid`` and ``epoch``, and what it runs
    (``release``).
    """

    arguments = [
        (b"version", amp.Integer()),
        (b"oldest_version", amp.Integer()),
        (b"pid", amp.Integer()),
        (b"data_dir", amp.Unicode()),
        (b"runtime_dir", amp.Unicode()),
    ]
    response = [
        (b"version", amp.Integer()),
        (b"pid", amp.Integer()),
        (b"epoch", amp.Integer()),
        (b"release", amp.Unicode()),
    ]
    errors = {
        **_FAULT,
        IncompatibleVersion: b"INCOMPATIBLE_VERSION",
        OtherDirectories: b"OTHER_DIRECTORIES",
        AlreadyInProgress: b"ALREADY_IN_PROGRESS",
        NotServing: b"NOT_SERVING",
        CannotBeTakenOver: b"CANNOT_BE_TAKEN_OVER",
    }


class Prepare(amp.Command):
    """Send all listening sockets and locks (`TakeDescriptor`). Answers when they have arrived; nothing else changes."""

    errors = _STEP


class Commit(amp.Command):
    """Stop accepting, send all connections that wait, and write down the rest.

    Argument: an empty memory file, which the incumbent fills with a `Handover` before it answers. With the answer the newcomer is in
    charge. Until then any failure, on whichever side, leaves everything as it was.
    """

    arguments = [(b"document", amp.Descriptor())]
    errors = _STEP


class Serving(amp.Command):
    """The newcomer accepts connections. What it was sent is its own from the answer on."""

    errors = _STEP


class GiveUp(amp.Command):
    """Before `Commit` is answered: the newcomer goes, for this reason."""

    arguments = [(b"reason", amp.Unicode())]
    errors = _FAULT
    requiresAnswer = False


class GiveBack(amp.Command):
    """After `Commit`: the newcomer can't serve, for this reason; the incumbent goes on. Answers when it accepts again."""

    arguments = [(b"reason", amp.Unicode())]
    errors = _STEP


class Dismiss(amp.Command):
    """The newcomer needs nobody to stand by any more: the incumbent leaves at once."""

    errors = _FAULT


class TakeDescriptor(amp.Command):
    """A descriptor of the incumbent's; the newcomer has its own duplicate from now on.

    Arguments: ``name`` is ``listener``, ``lent listener`` (somebody else goes on listening there), ``lock data_dir``,
    ``lock runtime_dir`` or ``lock unix_socket``; ``inode`` identifies what it names.
    """

    arguments = [(b"name", amp.Unicode()), (b"descriptor", amp.Descriptor()), (b"inode", amp.Integer())]
    errors = {**_STEP, DescriptorMismatch: b"DESCRIPTOR_MISMATCH"}


class TakeConnection(amp.Command):
    """A client that waits at the incumbent. Nobody reads from it, or writes to it, before the answer to `Serving`.

    Arguments: the socket and its ``inode``; ``prefix``, what was read from it; ``remote_host`` and ``remote_port``; ``age_s``, how long
    it has waited; ``admitted``: whether its first packet is whole and it was let in, so that it waits for a worker.
    """

    arguments = [
        (b"socket", amp.Descriptor()),
        (b"inode", amp.Integer()),
        (b"prefix", amp.String()),
        (b"remote_host", amp.Unicode()),
        (b"remote_port", amp.Integer()),
        (b"age_s", amp.Float()),
        (b"admitted", amp.Boolean()),
    ]
    errors = {**_STEP, DescriptorMismatch: b"DESCRIPTOR_MISMATCH"}


class Beat(amp.Command):
    """Are you alive? Asked by the incumbent while it stands by."""

    errors = _FAULT


class TakeBack(amp.Command):
    """The incumbent takes everything back, for this reason. Answers when the newcomer accepts no more."""

    arguments = [(b"reason", amp.Unicode())]
    errors = _FAULT


class Farewell(amp.Command):
    """The incumbent leaves for good."""

    errors = _FAULT


class Status(amp.Command):
    """Write a `ServerStatus` into an empty memory file."""

    arguments = [(b"document", amp.Descriptor())]
    errors = {**_FAULT, Refused: b"REFUSED"}


class Roll(amp.Command):
    """Replace the workers one by one. Answers when that has begun, with one line."""

    response = [(b"answer", amp.Unicode())]
    errors = {**_FAULT, Refused: b"REFUSED"}


class DrainWorker(amp.Command):
    """Replace one worker. Answers when that has begun, with one line."""

    arguments = [(b"slot", amp.Integer())]
    response = [(b"answer", amp.Unicode())]
    errors = {**_FAULT, Refused: b"REFUSED"}


class Succeed(amp.Command):
    """Start a successor with the server's own command line. Answers when that one serves, with its pid."""

    response = [(b"pid", amp.Integer())]
    errors = {**_FAULT, Refused: b"REFUSED"}
