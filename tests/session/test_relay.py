"""A relay knows where it may say something of its own, and when to stop."""

from __future__ import annotations

import random
import socket

import pytest
from session_client import HostCase
from session_fakes import RememberingControlPlane, verifier
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import TestCase

from duckgres_tx.errors import PgError
from duckgres_tx.session.control_plane import AcceptedConnection, AskAgain
from duckgres_tx.session.host import SessionHost
from duckgres_tx.session.relay import LEAVE, STOP_TIMEOUT_S, Boundaries, NearEnd, Relay
from duckgres_tx.session.settings import WorkerSettings
from duckgres_tx.wire.frontend import CopyData, CopyDone, Parse, Query, Sync
from duckgres_tx.wire.startup import StartupMessage

SLOW = "select count(*) from range(10000000000) t(i) where i % 7 = 3"
MESSAGES = [Query("select 1"), Parse("", "select $1", ()), Sync(), Query("x" * 300), Sync()]


def test_boundaries_are_found_however_the_bytes_come():
    """Headers in pieces, several messages at once, long ones in many parts."""
    stream = b"".join(message.encode() for message in MESSAGES)
    ends, position = {0}, 0
    for message in MESSAGES:
        position += len(message.encode())
        ends.add(position)
    pick = random.Random(5)
    for _ in range(200):
        boundaries, position = Boundaries(), 0
        while position < len(stream):
            length = pick.randint(1, pick.choice((2, 8, 400)))
            boundaries.passed(stream[position : position + length])
            position = min(position + length, len(stream))
            assert boundaries.between_messages == (position in ends), position


class FakeHost:
    """Where a relay takes its time from."""

    def __init__(self) -> None:
        self.reactor = Clock()


class FakeClient:
    """A client whose connection is only remembered."""

    def __init__(self) -> None:
        self.host, self.transport = FakeHost(), StringTransport()
        self.closing = self.aborted = self.is_finished = False

    def abort(self):
        self.aborted = True

    def finished(self):
        self.is_finished = True


class NearTransport(StringTransport):
    """Remembers half a hang-up."""

    half_closed = False

    def loseWriteConnection(self):
        self.half_closed = True


@pytest.fixture
def ends():
    """A client, a relay, and the transport towards the owner."""
    client = FakeClient()
    near_end = NearEnd(client)
    near_end.transport = NearTransport()
    return client, Relay(client, near_end), near_end.transport


def test_the_owner_is_asked_between_two_messages(ends):
    """Not in the middle of one, and once."""
    _, stage, near = ends
    query = Query("select 1").encode()
    stage.receive(query[:7])
    stage.leave(now=False)
    assert near.value() == query[:7]
    stage.receive(query[7:])
    stage.receive(query)
    stage.leave(now=False)

    assert near.value() == query + LEAVE + b"\0\0\0\x04" + query


def test_the_owner_of_a_quiet_session_is_asked_at_once(ends):
    """It may be silent for hours."""
    _, stage, near = ends
    stage.leave(now=False)

    assert near.value() == LEAVE + b"\0\0\0\x04"


def test_a_session_that_is_stopped_sends_nothing_more(ends):
    """The owner has the last word, for a while."""
    client, stage, near = ends
    stage.leave(now=True)
    stage.leave(now=True)
    stage.receive(Query("select 1").encode())
    assert near.half_closed
    assert near.value() == b""
    assert not client.aborted
    client.host.reactor.advance(STOP_TIMEOUT_S)

    assert client.aborted


def test_a_client_that_hangs_up_leaves_no_clock_behind(ends):
    """The owner sees the end, and nothing is waited for."""
    client, stage, near = ends
    stage.leave(now=True)
    stage.lost()

    assert near.disconnecting
    assert client.is_finished
    assert client.host.reactor.getDelayedCalls() == []


class TwoHosts(HostCase, TestCase):
    """`self.host` relays everything to `self.owner`."""

    timeout = 60

    def setUp(self):
        """Two hosts, two directories."""
        self.set_up_host()
        self.control_plane.elsewhere.add("postgres")
        self.control_plane.relay_connection = self._to_owner
        (self.host.databases._files.data_dir / "postgres.duckdb").touch()
        settings = WorkerSettings(data_dir=self.mktemp(), verifiers={"postgres": verifier("secret")})
        self.owners_control_plane = RememberingControlPlane()
        self.owner = SessionHost(reactor, settings, self.owners_control_plane)
        self.owner.start()
        self.failures = []

    async def _to_owner(self, fd, prefix, remote_host, remote_port):
        if self.failures:
            socket.socket(fileno=fd).close()
            raise self.failures.pop(0)
        self.owner.accept_connection(
            AcceptedConnection(fd, 1000 + len(self.clients), remote_host, remote_port, prefix, relayed=True)
        )

    def tearDown(self):
        """End them."""

        async def both():
            await self.tear_down_host()
            await self.owner.shutdown(10)
            assert self.owner.health().sessions == 0

        return Deferred.fromCoroutine(both())

    async def _until(self, condition):
        while not condition():
            await deferLater(reactor, 0.01)

    def run_coroutine(self, coroutine):
        """For trial."""
        return Deferred.fromCoroutine(coroutine)

    def test_an_idle_session_is_asked_by_way_of_its_owner(self):
        """It hears 57P01 from the owner, behind the answer to what it has sent."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            assert (await self.in_thread(client.ask, "select 1"))[1] == ("1",)
            left = self.run_coroutine(self.host.drain(10))
            assert await self.in_thread(client.until_end) == ["E:57P01"]
            client.close()
            assert await left == 0

        return self.run_coroutine(scenario())

    def test_a_relayed_transaction_may_end(self):
        """The relay doesn't know of it, the owner does; also what was sent ahead is answered."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            await self.in_thread(client.ask, "begin")
            left = self.run_coroutine(self.host.drain(10))

            def go_on():
                inside = client.ask("select 1")[1]
                client.send(Query("select 2"), Query("commit"))
                return inside, client.until_end()

            inside, rest = await self.in_thread(go_on)
            assert inside == ("1",)
            assert rest == ["T", ("2",), "SELECT 1", "Z:T", "COMMIT", "Z:I", "E:57P01"]
            client.close()
            assert await left == 0

        return self.run_coroutine(scenario())

    def test_a_copy_goes_on_to_its_end(self):
        """What the relay says to the owner comes between two lines of it."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            await self.in_thread(client.ask, "create table lines (line text)")
            await self.in_thread(client.send, Query("copy lines from stdin"))
            assert (await self.in_thread(client.read))[0] == b"G"
            await self.in_thread(client.send, CopyData(b"first\n"))
            left = self.run_coroutine(self.host.drain(10))

            def go_on():
                client.send(CopyData(b"second\n"), CopyDone())
                return client.until_end()

            assert await self.in_thread(go_on) == ["COPY 2", "Z:I", "E:57P01"]
            client.close()
            assert await left == 0

        return self.run_coroutine(scenario())

    def test_a_long_query_is_stopped_at_the_timeout(self):
        """And the client hears why, not a broken connection."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            await self.in_thread(client.send, Query(SLOW))
            await self._until(lambda: self.owner.health().running)
            left = self.run_coroutine(self.host.drain(0.3))
            assert await self.in_thread(client.until_end) == ["E:57P01"]
            client.close()
            assert await left == 0
            await self._until(lambda: not self.owner.health().sessions)

        return self.run_coroutine(scenario())

    def test_a_client_that_logs_in_while_asked_to_leave(self):
        """The owner remembers until there is a session."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.send, StartupMessage(3, 0, {"user": "postgres", "database": "postgres"}))
            await self._until(lambda: self.owner.health().sessions)
            left = self.run_coroutine(self.host.drain(10))

            def log_in():
                scram = client._authenticate(None, "postgres", "secret", client.read()[1])
                scram = client._authenticate(scram, "postgres", "secret", client.read()[1])
                client._authenticate(scram, "postgres", "secret", client.read()[1])
                return client.until_end()[-2:]

            assert await self.in_thread(log_in) == ["Z:I", "E:57P01"]
            client.close()
            assert await left == 0

        return self.run_coroutine(scenario())

    def test_a_client_that_hangs_up_stops_its_statement(self):
        """As if it had been connected to the owner."""
        client = self.client()

        async def scenario():
            await self.in_thread(client.login)
            await self.in_thread(client.send, Query(SLOW))
            await self._until(lambda: self.owner.health().running)
            client.close()
            await self._until(lambda: not self.owner.health().sessions)
            await self._until(lambda: not self.host.health().sessions)

        return self.run_coroutine(scenario())

    def test_a_pair_that_was_lost_is_replaced(self):
        """A control plane that dies in the middle costs its client nothing."""
        client = self.client()
        self.failures += [AskAgain(), AskAgain()]

        def talk():
            return client.login(), client.ask("select 1")[1]

        return self.in_thread(talk).addCallback(self.assertEqual, ("Z:I", ("1",)))

    def test_it_is_not_tried_for_ever(self):
        """The client hears that it may come again."""
        client = self.client()
        self.failures += [AskAgain()] * 3
        return self.in_thread(client.login).addCallback(self.assertEqual, "E:57P03")

    def test_an_owner_that_can_t_be_reached(self):
        """What the control plane says is what the client hears."""
        client = self.client()
        self.failures.append(PgError("57P03", "the worker that owns the database can't be reached"))
        return self.in_thread(client.login).addCallback(self.assertEqual, "E:57P03")

    def test_only_relays_ask(self):
        """To anybody else's session it is a message that there isn't."""
        client = self.client()
        self.control_plane.elsewhere.clear()
        (self.host.databases._files.data_dir / "postgres.duckdb").unlink()

        def talk():
            client.login()
            client.socket.sendall(LEAVE + b"\0\0\0\x04")
            return client.until_end()

        return self.in_thread(talk).addCallback(self.assertEqual, ["E:08P01"])
