"""What the kernel takes leaves at once, what it doesn't take leaves later, and nothing is lost at the end."""

from __future__ import annotations

import socket
from types import SimpleNamespace

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from duckgres_tx.session.eager_writes import MAX_PIECES, adopt

# More than the buffers of a socket pair hold.
MUCH = b"x" * (4 << 20)


@implementer(IHalfCloseableProtocol)
class Talker(Protocol):
    """Notes what happens to it."""

    def __init__(self):
        self.events = []
        self.gone = Deferred()

    def dataReceived(self, data):
        self.events.append(data)

    def readConnectionLost(self):
        self.events.append("end of input")
        self.transport.write(b"goodbye")
        self.transport.loseConnection()

    def writeConnectionLost(self):
        self.events.append("end of output")

    def connectionLost(self, reason):
        self.events.append("lost")
        self.gone.callback(None)


class EagerWritesTests(TestCase):
    """A transport at one end of a pair."""

    timeout = 30

    def connect(self, family=socket.AF_UNIX):
        """Our protocol and its peer's blocking socket."""
        if family == socket.AF_UNIX:
            ours, peer = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                peer = socket.create_connection(listener.getsockname())
                ours, _ = listener.accept()
        peer.settimeout(20)
        ours.setblocking(False)
        talker = Talker()
        factory = Factory.forProtocol(lambda: talker)
        factory.noisy = False
        adopt(reactor, ours, factory)
        ours.close()
        self.addCleanup(peer.close)
        return talker, peer

    def test_what_is_written_is_there_at_once(self):
        """With no turn of the reactor between."""
        for family in (socket.AF_UNIX, socket.AF_INET):
            talker, peer = self.connect(family)
            talker.transport.write(b"hello")
            self.assertEqual(peer.recv(100), b"hello")
            talker.transport.abortConnection()

    def test_a_close_comes_after_what_was_written(self):
        """And the protocol hears of it later than the call."""
        talker, peer = self.connect()
        talker.transport.write(b"the last word")
        talker.transport.loseConnection()
        talker.transport.loseConnection()
        self.assertEqual(talker.events, [])
        self.assertEqual(peer.recv(100), b"the last word")

        def closed(_):
            self.assertEqual(talker.events, ["lost"])
            self.assertEqual(peer.recv(100), b"")

        return talker.gone.addCallback(closed)

    def test_a_close_waits_for_what_the_kernel_did_not_take(self):
        """However much that is."""
        talker, peer = self.connect()
        talker.transport.write(MUCH)
        talker.transport.loseConnection()

        def read():
            size = 0
            while data := peer.recv(1 << 20):
                size += len(data)
            return size

        return deferToThread(read).addCallback(self.assertEqual, len(MUCH))

    def test_pieces_arrive_whole_and_in_order(self):
        """Whichever of them the kernel took at once, in part or not; the producer is asked for more when all have gone."""
        talker, peer = self.connect()
        resumed = []
        producer = SimpleNamespace(pauseProducing=lambda: None, resumeProducing=lambda: resumed.append(1))
        talker.transport.registerProducer(producer, True)
        pieces = [bytes([number % 251]) * (1 + number * 997) for number in range(MAX_PIECES * 3)]
        for piece in pieces:
            talker.transport.write(piece)

        def read():
            wanted = sum(map(len, pieces))
            got = []
            while wanted:
                got.append(peer.recv(100_000))
                wanted -= len(got[-1])
            return b"".join(got)

        def read_all(got):
            self.assertEqual(got, b"".join(pieces))
            talker.transport.unregisterProducer()
            talker.transport.loseConnection()
            return talker.gone

        return deferToThread(read).addCallback(read_all).addCallback(lambda _: self.assertEqual(resumed, [1]))

    def test_a_peer_that_is_gone_ends_the_connection(self):
        """With much still to be sent."""
        talker, peer = self.connect(socket.AF_INET)
        talker.transport.write(MUCH)
        peer.close()
        return talker.gone

    def test_an_abort_may_follow_a_close(self):
        """The protocol hears of one end."""
        talker, _ = self.connect()
        talker.transport.loseConnection()
        talker.transport.abortConnection()
        return talker.gone.addCallback(lambda _: self.assertEqual(talker.events, ["lost"]))

    def test_a_peer_that_has_closed_its_half_still_hears(self):
        """The protocol is told of the half, and has its say."""
        talker, peer = self.connect()
        peer.sendall(b"bye")
        peer.shutdown(socket.SHUT_WR)

        def closed(_):
            self.assertEqual(talker.events[0], b"bye")
            self.assertIn("end of input", talker.events)
            self.assertEqual(peer.recv(100), b"goodbye")

        return talker.gone.addCallback(closed)
