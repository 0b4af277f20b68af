"""The report of a run, as text."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence

from storm.judgement import ADMIN_SHUTDOWN, Classes, Latencies, outlived_a_roll
from storm.record import Kind, Record
from storm.samples import Least


def lines(record: Record, violations: Sequence[str]) -> Iterator[str]:
    """What was done, what was measured, and the verdict."""
    yield from _done(record)
    yield ""
    yield from _latencies(Classes.of(record).latencies())
    yield ""
    yield from _held(record)
    yield ""
    if violations:
        yield f"{len(violations)} VIOLATIONS"
        yield from (f"  {violation}" for violation in violations)
    else:
        yield "no violations"


def _done(record: Record) -> Iterator[str]:
    took = [window.ended - window.began for window in record.windows if window.kind is Kind.TAKEOVER]
    rolls = [window.ended - window.began for window in record.windows if window.kind is Kind.ROLL]
    connects = record.of("connect")
    full = [event for event in connects if event["full"]]
    over_tls = sum(event["tls"] for event in full)
    yield f"load              {record.plan.duration_s:.0f} s; {record.abilities}"
    yield f"connects          {len(full)}, {over_tls} over TLS; {sum(event['how'] != 'ok' for event in full)} not served to their end"
    yield f"takeovers         {len(took)}{_spread(took)}; the incumbent was gone{_spread(record.standby_s)} later"
    yield f"rolls             {len(rolls)}{_spread(rolls)}"
    ended = Counter(event["how"] for event in record.of("ended"))
    yield f"sessions ended    {ended.pop(ADMIN_SHUTDOWN, 0)} with 57P01{', ' + str(dict(ended)) if ended else ''}"
    yield f"sessions moved    {outlived_a_roll(record)} that were there before a roll and after it"
    cancels = record.of("cancel")
    yield f"cancels           {len(cancels)}{_spread([event['seconds'] for event in cancels])}, {sum(event['how'] == 'ok' for event in cancels)} reached their query"
    yield f"commits           {record.commits} acknowledged"
    yield f"answers checked   {len(record.of('checked'))}"


def _latencies(classes: tuple[Latencies, Latencies, Latencies]) -> Iterator[str]:
    outside = classes[0]
    yield f"{'connects, ms':<20}{'number':>8}{'p50':>8}{'p99':>8}{'max':>8}   p99 beside outside"
    for one in classes:
        ratio = one.percentile(0.99) / outside.percentile(0.99) if outside.percentile(0.99) else 0.0
        figures = "".join(f"{one.percentile(share) * 1000:>8.1f}" for share in (0.5, 0.99, 1.0))
        yield f"{one.name:<20}{len(one.seconds):>8}{figures}   {f'{ratio:.1f} times' if one.seconds else ''}"


def _held(record: Record) -> Iterator[str]:
    yield f"{'held, at the least':<40}{'fds':>6}{'threads':>9}{'MiB':>7}"
    planes = record.samples.least("control plane")
    for one in dict.fromkeys([*planes[:2], *planes[-2:]]):
        yield _held_line(one, "under load")
    for one in record.quiet.least(""):
        yield _held_line(one, "without load")


def _held_line(one: Least, where: str) -> str:
    return f"{one.who + ', ' + where:<40}{one.fds:>6}{one.threads:>9}{one.rss_kb / 1024:>7.1f}"


def _spread(seconds: Sequence[float]) -> str:
    """Median and maximum, in words."""
    if not seconds:
        return ""
    return f", {statistics.median(seconds):.2f} s (at most {max(seconds):.2f} s)"
