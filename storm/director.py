"""Carries a plan out: starts the server and the clients, takes over and rolls at their times, and writes down what it sees."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import define, evolve, field

from storm import journal, ledger, load
from storm.fleet import ControlPlane, Fleet, FleetError, tail
from storm.parts import Abilities
from storm.plan import Plan
from storm.record import Kind, Record, Window

TICK_S = 0.02
SAMPLE_S = 1.0
READY_DEADLINE_S = 30.0
# the standby, and the five seconds that it may take to finish what is in flight
GONE_DEADLINE_S = 10.0
STOP_DEADLINE_S = 60.0
# what load may take to end by itself after its time
LOAD_GRACE_S = 150.0
DRAIN_TIMEOUT_S = 30
DRAIN_GRACE_S = 2
ENVIRONMENT = {
    # everybody comes from one address
    "DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS": "0",
    "DUCKGRES_RATE_LIMIT_MAX_CONNECTIONS_PER_IP": "0",
    # one thread for each database leaves the processors to the clients
    "DUCKGRES_THREADS": "2",
    "DUCKGRES_MEMORY_LIMIT": "2GB",
    "DUCKGRES_DRAIN_TIMEOUT": f"{DRAIN_TIMEOUT_S}s",
    "DUCKGRES_DRAIN_GRACE": f"{DRAIN_GRACE_S}s",
}

Say = Callable[[str], None]


@define(eq=False)
class Director:
    """One run."""

    plan: Plan
    say: Say
    record: Record = field(init=False)
    fleet: Fleet = field(init=False)
    _newcomer: ControlPlane | None = None
    _roll_began: float = 0.0
    _roll_logs: dict[int, int] = field(factory=dict)
    _next_takeover: float = 0.0
    _next_roll: float = 0.0
    _next_sample: float = 0.0
    _workers: list[int] = field(factory=list)

    def run(self) -> Record:
        """Do it all; returns what was seen.

        Raises:
            FleetError: The server did not start.
        """
        self.record = Record(self.plan)
        environment = {**ENVIRONMENT, "DUCKGRES_TAKEOVER_STANDBY": f"{self.plan.standby_s}s"}
        self.fleet = Fleet(self.plan.workers, environment)
        with self.fleet:
            first = self._job(0.0, "sessions")
            abilities = asyncio.run(load.prepare(first.endpoint(), self.plan.load.databases))
            self.record.abilities = str(abilities)
            try:
                self._quiet("before")
                self._storm(abilities)
                self._quiet("after")
                self._check_ledger(first)
            except FleetError as error:
                self.record.faults.append(str(error))
            self._stop()
        return self.record

    # ---- without load

    def _quiet(self, when: str) -> None:
        """Takeovers with nobody there, to see what is held then."""
        for number in range(1, self.plan.quiet_takeovers + 1):
            self.say(f"{when} the storm: takeover {number}")
            incumbent, newcomer = self.fleet.serving, self.fleet.launch(daemon=False)
            self.fleet.wait_until_ready(newcomer, READY_DEADLINE_S)
            self.fleet.wait_until_gone(incumbent, GONE_DEADLINE_S)
            self._judge_incumbent(incumbent, newcomer)
            self.record.quiet.add(f"control plane {newcomer.number}", newcomer.pid)
            for pid in self.fleet.workers_alive():
                self.record.quiet.add(f"worker {pid} after {number} {when}", pid)

    # ---- with load

    def _storm(self, abilities: Abilities) -> None:
        began = time.monotonic()
        until = began + self.plan.duration_s
        self._next_takeover = began + self.plan.settle_s if self.plan.takeover_every_s else until
        self._next_roll = began + self.plan.settle_s * 2 if self.plan.roll_every_s else until
        jobs = [evolve(self._job(until, part), abilities=abilities) for part in ("connects", "sessions")]
        clients = [load.start(job) for job in jobs]
        try:
            while time.monotonic() < until + LOAD_GRACE_S and any(client.poll() is None for client in clients):
                self._tick(until)
                time.sleep(TICK_S)
            # what was begun is seen to its end
            while self._newcomer is not None or self._roll_began:
                self._tick(until)
                time.sleep(TICK_S)
        finally:
            self.record.faults += [
                fault for job, client in zip(jobs, clients, strict=True) for fault in _end(job, client)
            ]
            for job in jobs:
                self.record.events += journal.read(job.journal) if job.journal.exists() else []

    def _tick(self, until: float) -> None:
        now = time.monotonic()
        for control_plane in self.fleet.all:
            self._watch_end(control_plane, now)
        self._advance_takeover(now)
        self._advance_roll(now)
        if now >= self._next_takeover and now < until and self._newcomer is None:
            self._next_takeover = now + self.plan.takeover_every_s
            self._newcomer = self.fleet.launch(daemon=len(self.fleet.all) % 2 == 0)
            self.say(f"{now - until + self.plan.duration_s:6.1f} s: takeover {self._newcomer.number}")
        if now >= self._next_roll and now < until - self.plan.settle_s and not self._roll_began:
            self._next_roll = now + self.plan.roll_every_s
            self._begin_roll(now)
        if now >= self._next_sample:
            self._next_sample = now + SAMPLE_S
            self._sample()

    def _watch_end(self, control_plane: ControlPlane, now: float) -> None:
        if control_plane.gone_at or not control_plane.pid or control_plane is self._newcomer:
            return
        control_plane.look()
        if control_plane is self.fleet.serving:
            if control_plane.gone_at:
                raise FleetError(
                    f"control plane {control_plane.number} has ended by itself: {tail(control_plane.words())}"
                )
            return
        successor = next(other for other in self.fleet.all if other.ready_at > control_plane.ready_at)
        if control_plane.gone_at:
            self._judge_incumbent(control_plane, successor)
        elif now > successor.ready_at + GONE_DEADLINE_S:
            self.record.faults.append(
                f"control plane {control_plane.number} was still there {GONE_DEADLINE_S:.0f} s after it was succeeded"
            )
            control_plane.forget()
            control_plane.gone_at = now

    def _judge_incumbent(self, incumbent: ControlPlane, successor: ControlPlane) -> None:
        self.record.standby_s.append(max(0.0, incumbent.gone_at - successor.ready_at))
        if incumbent.status not in {None, 0}:
            self.record.faults.append(
                f"control plane {incumbent.number} was succeeded and ended with status {incumbent.status}"
            )
        if self.fleet.named_by_pidfile() != self.fleet.serving.pid:
            self.record.faults.append(
                f"the pidfile names {self.fleet.named_by_pidfile()}, and {self.fleet.serving.pid} serves"
            )

    def _advance_takeover(self, now: float) -> None:
        newcomer = self._newcomer
        if newcomer is None:
            return
        try:
            ready = self.fleet.is_ready(newcomer)
        except FleetError as error:
            self.record.faults.append(f"a takeover failed: {error}")
            newcomer.forget()
            newcomer.gone_at = now
            self._newcomer = None
            return
        if ready:
            self.record.windows.append(Window(Kind.TAKEOVER, newcomer.launched_at, newcomer.ready_at))
            self._newcomer = None
        elif now > newcomer.launched_at + READY_DEADLINE_S:
            raise FleetError(f"a newcomer was not ready within {READY_DEADLINE_S:.0f} s: {tail(newcomer.words())}")

    def _begin_roll(self, now: float) -> None:
        self.say(f"roll of the workers {self.fleet.workers_alive()}")
        self._roll_began = now
        self._roll_logs = {plane.number: len(plane.words()) for plane in self.fleet.all}
        self.fleet.serving.send(signal.SIGUSR2)

    def _advance_roll(self, now: float) -> None:
        if not self._roll_began:
            return
        if any("roll: done" in words for words in self._said_since_roll()):
            self.say(f"rolled in {now - self._roll_began:.1f} s")
            self.record.windows.append(Window(Kind.ROLL, self._roll_began, now + 2 * TICK_S))
            self._roll_began = 0.0
            return
        limit_s = self.plan.workers * (DRAIN_TIMEOUT_S + DRAIN_GRACE_S + 10)
        if now > self._roll_began + limit_s:
            self.record.faults.append(f"a roll was not done within {limit_s} s: {tail(self.fleet.serving.words())}")
            self.record.windows.append(Window(Kind.ROLL, self._roll_began, now))
            self._roll_began = 0.0

    def _said_since_roll(self) -> Iterator[str]:
        for plane in self.fleet.all:
            if not plane.gone_at or plane.gone_at >= self._roll_began:
                yield plane.words()[self._roll_logs.get(plane.number, 0) :]

    def _sample(self) -> None:
        serving = self.fleet.serving
        if time.monotonic() > serving.ready_at + SAMPLE_S:
            self.record.samples.add(f"control plane {serving.number}", serving.pid)

    def _job(self, until: float, name: str) -> load.Job:
        fleet = self.fleet
        return load.Job(
            part=name,
            host=fleet.parameters["host"],
            port=fleet.port,
            user=fleet.parameters["user"],
            password=fleet.password,
            load=self.plan.load,
            until=until,
            seed=self.plan.seed,
            journal=Path(fleet.root / f"journal-{name}"),
        )

    # ---- afterwards

    def _check_ledger(self, job: load.Job) -> None:
        book = ledger.Ledger.of(self.record.events)
        self.record.commits = book.acknowledged
        there = asyncio.run(ledger.found(job.endpoint(), self.plan.load.databases))
        self.record.faults += book.differences(there)

    def _stop(self) -> None:
        """The end of the server is part of what is proved."""
        serving, faults = self.fleet.serving, self.record.faults
        workers = self.fleet.workers_alive()
        if len(workers) != self.plan.workers:
            faults.append(f"{len(workers)} workers are there at the end, not {self.plan.workers}")
        for plane in self.fleet.all:
            plane.look()
        planes = [plane.number for plane in self.fleet.all if plane.pid and not plane.gone_at]
        if planes != [serving.number]:
            faults.append(f"the control planes {planes} are there at the end, not {serving.number} alone")
            return
        serving.send(signal.SIGTERM)
        try:
            self.fleet.wait_until_gone(serving, STOP_DEADLINE_S)
        except FleetError as error:
            faults.append(str(error))
        if serving.status not in {None, 0}:
            faults.append(f"the last control plane ended with status {serving.status}")
        faults += [f"process {pid} was left" for pid in self.fleet.processes()]
        faults += [
            f"{path} was left" for path in self.fleet.root.rglob("*") if path.is_socket() or path == self.fleet.pidfile
        ]


def _end(job: load.Job, client: subprocess.Popen[str]) -> Iterator[str]:
    """See a process of clients to its end; what went wrong with it."""
    if client.poll() is None:
        client.kill()
        yield f"the clients ({job.part}) did not end in time"
    if status := client.wait(10):
        yield f"the clients ({job.part}) ended with status {status}"
