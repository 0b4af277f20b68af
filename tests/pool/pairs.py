"""Two ends of a link in one process, without a reactor: bytes and descriptors wait until they are carried over."""

from __future__ import annotations

import os

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IUNIXTransport
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IUNIXTransport)
class Side:
    """The transport of one end. Like a real one it only notes the number of a descriptor until it is carried over."""

    def __init__(self) -> None:
        self.waiting: list[bytes | int] = []
        self.connected = True
        self.other: Side | None = None
        self.protocol = None

    def write(self, data):
        self.waiting.append(data)

    def writeSequence(self, parts):
        self.waiting.extend(parts)

    def sendFileDescriptor(self, descriptor):
        self.waiting.append(descriptor)

    def getPeer(self):
        return "peer"

    def getHost(self):
        return "host"

    def loseConnection(self):
        self.lose()

    def abortConnection(self):
        self.waiting.clear()
        self.lose()

    def lose(self):
        """Both ends are told."""
        for side in (self, self.other):
            if side.connected:
                side.connected = False
                side.protocol.connectionLost(Failure(ConnectionDone()))


class Pair:
    """Two protocols, connected."""

    def __init__(self, left, right) -> None:
        self.left, self.right = Side(), Side()
        self.left.other, self.right.other = self.right, self.left
        self.left.protocol, self.right.protocol = left, right
        left.makeConnection(self.left)
        right.makeConnection(self.right)

    def carry(self) -> None:
        """Carry everything over, both ways, until nothing waits. Descriptors are duplicated, as the kernel does."""
        while any(side.waiting and side.other.connected for side in (self.left, self.right)):
            for side in (self.left, self.right):
                while side.waiting and side.other.connected:
                    item = side.waiting.pop(0)
                    if isinstance(item, int):
                        side.other.protocol.fileDescriptorReceived(os.dup(item))
                    else:
                        side.other.protocol.dataReceived(item)


def result_of(deferred):
    """The result of a Deferred that has one; its exception is raised."""
    results, failures = [], []
    deferred.addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    assert results, "no result yet"
    return results[0]


def has_no_result(deferred) -> bool:
    """Whether a Deferred still waits."""
    return not deferred.called
