"""What the storm holds against the server, and what it doesn't."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from storm.judgement import Classes, Latencies, allowed_s, violations
from storm.plan import Load, Plan
from storm.record import Kind, Record, Window
from storm.report import lines
from storm.samples import Sample

PLAN = Plan(duration_s=10, takeover_every_s=5, load=Load(connects_per_s=1))
TAKEOVERS = [Window(Kind.TAKEOVER, 2.0, 3.0), Window(Kind.TAKEOVER, 7.0, 8.0)]
ROLL = Window(Kind.ROLL, 4.0, 6.0)


def connect(at: float, seconds: float = 0.01, **changes: Any) -> dict[str, Any]:
    """One connect that ended at that moment."""
    event = {"kind": "connect", "client": "connects", "at": at, "began": at - seconds, "seconds": seconds, "tls": False}
    return {**event, "how": "ok", "text": "", "full": True, **changes}


def ended(at: float, **changes: Any) -> dict[str, Any]:
    """An idle session that was ended by 57P01 at that moment."""
    event = {"kind": "ended", "client": "holder", "at": at, "how": "57P01", "text": "57P01: bye", "status": "I"}
    return {**event, "answered": False, "waited_s": 0.0, "doing": "idle", "may_end": True, **changes}


def lasted(began: float, at: float, **changes: Any) -> dict[str, Any]:
    """A session that its client has closed at that moment."""
    return {"kind": "lasted", "client": "holder", "began": began, "at": at, "may_end": False, **changes}


def cancel(how: str = "ok") -> dict[str, Any]:
    """One cancel."""
    event = {"kind": "cancel", "client": "canceller", "at": 1.0, "sent": 1.0, "seconds": 0.1, "how": how, "tls": False}
    return {**event, "statement": "select"}


@pytest.fixture
def record() -> Record:
    """A run in which nothing went wrong."""
    events = [connect(float(second)) for second in range(10)]
    events += [{"kind": kind, "client": "holder", "at": 1.0} for kind in ("checked", "committed")]
    return Record(PLAN, windows=[*TAKEOVERS, ROLL], events=[*events, cancel(), lasted(1.0, 9.0)])


def test_a_good_run_has_no_violations(record: Record) -> None:
    """And its report says so."""
    assert violations(record) == []
    assert list(lines(record, []))[-1] == "no violations"


@pytest.mark.parametrize("how", ["refused", "reset", "closed", "silent", "57P03", "53300", "57P01"])
def test_every_failed_connect_counts(record: Record, how: str) -> None:
    """Whatever it was told; here outside of any roll."""
    record.events.append(connect(2.5, how=how, text="sorry"))

    (told,) = violations(record)

    assert told.startswith("1 connects failed: connects: plain")
    assert "in takeover" in told


def test_a_roll_may_end_who_has_just_logged_in(record: Record) -> None:
    """It was a session then; but nobody may be refused by a roll."""
    record.events.append(connect(5.0, how="57P01", tls=True))
    assert violations(record) == []

    record.events.append(connect(5.0, how="57P03", tls=True))
    assert violations(record)[0].startswith("1 connects failed")


def test_a_roll_may_end_nobody_who_could_go_on_elsewhere(record: Record) -> None:
    """Whether it has been there for long or has just come."""
    record.events += [ended(5.0, may_end=False), connect(5.0, how="57P01")]

    told = violations(record)

    assert [line.partition(":")[0] for line in told] == ["1 connects failed", "1 sessions ended"]


def test_a_roll_in_which_nobody_has_moved_proves_nothing(record: Record) -> None:
    """Who came later, or has something that can't go along, is no proof."""
    record.events = [event for event in record.events if event["kind"] != "lasted"]
    record.events += [lasted(5.0, 9.0), lasted(1.0, 5.0), lasted(1.0, 9.0, may_end=True)]

    assert violations(record) == ["not one session went from one worker to another"]


def test_a_roll_may_end_idle_sessions(record: Record) -> None:
    """Also one whose next statement crossed with the message."""
    record.events += [ended(5.0), ended(5.0, waited_s=0.2)]

    assert violations(record) == []


@pytest.mark.parametrize(
    ("at", "changes"),
    [
        (2.5, {}),
        (9.0, {}),
        (5.0, {"status": "T"}),
        (5.0, {"waited_s": 3.0}),
        (5.0, {"answered": True, "waited_s": 0.1}),
        (5.0, {"how": "closed"}),
        (5.0, {"how": "reset"}),
        (5.0, {"how": "57P03"}),
    ],
)
def test_no_other_end_of_a_session_is_right(record: Record, at: float, changes: dict[str, Any]) -> None:
    """Not by a takeover, not in a transaction, not in the middle of a statement, and not without 57P01."""
    record.events.append(ended(at, **changes))

    (told,) = violations(record)

    assert told.startswith("1 sessions ended: holder: idle")


def test_wrong_answers_and_failed_statements_count(record: Record) -> None:
    """Each kind on a line of its own, with the first few cases."""
    record.events += [{"kind": "wrong", "client": "holder", "at": 1.0, "text": f"{i} is not 5"} for i in range(7)]
    record.events.append({"kind": "failed", "client": "writer", "at": 1.0, "text": "oh", "doing": "insert"})

    told = violations(record)

    assert told[0] == "1 statements failed: writer: insert: oh"
    assert told[1].startswith("7 answers were wrong: holder: 0 is not 5; ")
    assert told[1].endswith("4 is not 5 …")


@pytest.mark.parametrize("how", ["lost", "not cancelled", "42601"])
def test_a_cancel_that_does_not_reach_its_query_counts(record: Record, how: str) -> None:
    """The end of a session by a roll is judged elsewhere."""
    record.events.append(cancel("57P01"))
    assert violations(record) == []

    record.events.append(cancel(how))
    assert len(violations(record)) == 1


def test_connects_are_sorted_by_what_they_met(record: Record) -> None:
    """A connect belongs to a takeover if any moment of it lay inside; who waits for a roll's database belongs to the roll."""
    record.events = [connect(1.0, 0.5), connect(2.1, 0.2), connect(5.0, 4.0), connect(9.0, 0.1), connect(9.5, 0.4)]

    classes = Classes.of(record)

    assert classes.outside == [0.5, 0.1, 0.4]
    assert classes.takeover == [0.2]
    assert classes.roll == [4.0]


def test_the_latency_budget(record: Record) -> None:
    """Absolute on a machine that can keep it, relative on one that is too busy for it without any takeover."""
    record.events.append(connect(2.5, 0.2))
    assert "99th percentile of connects inside a takeover is 200 ms, not below 100 ms" in violations(record)[0]

    record.events += [connect(9.0, 0.15)] * 5
    assert allowed_s(record) == pytest.approx(0.225)
    assert violations(record) == []


def test_percentiles_of_nothing() -> None:
    """There may be no connect of a class."""
    assert Latencies("x", ()).percentile(0.99) == 0.0


@pytest.mark.parametrize(
    ("fds", "threads", "rss_kb", "what"), [(4, 0, 0, "descriptors"), (0, 2, 0, "threads"), (0, 0, 9000, "KiB")]
)
def test_growth_from_one_control_plane_to_the_next_counts(
    record: Record, fds: int, threads: int, rss_kb: int, what: str
) -> None:
    """The last third is compared with the first."""
    for number in range(9):
        late = number >= 6
        sample = Sample(number, f"control plane {number}", 20 + fds * late, 1 + threads * late, 50_000 + rss_kb * late)
        record.samples.taken += [sample, evolve(sample, fds=sample.fds + 30)]

    (told,) = violations(record)

    assert told.startswith("control plane 8 holds")
    assert what in told


def test_growth_of_one_worker_counts(record: Record) -> None:
    """From the first quiet takeover that it has seen to the last, each worker compared with itself."""
    for number, fds in enumerate((30, 50, 55)):
        record.quiet.taken.append(Sample(number, f"worker 7 after {number} after", fds, 4, 1000))
        record.quiet.taken.append(Sample(number, f"worker 8 after {number} after", 30, 4, 1000))

    (told,) = violations(record)

    assert told == "worker 7 after 2 after holds 55 descriptors without load, worker 7 after 0 after held 30"


def test_a_worker_has_a_thread_for_each_database_that_it_closes(record: Record) -> None:
    """They end a while later, and more of them count."""
    databases = len(record.plan.load.databases)
    for number in range(2):
        record.quiet.taken.append(
            Sample(number, f"worker 7 after {number} before", 30, 4 + number * (databases + 1), 1000)
        )
        record.quiet.taken.append(
            Sample(number, f"worker 8 after {number} before", 30, 4 + number * (databases + 2), 1000)
        )

    (told,) = violations(record)

    assert told.startswith(f"worker 8 after 1 before holds {databases + 6} threads")


def test_a_storm_that_did_not_blow_proves_nothing() -> None:
    """Too few connects, takeovers, or nothing done at all are violations too."""
    assert violations(Record(PLAN)) == [
        "only 0 connects were made, not 10: the clients could not keep up",
        "not one event of the kind 'checked'",
        "not one event of the kind 'committed'",
        "not one event of the kind 'cancel'",
        "only 0 takeovers were made, not at least 1",
    ]
