"""AMP's boxes, with less work for each: the link is on the way of every connect, four times.

What goes over the wire is AMP's. AMP itself reads a box string by string through a state machine, translates every argument's name
each time, waits for the reactor to say that a socket can be written, and makes four Deferreds for an answer that is there already.
Here a box is read in one go, names are translated once, what the kernel takes leaves at once, or together with what nobody waits
for, and a responder that answers at once is answered for at once. Everything else is left to AMP.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet import tcp
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.protocols import amp
from twisted.python.failure import Failure

from duckgres_tx.session.eager_writes import send_now

_length = struct.Struct("!H").unpack_from
_pack_length = struct.Struct("!H").pack
_MAX_KEY_BYTES = 255
_LENGTH_BYTES = 2

# How long a box waits for others to go with. Each takes a turn of the other side's reactor otherwise, and half of a connect's boxes are
# news that nobody waits for.
PATIENCE_S = 0.005

_Layout = tuple[tuple[bytes, str, amp.Argument], ...]


class LinkCommand(amp.Command):
    """A command whose arguments' names are Python's on the wire too.

    Attributes:
        takes: The arguments: the name on the wire, in Python, the type.
        gives: The same of the response.
        patient: Nobody waits for it, or, if it is answered, for an answer that is no error.
    """

    takes: ClassVar[_Layout] = ()
    gives: ClassVar[_Layout] = ()
    patient: ClassVar[bool] = False

    def __init__(self, **arguments: Any) -> None:
        """One call of it; what is missing is noticed when it is written."""
        self.structured = arguments

    def __init_subclass__(cls) -> None:
        """Translate the names once."""
        cls.takes = _layout(cls.arguments)
        cls.gives = _layout(cls.response)

    @classmethod
    def makeArguments(cls, objects: dict[str, Any], proto: Any) -> amp.AmpBox:
        """As AMP's."""
        return _written(cls.takes, objects, proto)

    @classmethod
    def makeResponse(cls, objects: dict[str, Any], proto: Any) -> amp.AmpBox:
        """As AMP's."""
        return _written(cls.gives, objects, proto)

    @classmethod
    def parseArguments(cls, box: amp.AmpBox, protocol: Any) -> dict[str, Any]:
        """As AMP's."""
        return _read(cls.takes, box, protocol)

    @classmethod
    def parseResponse(cls, box: amp.AmpBox, protocol: Any) -> dict[str, Any]:
        """As AMP's."""
        return _read(cls.gives, box, protocol)


class BoxLink(amp.AMP):
    """An AMP connection."""

    # AMP's table of responders by the command's name.
    _commandDispatch: ClassVar[dict[bytes, tuple[type[amp.Command], Callable[..., Any]]]]
    _incomplete = b""

    def __init__(self) -> None:
        super().__init__()
        self._patient: list[bytes] = []
        self._patience: IDelayedCall | None = None

    def dataReceived(self, data: bytes) -> None:
        """Take every box that is whole."""
        if self._incomplete:
            data = self._incomplete + data
        at = 0
        while (end := self._take(data, at)) > at:
            at = end
        self._incomplete = data[at:]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What still waits is lost."""
        self._patient.clear()
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        # past AMP's own method, which only adds a log line
        amp.BinaryBoxProtocol.connectionLost(self, reason)

    def sendBox(self, box: amp.AmpBox) -> None:
        """Send a box, now if the kernel takes it."""
        self._write(_serialized(box))

    def send_soon(self, box: amp.AmpBox) -> None:
        """Send a box that nobody waits for: with the next one, or ``PATIENCE_S`` later."""
        transport: Any = self.transport
        if not isinstance(transport, tcp.Connection):
            self.sendBox(box)
            return
        self._patient.append(_serialized(box))
        if self._patience is None:
            clock: Any = transport.reactor
            self._patience = clock.callLater(PATIENCE_S, self._patience_is_over)

    def _patience_is_over(self) -> None:
        self._patience = None
        if self._patient:
            self._write(b"")

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        if self._patient:
            data = b"".join((*self._patient, data))
            self._patient.clear()
        if not isinstance(transport, tcp.Connection):
            transport.write(data)
            return
        left = send_now(transport, data)
        if left:
            transport.write(bytes(left))
        elif not transport.disconnecting:
            # A descriptor that went with it had asked to be told when there is room.
            transport.stopWriting()

    def send(self, command: type[amp.Command], arguments: dict[str, Any]) -> None:
        """Send a command that isn't answered."""
        box = command.makeArguments(arguments, self)
        box[amp.COMMAND] = command.commandName
        if getattr(command, "patient", False):
            self.send_soon(box)
        else:
            self.sendBox(box)

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        """Answer as soon as the responder does; the rest is AMP's."""
        command, respond = self._commandDispatch.get(box.get(amp.COMMAND, b""), (None, None))
        if command is None or respond is None or not getattr(respond, "answers_at_once", False):
            super().ampBoxReceived(box)
            return
        send = self.send_soon if getattr(command, "patient", False) else self.sendBox
        try:
            try:
                response = respond(self, **command.parseArguments(box, self))
                answer = command.makeResponse(response, self)
                answer[amp.ANSWER] = box.get(amp.ASK, b"")
            except tuple(command.errors) as error:
                answer = _error_box(command, error)
                answer[amp.ERROR] = box.get(amp.ASK, b"")
                send = self.sendBox
            if amp.ASK in box and self.transport is not None:
                send(answer)
        except Exception:  # noqa: BLE001  as AMP: nobody knows what to answer, so the link is given up
            self.unhandledError(Failure())

    def _take(self, data: bytes, at: int) -> int:
        """Take the box that begins here; gives its end, or where it begins when it isn't whole."""
        box = amp.AmpBox()
        end, place = len(data), at
        while place + _LENGTH_BYTES <= end:
            (length,) = _length(data, place)
            place += _LENGTH_BYTES
            if length == 0:
                self.ampBoxReceived(box)
                return place
            if length > _MAX_KEY_BYTES:
                self.lengthLimitExceeded(length)
                return at
            key = data[place : place + length]
            place += length
            if place + _LENGTH_BYTES > end:
                break
            (length,) = _length(data, place)
            place += _LENGTH_BYTES
            box[key] = data[place : place + length]
            place += length
        return at


def answering_at_once(respond: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a responder: it gives the response itself, no Deferred, and raises what its command declares."""
    respond.answers_at_once = True  # type: ignore[attr-defined]
    return respond


def _serialized(box: amp.AmpBox) -> bytes:
    parts: list[bytes] = []
    try:
        for key, value in box.items():
            parts += (_pack_length(len(key)), key, _pack_length(len(value)), value)
    except struct.error:
        # AMP has words for what is too long.
        return box.serialize()
    parts.append(b"\0\0")
    return b"".join(parts)


def _layout(named: list[tuple[bytes, amp.Argument]]) -> _Layout:
    return tuple((wire, wire.decode("ascii"), argument) for wire, argument in named)


def _written(layout: _Layout, objects: dict[str, Any], proto: Any) -> amp.AmpBox:
    box = amp.AmpBox()
    known = 0
    for wire, name, argument in layout:
        if argument.optional and objects.get(name) is None:
            known += name in objects
            continue
        box[wire] = argument.toStringProto(objects[name], proto)
        known += 1
    if known < len(objects):
        raise amp.InvalidSignature(f"{', '.join(objects.keys() - {name for _, name, _ in layout})}: no such argument")
    return box


def _read(layout: _Layout, box: amp.AmpBox, proto: Any) -> dict[str, Any]:
    objects = {}
    for wire, name, argument in layout:
        text = box.get(wire) if argument.optional else box[wire]
        objects[name] = None if text is None else argument.fromStringProto(text, proto)
    return objects


def _error_box(command: type[amp.Command], error: BaseException) -> amp.AmpBox:
    code = next(code for declared, code in command.errors.items() if isinstance(error, declared))
    return amp.AmpBox({amp.ERROR_CODE: code, amp.ERROR_DESCRIPTION: str(error).encode(errors="replace")})
