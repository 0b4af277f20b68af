"""A takeover on one stage: an incumbent and a newcomer with servers that only remember, and a link that the test carries."""

from __future__ import annotations

import os
import socket

from attrs import define, field
from pairs import Pair, Side
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from duckgres_tx.handover import predecessor as predecessor_module
from duckgres_tx.handover.candidacy import Candidacy, ToldOff
from duckgres_tx.handover.descriptors import inode_of
from duckgres_tx.handover.incumbency import Incumbency
from duckgres_tx.handover.incumbent_end import IncumbentEnd
from duckgres_tx.handover.serving import HeldConnection, NamedDescriptor
from duckgres_tx.handover.takings import Takings

DIRECTORIES = ("/srv/data", "/srv/data/run")


class Reactor(Clock):
    """Time, and who wants to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers = set()

    def addReader(self, reader):
        self.readers.add(reader)

    def removeReader(self, reader):
        self.readers.discard(reader)

    def run(self, seconds: float) -> None:
        """Time passes as it does for a process that runs."""
        for _ in range(round(seconds * 20)):
            self.advance(0.05)


@define(eq=False)
class FakeServer:
    """A `Serving` that remembers, in `did`, what it was told to."""

    name: str
    epoch: int = 4
    has_workers: bool = True
    did: list[str] = field(factory=list)
    fails: dict[str, Exception] = field(factory=dict)
    # steps that don't end by themselves
    slow: dict[str, Deferred] = field(factory=dict)
    clients: list[socket.socket] = field(factory=list)
    taken: list[HeldConnection] = field(factory=list)
    given: list[int] = field(factory=list)
    told: bytes = b""
    promoted: int = 0
    accepts: bool = False
    pass_on: object = None
    listener: socket.socket = field(factory=lambda: socket.socket(socket.AF_UNIX))

    def _do(self, what: str) -> None:
        self.did.append(what)
        if what in self.fails:
            raise self.fails[what]

    async def _wait(self, what: str) -> None:
        self._do(what)
        if what in self.slow:
            await self.slow[what]

    def descriptors(self):
        return [
            NamedDescriptor("listener", self.listener.fileno()),
            NamedDescriptor("lock data_dir", self.listener.fileno()),
            NamedDescriptor("something new", self.listener.fileno()),
        ]

    def hold(self):
        self._do("hold")
        self.accepts = False

    async def settle(self, timeout_s):
        await self._wait("settle")
        return True

    def held(self):
        self._do("held")
        return [
            (HeldConnection(client.fileno(), b"prefix", "10.0.0.1", 5, 1.5, admitted), lambda: self.given.append(1))
            for client, admitted in zip(self.clients, (True, False), strict=False)
        ]

    def stand_down(self):
        self._do("stand down")
        return b'{"pid": 7}'

    def resume(self):
        self._do("resume")
        self.accepts = True

    def relieve(self, pass_on):
        self._do("relieve")
        self.pass_on = pass_on
        for client in self.clients:
            client.close()
        self.clients.clear()

    async def reclaim(self, epoch):
        await self._wait("reclaim")
        self.promoted = epoch

    async def survey(self):
        await self._wait("survey")

    async def take_charge(self, epoch, handover):
        await self._wait("take charge")
        self.promoted, self.told = epoch, handover

    async def start(self):
        await self._wait("start")
        self.promoted = 99

    def open(self):
        self._do("open")
        self.accepts = True

    def take(self, connection):
        self._do("take")
        self.taken.append(connection)

    async def undo(self):
        await self._wait("undo")

    async def leave(self):
        self.did.append("leave")
        self.accepts = False

    def close(self):
        """For the test."""
        self.listener.close()
        for client in self.clients:
            client.close()
        while self.taken:
            os.close(self.taken.pop().fd)


@define(eq=False)
class FakeSignposts:
    """`Signposts` of one process; `whose` is shared."""

    name: str
    whose: list[str]
    fails: bool = False

    def put_up(self):
        if self.fails:
            raise OSError(13, "Permission denied", "/run/x.sock")
        self.whose[:] = [self.name]

    def abandon(self, successor):
        self.whose.append(f"abandoned to {successor}")


class HandledSide(Side):
    """It has a handle, whose peer the test makes up."""

    def getHandle(self):
        return self

    def fileno(self):
        return -1


class HandledPair(Pair):
    """A link that can be cut in the middle."""

    def __init__(self, left, right) -> None:
        self.left, self.right = HandledSide(), HandledSide()
        self.left.other, self.right.other = self.right, self.left
        self.left.protocol, self.right.protocol = left, right
        right.makeConnection(self.right)
        left.makeConnection(self.left)

    def carry_some(self, count: int) -> int:
        """Carry at most so many items; returns how many there were."""
        carried = 0
        while carried < count and any(side.waiting and side.other.connected for side in (self.left, self.right)):
            for side in (self.left, self.right):
                if side.waiting and side.other.connected and carried < count:
                    carried += 1
                    item = side.waiting.pop(0)
                    if isinstance(item, int):
                        side.other.protocol.fileDescriptorReceived(os.dup(item))
                    else:
                        side.other.protocol.dataReceived(item)
        return carried

    def cut(self) -> None:
        """The link breaks, with what is on its way."""
        self.left.abortConnection()

    def die(self, side: Side) -> None:
        """One process dies: what it has sent arrives, and then its end."""
        other = side.other
        side.connected = False
        while side.protocol._descriptors:
            os.close(side.protocol._descriptors.popitem()[1])
        while side.waiting and other.connected:
            item = side.waiting.pop(0)
            if isinstance(item, int):
                other.protocol.fileDescriptorReceived(os.dup(item))
            else:
                other.protocol.dataReceived(item)
        if other.connected:
            other.connected = False
            other.protocol.connectionLost(Failure(ConnectionDone()))


class Watch:
    """A `ProcessWatch` that the test moves."""

    def __init__(self, reactor, pid, ended) -> None:
        self.has_ended, self._ended = False, ended

    @classmethod
    def on(cls, reactor, pid, ended):
        cls.made = cls(reactor, pid, ended)
        return cls.made

    def end(self):
        pass

    def die(self):
        """The process has ended."""
        self.has_ended = True
        self._ended()


class Stage:
    """Everything. The newcomer connects at `begin`."""

    def __init__(self, monkeypatch) -> None:
        self.reactor = Reactor()
        self.signs: list[str] = ["incumbent"]
        self.left, self.lost = [], []
        self.old = FakeServer("old", accepts=True)
        self.new = FakeServer("new", epoch=0)
        self.build_fails: Exception | None = None
        self.takings = Takings()
        self.incumbency = Incumbency(
            self.reactor, DIRECTORIES, FakeSignposts("incumbent", self.signs), 3.0, lambda: self.left.append("old")
        )
        self.incumbency.opened(self.old)
        self.candidacies: list[Candidacy] = []
        self.new_signposts = FakeSignposts("newcomer", self.signs)
        self.candidacy = self.make_candidacy()
        self.pair: HandledPair | None = None
        self.pairs: list[HandledPair] = []
        self.servers = [self.old, self.new]
        self.connects = True
        self.outcome: list[object] = []
        monkeypatch.setattr(predecessor_module, "connect", self._connect)
        monkeypatch.setattr(predecessor_module, "ProcessWatch", Watch)
        monkeypatch.setattr(
            predecessor_module.descriptors, "peer_credentials", lambda fd: type("Peer", (), {"pid": 1234})
        )

    def make_candidacy(self, directories=DIRECTORIES) -> Candidacy:
        """One more newcomer."""
        made = Candidacy(self.reactor, "/run/x.sock", directories, self._build, self.new_signposts, self._lose)
        self.candidacies.append(made)
        return made

    def _lose(self) -> None:
        self.lost.append("new")
        self.new.accepts = False

    def another_newcomer(self) -> None:
        """From now on `candidacy`, `new` and `outcome` are its."""
        self.candidacy, self.new = self.make_candidacy(), FakeServer("another", epoch=0)
        self.servers.append(self.new)
        self.outcome.clear()

    def incumbent_end(self) -> IncumbentEnd:
        """An end of one more link."""
        return IncumbentEnd(self.incumbency, None, lambda link: None)

    def _connect(self, reactor, path, link, deadline_s):
        connected = Deferred()
        if not self.connects:
            return connected.addTimeout(deadline_s, reactor)
        self.pair = HandledPair(link, self.incumbent_end())
        self.pairs.append(self.pair)
        connected.callback(link)
        return connected

    def _build(self, takings):
        self.takings = takings
        takings.close_locks()
        if self.build_fails is not None:
            raise self.build_fails
        return self.new

    def begin(self) -> None:
        """The newcomer wants to take over."""
        self.candidacy.take_over().addBoth(self.outcome.append)

    def carry(self) -> None:
        """All that is on its way arrives."""
        if self.pair is not None:
            self.pair.carry()

    def run(self, seconds: float) -> None:
        """Time passes and everything arrives."""
        for _ in range(round(seconds * 10)):
            self.reactor.run(0.1)
            self.carry()

    def told_off(self) -> str:
        """Why the newcomer doesn't serve."""
        (failure,) = self.outcome
        assert failure.check(ToldOff), failure
        return str(failure.value)

    def client(self, admitted: bool = True) -> tuple[socket.socket, int]:
        """Somebody waits at the incumbent; its own end, and the inode of ours."""
        theirs, ours = socket.socketpair()
        self.old.clients.append(ours)
        return theirs, inode_of(ours.fileno())

    def close(self) -> None:
        """At the end of the test."""
        for pair in self.pairs:
            pair.cut()
            for side in (pair.left, pair.right):
                if side.protocol.is_up:
                    side.protocol.connectionLost(Failure(ConnectionDone()))
        self.run(3)
        # what the kernel does with the descriptors of a dead process
        for candidacy in self.candidacies:
            candidacy._predecessor.link_lost()
            candidacy._let_go()
        self.takings.close()
        for server in self.servers:
            server.close()
