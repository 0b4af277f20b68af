"""Whom a worker obeys, and what it tells who takes charge."""

from __future__ import annotations

import json
import os

import cattrs
import pytest
from attrs import define
from pairs import Pair, has_no_result, result_of
from test_link import FakeDesk, FakeHost
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duckgres_tx.handover import descriptors
from duckgres_tx.pool.commands import (
    Configure,
    Drain,
    Health,
    InvalidConfiguration,
    Shutdown,
    Superseded,
)
from duckgres_tx.pool.control_end import ControlEnd
from duckgres_tx.pool.employment import Employment
from duckgres_tx.pool.inventory import Inventory, InventorySession
from duckgres_tx.pool.worker import WorkerEnd, unpack_backend_pids
from duckgres_tx.release import running_release
from duckgres_tx.session.control_plane import AcceptedConnection
from duckgres_tx.session.settings import WorkerSettings


@define(eq=False)
class ControlPlane:
    """One control plane's link to the worker."""

    pair: Pair
    epoch: int
    desk: FakeDesk

    @property
    def end(self):
        """The worker's end."""
        return self.pair.right.protocol

    def ask(self, command, **arguments):
        """Ask, and carry everything over."""
        answer = self.pair.left.protocol.ask(command, **arguments)
        self.pair.carry()
        return answer

    def configure(self, slot=3, generation=2, **changes):
        """Take charge, or try to; returns the response and the inventory."""
        document = json.dumps(cattrs.unstructure(WorkerSettings(data_dir="/nowhere", **changes))).encode()
        with (
            descriptors.OwnedDescriptor(descriptors.memory_file(document, "configuration")) as file,
            descriptors.OwnedDescriptor(descriptors.memory_file(b"", "inventory")) as sheet,
        ):
            response = result_of(
                self.ask(
                    Configure,
                    configuration=file.fd,
                    inventory=sheet.fd,
                    slot=slot,
                    generation=generation,
                    epoch=self.epoch,
                )
            )
            return response, Inventory.from_json(descriptors.read_memory_file(sheet.fd, 1 << 20))

    def news(self):
        """What it was told since it was last asked."""
        self.pair.carry()
        told, self.desk.news = self.desk.news, []
        return told


class Bench:
    """A worker, and any number of control planes."""

    def __init__(self) -> None:
        self.host, self.finished = FakeHost(), []

        def make_host(settings, control):
            self.host.settings = settings
            return self.host

        self.employment = Employment(Clock(), make_host, lambda: self.finished.append(True))
        self.lost = []

    def connect(self, epoch, pid=None):
        """A control plane connects; a process of its own unless said otherwise."""
        desk = FakeDesk()
        end = WorkerEnd(self.employment, self.employment.control.lost)
        end.peer_pid = 100 + epoch if pid is None else pid
        return ControlPlane(Pair(ControlEnd(desk, object(), self.lost.append), end), epoch, desk)

    @property
    def control(self):
        """The way to the boss."""
        return self.employment.control


@pytest.fixture
def bench():
    """Nobody has connected."""
    return Bench()


@pytest.fixture
def both(bench):
    """A control plane that is in charge, and its successor, which isn't yet."""
    older, newer = bench.connect(1), bench.connect(2)
    older.configure()
    return older, newer


def test_the_first_one_makes_the_host(bench):
    """It learns whom it has hired, and that there is nothing yet."""
    response, inventory = bench.connect(7).configure()

    assert response == {"pid": os.getpid(), "stale": "", "takes_sessions": True}
    assert inventory == Inventory(pid=os.getpid(), slot=3, generation=2, epoch=7, release=running_release())


def test_whoever_takes_charge_learns_what_there_is(bench, both):
    """Sessions in every state, databases that are claimed; and from then on hears the news, the other doesn't."""
    older, newer = both
    control = bench.control
    control.begin(AcceptedConnection(-1, 11, "10.0.0.1"), older.end)
    control.begin(AcceptedConnection(-1, 12, "10.0.0.2", relayed=True), older.end)
    control.begin(AcceptedConnection(-1, 13), older.end)
    claim = Deferred.fromCoroutine(control.claim_database("mine"))
    older.pair.carry()
    assert result_of(claim) is True
    control.session_opened(11, "me", "mine")
    older.news()
    _, inventory = newer.configure()
    control.session_closed(13)

    assert inventory.epoch == 2
    assert inventory.databases == ("mine",)
    assert inventory.sessions == (
        InventorySession(backend_pid=11, remote_host="10.0.0.1", user="me", database="mine"),
        InventorySession(backend_pid=12, remote_host="10.0.0.2", admitted=False),
        InventorySession(backend_pid=13),
    )
    assert [item[0] for item in newer.news()] == ["session_closed"]
    assert older.news() == []


@pytest.mark.parametrize("epoch", [0, 1])
def test_a_lower_or_equal_epoch_of_another_is_superseded(both, bench, epoch):
    """Two that start at once may have the same number: the first one has it."""
    rival = bench.connect(epoch, pid=4711)
    with pytest.raises(Superseded, match="epoch 1"):
        rival.configure()

    assert bench.control.boss is both[0].end


def test_the_superseded_command_nothing(both):
    """But what they have begun goes on: they may ask, hand over and cancel."""
    older, newer = both
    newer.configure()

    drains = [(Drain, {"grace_s": 0.0, "database": name}) for name in ("", "x")]
    for command, arguments in (*drains, (Shutdown, {})):
        with pytest.raises(Superseded, match="epoch 2"):
            result_of(older.ask(command, timeout_s=1.0, **arguments))
    with pytest.raises(Superseded):
        older.configure()
    assert result_of(older.ask(Health))["epoch"] == 2
    assert older.pair.left.connected


def test_one_that_only_looks_commands_nothing(both, bench):
    """Its epoch is higher, but it has not taken charge."""
    _, newer = both
    with pytest.raises(Superseded):
        result_of(newer.ask(Drain, timeout_s=1.0, grace_s=0.0, database=""))

    assert not bench.employment.draining


def test_it_can_be_taken_back(both):
    """With a higher epoch than the one that has failed."""
    older, newer = both
    newer.configure()
    older.epoch = 3
    response, inventory = older.configure()

    assert (response["stale"], inventory.epoch) == ("", 3)
    with pytest.raises(Superseded):
        newer.configure()


def test_a_link_that_broke_is_made_anew(bench):
    """By the same process with the same epoch: it is the boss again, and nobody else is."""
    boss = bench.connect(1, pid=100)
    boss.configure()
    boss.pair.left.lose()
    assert bench.control.boss is None

    again, rival = bench.connect(1, pid=100), bench.connect(1, pid=101)
    with pytest.raises(Superseded):
        rival.configure()
    again.configure()
    assert bench.control.boss is again.end


def test_an_unknown_process_is_nobody_s_successor(bench):
    """0 is no pid: in another namespace than ours everybody would have it."""
    bench.connect(1, pid=0).configure()
    with pytest.raises(Superseded):
        bench.connect(1, pid=0).configure()


def test_the_boss_changes_settings(both, bench):
    """What the worker can't take is named, in the order of the settings."""
    older, _ = both
    bench.host.stale = ("extensions", "time_zone")
    response, inventory = older.configure(idle_timeout_s=5.0)

    assert response["stale"] == "extensions,time_zone"
    assert inventory.epoch == 1
    assert bench.host.settings.idle_timeout_s == 5.0
    assert bench.control.boss is older.end


def test_settings_that_can_t_be_used_change_nothing(both, bench):
    """Whoever was in charge still is."""
    older, newer = both
    bench.host.failure = ValueError("not a\ncertificate")
    with pytest.raises(InvalidConfiguration, match=r"^not a certificate$"):
        newer.configure()

    assert bench.control.boss is older.end
    assert bench.employment.epoch == 1


@pytest.mark.parametrize("other", [{"slot": 4}, {"generation": 3}])
def test_a_worker_doesn_t_change_its_number(both, bench, other):
    """Backend pids and the log have it."""
    with pytest.raises(InvalidConfiguration, match="worker 3 of generation 2"):
        both[1].configure(**other)

    assert bench.control.boss is both[0].end


def test_health_of_a_worker_that_is_not_configured(bench):
    """Whoever finds it learns which process and which code it is."""
    health = result_of(bench.connect(1).ask(Health))

    assert (health["configured"], health["pid"], health["release"]) == (False, os.getpid(), running_release())
    assert (health["slot"], health["generation"], health["epoch"], health["sessions"]) == (0, 0, 0, 0)


def test_health_names_number_generation_and_epoch(both):
    """To anybody who asks."""
    health = result_of(both[1].ask(Health))

    assert (health["configured"], health["slot"], health["generation"], health["epoch"]) == (True, 3, 2, 1)
    assert unpack_backend_pids(health["backend_pids"]) == []


def test_a_drain_says_how_long_idle_sessions_may_stay(both, bench):
    """And is seen by whoever takes charge meanwhile, whose news the sessions' ends are."""
    older, newer = both
    draining = older.ask(Drain, timeout_s=60.0, grace_s=5.0, database="")
    _, inventory = newer.configure()
    assert bench.host.drains == [(60.0, "", 5.0)]
    assert inventory.draining
    assert has_no_result(draining)

    bench.host.drained.callback(2)
    older.pair.carry()
    assert result_of(draining) == {"sessions": 2}


def test_the_end_is_in_the_inventory(both, bench):
    """A worker that ends takes no sessions, so whoever comes then is told that it drains."""
    older, newer = both
    result_of(older.ask(Shutdown, timeout_s=1.0))
    _, inventory = newer.configure()

    assert inventory.draining
    assert bench.finished == [True]
