"""AMP's boxes, with less work for each: the link is on the way of every connect, four times.

What goes over the wire is AMP's. AMP itself reads a box string by string through a state machine, translates every argument's name
each time, waits for the reactor to say that a socket can be written, and makes four Deferreds for an answer that is there already.
Here a box is read in one go, names are translated once, what the kernel takes leaves at once, and a responder that answers at once
is answered for at once. Everything else is left to AMP.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet import tcp
from twisted.protocols import amp
from twisted.python.failure import Failure

from duckgres_tx.session.eager_writes import send_now

_length = struct.Struct("!H").unpack_from
_MAX_KEY_BYTES = 255
_LENGTH_BYTES = 2

_Layout = tuple[tuple[bytes, str, amp.Argument], ...]


class LinkCommand(amp.Command):
    """A command whose arguments' names are Python's on the wire too.

    Attributes:
        takes: The arguments: the name on the wire, in Python, the type.
        gives: The same of the response.
    """

    takes: ClassVar[_Layout] = ()
    gives: ClassVar[_Layout] = ()

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

    def dataReceived(self, data: bytes) -> None:
        """Take every box that is whole."""
        if self._incomplete:
            data = self._incomplete + data
        at = 0
        while (end := self._take(data, at)) > at:
            at = end
        self._incomplete = data[at:]

    def sendBox(self, box: amp.AmpBox) -> None:
        """Send a box, now if the kernel takes it."""
        transport: Any = self.transport
        data = box.serialize()
        if not isinstance(transport, tcp.Connection):
            transport.write(data)
            return
        left = send_now(transport, data)
        if left:
            transport.write(left)
        elif not transport.disconnecting:
            # A descriptor that went with it had asked to be told when there is room.
            transport.stopWriting()

    def send(self, command: type[amp.Command], arguments: dict[str, Any]) -> None:
        """Send a command that isn't answered."""
        box = command.makeArguments(arguments, self)
        box[amp.COMMAND] = command.commandName
        self.sendBox(box)

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        """Answer at once if the responder does; the rest is AMP's."""
        command, respond = self._commandDispatch.get(box.get(amp.COMMAND, b""), (None, None))
        if command is None or respond is None or not getattr(respond, "answers_at_once", False):
            super().ampBoxReceived(box)
            return
        try:
            try:
                response = respond(self, **command.parseArguments(box, self))
                answer = command.makeResponse(response, self)
                answer[amp.ANSWER] = box.get(amp.ASK, b"")
            except tuple(command.errors) as error:
                answer = _error_box(command, error)
                answer[amp.ERROR] = box.get(amp.ASK, b"")
            if amp.ASK in box and self.transport is not None:
                self.sendBox(answer)
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
