"""Boxes are AMP's on the wire, whoever writes and reads them."""

# ruff: noqa: N815, RUF012  AMP names the attributes of commands

from __future__ import annotations

import socket

import pytest
from pairs import Pair, result_of
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase, TestCase

from duckgres_tx.pool.boxes import BoxLink, LinkCommand, answering_at_once


class Declared(Exception):
    """What a command may fail with."""


class MoreDeclared(Declared):
    """A kind of it."""


ARGUMENTS = [(b"number", amp.Integer()), (b"word", amp.Unicode(optional=True))]
RESPONSE = [(b"text", amp.Unicode())]


class Say(LinkCommand):
    """Answered at once."""

    arguments = ARGUMENTS
    response = RESPONSE
    errors = {Declared: b"DECLARED"}


class SayLater(Say):
    """Answered by a Deferred."""


class Note(LinkCommand):
    """Not answered."""

    arguments = ARGUMENTS
    requiresAnswer = False


class SaySoon(Say):
    """Its answer may wait."""

    patient = True


class NoteSoon(Note):
    """It may wait."""

    patient = True


class PlainSay(amp.Command):
    """`Say` as AMP alone has it."""

    commandName = b"Say"
    arguments = ARGUMENTS
    response = RESPONSE
    errors = {Declared: b"DECLARED"}


class End(BoxLink):
    """One end."""

    def __init__(self):
        super().__init__()
        self.notes = []

    @Say.responder
    @answering_at_once
    def say(self, number, word):
        """Numbers that have a meaning: 0 fails as declared, 1 as a kind of that, 2 as nobody foresaw, 3 with no answer."""
        if number < 3:
            raise (Declared("ü"), MoreDeclared("more"), ZeroDivisionError())[number]
        return {} if number == 3 else {"text": f"{number} {word}"}

    @SayLater.responder
    def say_later(self, number, word):
        """Through AMP."""
        return succeed(self.say(number, word))

    @SaySoon.responder
    @answering_at_once
    def say_soon(self, number, word):
        """As `say`."""
        return self.say(number, word)

    @NoteSoon.responder
    @answering_at_once
    def note_soon(self, number, word):
        """As `note`."""
        return self.note(number, word)

    @Note.responder
    @answering_at_once
    def note(self, number, word):
        """Keep it."""
        self.notes.append((number, word))
        return {}


class PlainEnd(amp.AMP):
    """An end that knows nothing of ours."""

    @PlainSay.responder
    def say(self, number, word):
        """As the other."""
        if number == 0:
            raise Declared("ü")
        return {"text": f"{number} {word}"}


class BoxTests(SynchronousTestCase):
    """Two ends."""

    def ask(self, left, right, command, **arguments):
        """A command from left to right."""
        pair = Pair(left, right)
        answer = Deferred()
        # AMP ends the link for an error that is left unhandled in its own Deferred.
        left.callRemote(command, **arguments).addCallbacks(answer.callback, answer.errback)
        pair.carry()
        return result_of(answer)

    def test_a_command_is_answered_at_once_or_later(self):
        """An argument that is left out is None."""
        for command in (Say, SayLater):
            assert self.ask(End(), End(), command, number=7, word="wörd") == {"text": "7 wörd"}
            assert self.ask(End(), End(), command, number=7) == {"text": "7 None"}
            assert self.ask(End(), End(), command, number=7, word=None) == {"text": "7 None"}

    def test_plain_amp_understands_it_and_is_understood(self):
        """A control plane of another release may have another way to write the same."""
        assert self.ask(End(), PlainEnd(), Say, number=7, word="w") == {"text": "7 w"}
        assert self.ask(PlainEnd(), End(), PlainSay, number=7, word="w") == {"text": "7 w"}
        for left, right, command in ((End(), PlainEnd(), Say), (PlainEnd(), End(), PlainSay)):
            with pytest.raises(Declared, match="ü"):
                self.ask(left, right, command, number=0)

    def test_a_declared_error_is_the_answer(self):
        """So is one of its kind."""
        for number, words in ((0, "ü"), (1, "more")):
            with pytest.raises(Declared, match=words):
                self.ask(End(), End(), Say, number=number)

    def test_what_nobody_foresaw_ends_the_link(self):
        """A responder's bug, or an answer that isn't one."""
        for number, kind in ((2, ZeroDivisionError), (3, KeyError)):
            left, right = End(), End()
            pair = Pair(left, right)
            answer = left.callRemote(Say, number=number)
            pair.carry()
            self.failureResultOf(answer)
            assert not pair.left.connected
            assert len(self.flushLoggedErrors(kind)) == 1

    def test_news_are_not_answered(self):
        """Nothing comes back."""
        left, right = End(), End()
        pair = Pair(left, right)
        left.send(Note, {"number": 1, "word": "a"})
        left.send(Note, {"number": 2})
        pair.carry()
        assert right.notes == [(1, "a"), (2, None)]
        assert pair.right.waiting == []

    def test_what_a_command_does_not_take_is_refused(self):
        """A name that is wrong, or missing."""
        left = End()
        Pair(left, End())
        with pytest.raises(amp.InvalidSignature, match="wrod"):
            left.send(Note, {"number": 1, "wrod": "a"})
        with pytest.raises(KeyError):
            left.send(Note, {"word": "a"})

    def test_boxes_come_in_any_portions(self):
        """Byte by byte, and many at once."""
        left, right = End(), End()
        pair = Pair(left, right)
        for number in range(3):
            left.send(Note, {"number": number, "word": "x" * 300})
        data = b"".join(pair.left.waiting)
        for at in range(len(data)):
            right.dataReceived(data[at : at + 1])
        right.dataReceived(data)
        assert [number for number, _ in right.notes] == [0, 1, 2, 0, 1, 2]
        for size in (len(data) - 1, len(data) // 2):
            right.dataReceived(data[:size])
            right.dataReceived(data[size:])
        assert len(right.notes) == 12

    def test_a_key_that_is_too_long_ends_the_link(self):
        """It is no box."""
        right = End()
        pair = Pair(End(), right)
        right.dataReceived(b"\x01\x00" + b"k" * 256)
        assert not pair.right.connected


class SocketTests(TestCase):
    """Over a real socket, with descriptors."""

    timeout = 30

    def test_descriptors_go_along_at_once(self):
        """Each with its command, however many there are."""

        class Take(LinkCommand):
            arguments = [(b"descriptor", amp.Descriptor()), (b"number", amp.Integer())]

        taken = []

        class Taker(BoxLink):
            @Take.responder
            @answering_at_once
            def take(self, descriptor, number):
                with socket.socket(fileno=descriptor) as received:
                    taken.append((number, received.getpeername()))
                return {}

        async def go():
            path = self.mktemp()
            port = await UNIXServerEndpoint(reactor, path).listen(Factory.forProtocol(Taker))
            giver = await connectProtocol(UNIXClientEndpoint(reactor, path), BoxLink())
            listener = socket.create_server(("127.0.0.1", 0))
            clients = [socket.create_connection(listener.getsockname()) for _ in range(80)]
            answers = [
                giver.callRemote(Take, descriptor=client.fileno(), number=number)
                for number, client in enumerate(clients)
            ]
            for answer in answers:
                await answer
            for each in (listener, *clients):
                each.close()
            gone = Deferred()
            giver.connectionLost = lambda reason: gone.callback(None)
            giver.transport.loseConnection()
            await gone
            await port.stopListening()
            return listener

        done = Deferred.fromCoroutine(go())
        done.addCallback(lambda _: self.assertEqual([number for number, _ in taken], list(range(80))))
        return done

    def link(self):
        """Two ends over a real socket, and what was read at one go at the second."""

        class Reading(End):
            portions: list[bytes]

            def dataReceived(self, data):
                self.portions.append(data)
                super().dataReceived(data)

        async def connect():
            path = self.mktemp()
            far = Reading()
            far.portions = []
            port = await UNIXServerEndpoint(reactor, path).listen(Factory.forProtocol(lambda: far))
            near = await connectProtocol(UNIXClientEndpoint(reactor, path), End())
            await near.callRemote(Say, number=7)
            far.portions.clear()
            return near, far, port

        return connect()

    @staticmethod
    async def _end(near, port):
        gone = Deferred()
        lost = near.connectionLost

        def ended(reason):
            lost(reason)
            gone.callback(None)

        near.connectionLost = ended
        near.transport.loseConnection()
        await gone
        await port.stopListening()

    def test_what_is_patient_goes_with_the_next_box(self):
        """In one piece, and in the order in which it was said."""

        async def go():
            near, far, port = await self.link()
            near.send(NoteSoon, {"number": 1})
            near.send(NoteSoon, {"number": 2})
            near.send(Note, {"number": 3})
            await near.callRemote(Say, number=4)
            self.assertEqual([number for number, _ in far.notes], [1, 2, 3])
            self.assertEqual(sum(b"NoteSoon" in portion for portion in far.portions), 1)
            await self._end(near, port)

        return Deferred.fromCoroutine(go())

    def test_what_is_patient_goes_by_itself_in_the_end(self):
        """News and answers; an error doesn't wait."""

        async def go():
            near, far, port = await self.link()
            near.send(NoteSoon, {"number": 1})
            self.assertEqual(await near.callRemote(SaySoon, number=7, word="w"), {"text": "7 w"})
            with self.assertRaises(Declared):
                await near.callRemote(SaySoon, number=0)
            self.assertEqual(far.notes, [(1, None)])
            near.send(NoteSoon, {"number": 2})
            while len(far.notes) < 2:
                await deferLater(reactor, 0.001)
            await self._end(near, port)

        return Deferred.fromCoroutine(go())

    def test_what_is_patient_ends_with_the_link(self):
        """Nothing is left to be done later."""

        async def go():
            near, _, port = await self.link()
            near.send(NoteSoon, {"number": 1})
            near.transport.abortConnection()
            await port.stopListening()
            await deferLater(reactor, 0.02)

        return Deferred.fromCoroutine(go())
