"""The link between control plane and worker survives mistakes, and leaks no descriptor."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

import cattrs
import pytest
from attrs import define, field
from pairs import Pair, has_no_result, result_of
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher

from duckgres_tx.errors import PgError
from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    AcceptConnection,
    CancelQuery,
    Configure,
    DescriptorMismatch,
    Drain,
    Draining,
    Health,
    InvalidConfiguration,
    NoOwner,
    NotConfigured,
    SessionClosed,
    Shutdown,
    WorkerFault,
)
from duckgres_tx.pool.control_end import ControlEnd
from duckgres_tx.pool.counts import Session
from duckgres_tx.pool.link import LinkLost
from duckgres_tx.pool.worker import Employment, WorkerEnd, unpack_backend_pids
from duckgres_tx.session.control_plane import Health as HostHealth
from duckgres_tx.session.settings import WorkerSettings


@define(eq=False)
class FakeHost:
    """Remembers what it got; `failure` is raised by whatever it is asked for."""

    settings: Any = None
    control_plane: Any = None
    accepted: list = field(factory=list)
    failure: Exception | None = None
    stale: tuple = ()
    drains: list = field(factory=list)
    drained: Deferred = field(factory=Deferred)
    endings: int = 0

    @property
    def ended(self):
        return self.endings > 0

    def start(self):
        if self.failure:
            raise self.failure

    def accept_connection(self, connection):
        self.accepted.append(connection)
        if self.failure:
            os.close(connection.fd)
            raise self.failure

    def reload(self, settings):
        if self.failure:
            raise self.failure
        self.settings = settings
        return self.stale

    def signal(self, backend_pid, order):
        return (backend_pid, order) == (7, "terminate")

    def cancel_query(self, backend_pid, secret_key):
        if self.failure:
            raise self.failure
        return (backend_pid, secret_key) == (7, b"key!")

    async def drain(self, timeout_s, database="", grace_s=0.0, moves=False):
        self.drains.append((timeout_s, database, grace_s))
        return await self.drained

    def health(self):
        return HostHealth(2, ("a", "b"), 1, 1000)

    async def shutdown(self, timeout_s):
        self.endings += 1


@define(eq=False)
class FakeDesk:
    """Remembers the news."""

    news: list = field(factory=list)
    failure: Exception | None = None
    others: list = field(factory=list)

    async def claim_database(self, worker, name):
        self.news.append(("claim", name))
        return name == "mine"

    async def relay_connection(self, worker, fd, prefix, remote_host, remote_port):
        os.close(fd)
        if self.failure:
            raise self.failure
        self.news.append(("relay", prefix, remote_host, remote_port))

    async def release_database(self, worker, name):
        return 3

    def sessions_of_others(self, worker):
        return self.others

    async def signal(self, backend_pid, order):
        self.news.append(("signal", backend_pid, order))

    def __getattr__(self, name):
        return lambda *arguments: self.news.append((name, *arguments[-2:]))


@define(eq=False)
class Ends:
    """Both ends, and what is behind them."""

    host: FakeHost
    employment: Employment
    desk: FakeDesk
    control: ControlEnd
    worker: WorkerEnd
    pair: Pair
    lost: list

    def ask(self, command, **arguments):
        """Ask the worker, carry, return the Deferred."""
        answer = self.control.ask(command, **arguments)
        self.pair.carry()
        return answer

    def configure(self, **changes):
        """Configure the worker."""
        settings = WorkerSettings(data_dir="/nowhere", **changes)
        document = json.dumps(cattrs.unstructure(settings)).encode()
        with (
            descriptors.OwnedDescriptor(descriptors.memory_file(document, "configuration")) as file,
            descriptors.OwnedDescriptor(descriptors.memory_file(b"", "inventory")) as sheet,
        ):
            numbers = {"slot": 3, "generation": 1, "epoch": 1}
            return result_of(self.ask(Configure, configuration=file.fd, inventory=sheet.fd, **numbers))

    def accept(self, fd, **changes):
        """Hand a descriptor over."""
        arguments = {
            "socket": fd,
            "socket_inode": descriptors.inode_of(fd),
            "backend_pid": 7,
            "remote_host": "10.0.0.1",
            "remote_port": 1234,
            "prefix": b"\0\0\0\x08",
            "refusal": None,
            "relayed": False,
        }
        return self.ask(AcceptConnection, **{**arguments, **changes})


@pytest.fixture
def logged():
    """Failures that were logged meanwhile."""
    events = []

    def observe(event):
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


@pytest.fixture
def ends():
    """A control plane and a worker that is not configured yet."""
    host, desk, lost = FakeHost(), FakeDesk(), []

    def make_host(settings, control_plane):
        host.settings, host.control_plane = settings, control_plane
        return host

    employment = Employment(Clock(), make_host, lambda: lost.append("finished"))
    worker = WorkerEnd(employment, lost.append)
    control = ControlEnd(desk, object(), lost.append)
    pair = Pair(control, worker)
    employment.control.obey(worker)
    return Ends(host, employment, desk, control, worker, pair, lost)


@pytest.fixture
def client():
    """A socket to hand over, whose descriptors must not leak."""
    ours, theirs = socket.socketpair()
    before = set(os.listdir("/proc/self/fd"))
    yield ours
    assert set(os.listdir("/proc/self/fd")) == before
    ours.close()
    theirs.close()


def test_configure_makes_the_host(ends):
    """The settings arrive whole, secrets and all."""
    answer = ends.configure(verifiers={"postgres": "SCRAM…" * 20_000}, extensions=("a", "b"))

    assert answer == {"pid": os.getpid(), "stale": "", "takes_sessions": True}
    assert ends.host.settings.verifiers == {"postgres": "SCRAM…" * 20_000}
    assert ends.host.settings.extensions == ("a", "b")
    assert ends.employment.slot == 3


def test_a_configuration_that_fails_says_why_on_one_line(ends, logged):
    """The operator sees the reason, not a closed link."""
    ends.host.failure = ValueError("no such\n  directory")

    with pytest.raises(InvalidConfiguration, match=r"^no such directory$"):
        ends.configure()

    assert ends.control.is_up
    assert not ends.employment.is_configured
    assert len(logged) == 1


def test_a_connection_reaches_the_host_with_its_address(ends, client):
    """Socket, pid, address and the bytes that were read come together."""
    ends.configure()
    result_of(ends.accept(client.fileno(), prefix=b"startup", relayed=True))

    (connection,) = ends.host.accepted
    assert (connection.backend_pid, connection.remote_host, connection.remote_port) == (7, "10.0.0.1", 1234)
    assert (connection.prefix, connection.refusal, connection.relayed) == (b"startup", None, True)
    assert descriptors.inode_of(connection.fd) == descriptors.inode_of(client.fileno())
    os.close(connection.fd)


def test_a_pid_is_given_once(ends, client, logged):
    """Two control planes that gave the same one would have a client cancel another's query."""
    ends.configure()
    result_of(ends.accept(client.fileno()))
    with pytest.raises(WorkerFault, match="a session 7 already"):
        result_of(ends.accept(client.fileno()))

    (connection,) = ends.host.accepted
    os.close(connection.fd)
    assert len(logged) == 1


def test_a_refusal_arrives_whole(ends, client):
    """The worker can say to the client exactly what the control plane wants said."""
    ends.configure()
    result_of(ends.accept(client.fileno(), refusal=PgError("53300", "too many", "detail", "hint")))

    refusal = ends.host.accepted[0].refusal
    assert (refusal.sqlstate, refusal.message, refusal.detail, refusal.hint) == ("53300", "too many", "detail", "hint")
    os.close(ends.host.accepted[0].fd)


def test_a_worker_without_configuration_touches_nothing(ends, client):
    """Its copy is closed, and the control plane may send the client elsewhere."""
    with pytest.raises(NotConfigured):
        result_of(ends.accept(client.fileno()))


def test_a_draining_worker_touches_nothing_but_says_refusals(ends, client):
    """A client that is only to be told why not is taken all the same."""
    ends.configure()
    draining = ends.ask(Drain, timeout_s=1.0, grace_s=0.0, database="")
    with pytest.raises(Draining):
        result_of(ends.accept(client.fileno()))

    result_of(ends.accept(client.fileno(), refusal=PgError("57P03", "no")))
    ends.host.drained.callback(4)
    ends.pair.carry()

    assert result_of(draining) == {"sessions": 4}
    os.close(ends.host.accepted[0].fd)


def test_draining_one_database_lets_others_come(ends, client):
    """Only a drain of the whole worker closes its door."""
    ends.configure()
    ends.host.drained.callback(0)

    assert result_of(ends.ask(Drain, timeout_s=1.0, grace_s=0.0, database="old")) == {"sessions": 0}
    result_of(ends.accept(client.fileno()))
    os.close(ends.host.accepted[0].fd)


def test_an_unforeseen_failure_leaves_the_link_up(ends, client, logged):
    """AMP would close the link, and orphan every session of the worker."""
    ends.configure()
    ends.host.failure = RuntimeError("a bug")

    with pytest.raises(WorkerFault):
        result_of(ends.accept(client.fileno()))
    with pytest.raises(WorkerFault):
        result_of(ends.ask(CancelQuery, backend_pid=7, secret_key=b"key!"))

    assert ends.control.is_up
    assert len(logged) == 2
    ends.host.failure = None
    assert result_of(ends.ask(CancelQuery, backend_pid=7, secret_key=b"key!")) == {"found": True}


def test_a_mixed_up_descriptor_is_never_served(ends, client):
    """When the kernel has dropped a descriptor, the next would be taken for it: the link ends before a client is mixed up."""
    ends.configure()
    other, peer = socket.socketpair()
    with other, peer:
        answer = ends.accept(client.fileno(), socket_inode=descriptors.inode_of(other.fileno()))
        with pytest.raises((DescriptorMismatch, LinkLost)):
            result_of(answer)

        assert ends.host.accepted == []
        assert not ends.control.is_up
        client.fileno()


def test_descriptors_that_no_command_claims_are_closed_with_the_link(ends, client):
    """A link that breaks between a descriptor and its command leaks nothing."""
    ends.pair.right.protocol.fileDescriptorReceived(os.dup(client.fileno()))

    ends.pair.left.lose()

    assert ends.lost == [ends.control, ends.worker]


def test_commands_in_flight_fail_when_the_link_is_lost(ends):
    """Nobody waits for an answer that can't come, and nobody can ask any more."""
    ends.configure()
    answer = ends.control.ask(Health)
    ends.pair.left.lose()

    with pytest.raises(LinkLost):
        result_of(answer)
    with pytest.raises(LinkLost):
        result_of(ends.control.ask(Health))
    assert not ends.control.tell(SessionClosed, backend_pid=1)


def test_health_names_every_session(ends, client):
    """A new control plane learns from it which sessions there are."""
    ends.configure()
    result_of(ends.accept(client.fileno(), backend_pid=3 << 20 | 1))
    os.close(ends.host.accepted[0].fd)

    answer = result_of(ends.ask(Health))

    assert unpack_backend_pids(answer["backend_pids"]) == [3 << 20 | 1]
    assert (answer["sessions"], answer["running"], json.loads(answer["databases"])) == (2, 1, ["a", "b"])


def test_shutdown_ends_the_host_then_the_process(ends):
    """In that order, and the control plane hears of it."""
    ends.configure()

    assert result_of(ends.ask(Shutdown, timeout_s=1.0)) == {}
    assert ends.host.ended
    assert ends.lost == ["finished"]


def test_news_reach_the_desk(ends):
    """What happens to sessions is told, each thing once."""
    control = ends.employment.control
    control.session_opened(7, "me", "sales")
    control.login_failed("10.0.0.1")
    control.login_succeeded("10.0.0.2")
    control.cancel_elsewhere(9, b"key!")
    control.database_closed("sales")
    control.session_closed(7)
    ends.pair.carry()

    names = [item[0] for item in ends.desk.news]
    assert names == [
        "session_opened",
        "login_failed",
        "login_succeeded",
        "cancel_elsewhere",
        "database_closed",
        "session_closed",
    ]
    assert ends.control.is_up


def test_sessions_of_other_workers_are_listed_and_told_to_stop(ends):
    """By way of the control plane."""
    control = ends.employment.control
    ends.desk.others = [
        Session(7, None, "", True, "me"),
        Session(8, None, "", True, "me"),
        Session(9, None, "", True, "you"),
    ]

    listing = Deferred.fromCoroutine(control.sessions_elsewhere())
    control.signal_elsewhere(9, "terminate")
    ends.pair.carry()

    assert result_of(listing) == {7: "me", 8: "me", 9: "you"}
    assert ends.desk.news == [("signal", 9, "terminate")]


def test_a_listing_holds_what_fits(ends):
    """AMP's values are bounded; a control plane that is gone knows of nobody."""
    ends.desk.others = [Session(number, None, "", True, f"user {number % 100}") for number in range(20000)]

    listing = Deferred.fromCoroutine(ends.employment.control.sessions_elsewhere())
    ends.pair.carry()

    assert 4000 < len(result_of(listing)) < 20000


def test_an_order_stops_a_session_without_its_key(ends):
    """It comes from the control plane, which is asked by a worker."""
    ends.configure()

    assert result_of(ends.ask(CancelQuery, backend_pid=7, secret_key=b"", order="terminate")) == {"found": True}
    assert result_of(ends.ask(CancelQuery, backend_pid=8, secret_key=b"", order="terminate")) == {"found": False}


def test_a_claim_is_asked_once(ends):
    """What a worker owns it may open again without asking; what it doesn't, it asks for every time."""
    control = ends.employment.control
    for name in ("mine", "theirs", "theirs"):
        claim = Deferred.fromCoroutine(control.claim_database(name))
        ends.pair.carry()
        assert result_of(claim) is (name == "mine")
    assert result_of(Deferred.fromCoroutine(control.claim_database("mine"))) is True

    assert ends.desk.news == [("claim", "mine"), ("claim", "theirs"), ("claim", "theirs")]


def test_a_relayed_session_is_handed_up(ends):
    """The control plane gets one end of the pair; the worker keeps nothing of it."""
    ours, theirs = socket.socketpair()
    with ours:
        before = len(os.listdir("/proc/self/fd"))
        relay = Deferred.fromCoroutine(
            ends.employment.control.relay_connection(theirs.detach(), b"startup", "10.0.0.1", 5)
        )
        assert has_no_result(relay)
        ends.pair.carry()

        assert result_of(relay) is None
        assert ends.desk.news == [("relay", b"startup", "10.0.0.1", 5)]
        assert len(os.listdir("/proc/self/fd")) == before - 1


@pytest.mark.parametrize("failure", [NoOwner("nobody"), RuntimeError("a bug")])
def test_a_relay_that_fails_is_57p03(ends, failure, logged):
    """The client hears that it can't connect now, and no descriptor is left."""
    ends.desk.failure = failure
    ours, theirs = socket.socketpair()
    with ours:
        before = len(os.listdir("/proc/self/fd"))
        relay = Deferred.fromCoroutine(ends.employment.control.relay_connection(theirs.detach(), b"", "", 0))
        ends.pair.carry()

        with pytest.raises(PgError) as caught:
            result_of(relay)
        assert caught.value.sqlstate == "57P03"
        assert len(os.listdir("/proc/self/fd")) == before - 1
