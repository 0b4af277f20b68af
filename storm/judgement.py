"""From what was seen to what must not be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from storm.journal import Event
from storm.record import Kind, Record
from storm.samples import Least

ADMIN_SHUTDOWN = "57P01"
# a session that was idle when it was ended may have just sent something that the server never read
CROSSED_S = 1.0
# of the processes of different generations: descriptors of connections that were in the door when each was looked at
_FD_SLACK = 3
_THREAD_SLACK = 1
_MEMORY_SLACK_KB = 8 << 10
_SHOWN = 5
# the machine that is measured does other things too
_NOISE = 1.5


@frozen
class Latencies:
    """Connects of one class; seconds."""

    name: str
    seconds: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """What this share of them kept within; 0 for none at all."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@define
class Classes:
    """The measured connects by what happened meanwhile. A roll counts before a takeover: clients of a database that moves wait then."""

    outside: list[float] = field(factory=list)
    takeover: list[float] = field(factory=list)
    roll: list[float] = field(factory=list)

    @classmethod
    def of(cls, record: Record) -> Classes:
        """Sort them."""
        classes = cls()
        for event in record.of("connect"):
            if event["how"] != "ok" or not event["full"]:
                continue
            began, ended = event["began"], event["began"] + event["seconds"]
            met = {window.kind for window in record.windows if window.meets(began, ended)}
            where = classes.roll if Kind.ROLL in met else classes.takeover if Kind.TAKEOVER in met else classes.outside
            where.append(event["seconds"])
        return classes

    def latencies(self) -> tuple[Latencies, Latencies, Latencies]:
        """Outside, inside a takeover, inside a roll."""
        return (
            Latencies("outside", tuple(self.outside)),
            Latencies("inside a takeover", tuple(self.takeover)),
            Latencies("inside a roll", tuple(self.roll)),
        )


def violations(record: Record) -> list[str]:
    """Everything that must not be, one line each; empty when the server has kept its promises."""
    return [
        *record.faults,
        *_grouped("connects failed", _failed_connects(record)),
        *_grouped("sessions ended", _ended_sessions(record)),
        *_grouped(
            "statements failed", ((event["client"], event["doing"], event["text"]) for event in record.of("failed"))
        ),
        *_grouped("answers were wrong", ((event["client"], event["text"]) for event in record.of("wrong"))),
        *_grouped("cancels went wrong", _lost_cancels(record)),
        *_slow(record),
        *_grown(record),
        *_too_little(record),
    ]


def _grouped(what: str, cases: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """A count, and the first few."""
    found = list(cases)
    if found:
        shown = "; ".join(": ".join(case) for case in found[:_SHOWN])
        yield f"{len(found)} {what}: {shown}{' …' if len(found) > _SHOWN else ''}"


def _failed_connects(record: Record) -> Iterator[tuple[str, ...]]:
    for event in record.of("connect"):
        # logged in, and ended by a roll before its first query; in plain text it would have gone on elsewhere
        ended_by_roll = event["how"] == ADMIN_SHUTDOWN and event["tls"] and record.within(Kind.ROLL, event["at"])
        if event["how"] != "ok" and not ended_by_roll:
            yield (
                event["client"],
                f"{'TLS' if event['tls'] else 'plain'}, after {event['seconds']:.2f} s",
                event["text"],
                _when(record, event),
            )


def _ended_sessions(record: Record) -> Iterator[tuple[str, ...]]:
    for event in record.of("ended"):
        if not _is_a_roll_s_due(record, event):
            yield event["client"], event["doing"], f"status {event['status']}", event["text"], _when(record, event)


def _is_a_roll_s_due(record: Record, event: Event) -> bool:
    """Rolls may end what is idle and can't go on in another worker, and nothing else, with 57P01 and nothing else."""
    idle = event["status"] == "I" and not event["answered"] and event["waited_s"] < CROSSED_S
    return event["how"] == ADMIN_SHUTDOWN and idle and event["may_end"] and record.within(Kind.ROLL, event["at"])


def outlived_a_roll(record: Record) -> int:
    """Sessions that were there before a roll and after it, and could only be so by going from one worker to another."""
    rolls = [window for window in record.windows if window.kind is Kind.ROLL]
    return sum(
        not event["may_end"] and any(event["began"] < roll.began and roll.ended < event["at"] for roll in rolls)
        for event in record.of("lasted")
    )


def _lost_cancels(record: Record) -> Iterator[tuple[str, ...]]:
    for event in record.of("cancel"):
        # its session's end is judged by itself
        if event["how"] not in {"ok", ADMIN_SHUTDOWN}:
            yield event["client"], event["statement"], event["how"], _when(record, event)


def _when(record: Record, event: Event) -> str:
    doing = [window.kind.value for window in record.windows if window.holds(event["at"])]
    began = record.windows[0].began if record.windows else event["at"]
    return f"{event['at'] - began:+.1f} s after the first takeover began, in {' and '.join(doing) or 'neither takeover nor roll'}"


def allowed_s(record: Record) -> float:
    """What 99 of 100 connects inside a takeover must keep within.

    It is the budget; on a machine that is so busy that connects outside takeovers don't keep within it either, somewhat more
    than those take.
    """
    outside = Classes.of(record).latencies()[0]
    return max(record.plan.latency_budget_s, _NOISE * outside.percentile(0.99))


def _slow(record: Record) -> Iterator[str]:
    inside, allowed = Classes.of(record).latencies()[1].percentile(0.99), allowed_s(record)
    if inside >= allowed:
        yield f"the 99th percentile of connects inside a takeover is {inside * 1000:.0f} ms, not below {allowed * 1000:.0f} ms"


def _grown(record: Record) -> Iterator[str]:
    """Processes that hold more after many takeovers than after few."""
    yield from _grown_between("under load", record.samples.least("control plane"), _THREAD_SLACK)
    yield from _grown_between("without load", record.quiet.least("control plane"), _THREAD_SLACK)
    least = record.quiet.least("worker")
    first = {one.who.partition(" after ")[0]: one for one in reversed(least)}
    last = {one.who.partition(" after ")[0]: one for one in least}
    # databases that nobody uses any more are closed by threads of a pool, which then wait ten seconds for something else
    closing = _THREAD_SLACK + len(record.plan.load.databases)
    for who, one in first.items():
        yield from _grown_between("without load", [one, last[who]], closing)


def _grown_between(where: str, least: Sequence[Least], threads: int) -> Iterator[str]:
    """Compare the median of the first third with that of the last; of three processes, the first with the last."""
    if len(least) < 2:
        return
    part = max(1, len(least) // 3)
    for name, unit, slack in (
        ("fds", "descriptors", _FD_SLACK),
        ("threads", "threads", threads),
        ("rss_kb", "KiB", _MEMORY_SLACK_KB),
    ):
        first, last = (sorted(getattr(one, name) for one in some)[part // 2] for some in (least[:part], least[-part:]))
        if last > first + slack:
            yield f"{least[-1].who} holds {last} {unit} {where}, {least[0].who} held {first}"


def _too_little(record: Record) -> Iterator[str]:
    """A storm that never blew proves nothing."""
    connects = sum(event["full"] for event in record.of("connect"))
    wanted = record.plan.load.connects_per_s * record.plan.duration_s
    if connects < 0.8 * wanted:
        yield f"only {connects} connects were made, not {wanted:.0f}: the clients could not keep up"
    done = Counter(event["kind"] for event in record.events)
    yield from (f"not one event of the kind {kind!r}" for kind in ("checked", "committed", "cancel") if not done[kind])
    rolled = any(window.kind is Kind.ROLL for window in record.windows)
    if rolled and record.plan.load.holders and not outlived_a_roll(record):
        yield "not one session went from one worker to another"
    if record.plan.takeover_every_s:
        least = max(1, int(record.plan.duration_s / record.plan.takeover_every_s / 2))
        made = sum(window.kind is Kind.TAKEOVER for window in record.windows)
        if made < least:
            yield f"only {made} takeovers were made, not at least {least}"
