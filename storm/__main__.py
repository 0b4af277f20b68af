"""The command line of the storm."""

from __future__ import annotations

import argparse
import sys

from storm import report
from storm.director import Director
from storm.fleet import FleetError
from storm.judgement import violations
from storm.plan import Load, Plan


def parse(arguments: list[str]) -> Plan:
    """The plan that the options make."""
    defaults = Plan()
    parser = argparse.ArgumentParser(prog="python -m storm", description=__doc__)
    parser.add_argument(
        "--duration", type=float, default=defaults.duration_s, metavar="SECONDS", help="how long load is on [600]"
    )
    parser.add_argument(
        "--takeover-every", type=float, default=defaults.takeover_every_s, metavar="SECONDS", help="0 for none [10]"
    )
    parser.add_argument(
        "--roll-every", type=float, default=defaults.roll_every_s, metavar="SECONDS", help="0 for none [60]"
    )
    parser.add_argument(
        "--connects", type=float, default=defaults.load.connects_per_s, metavar="NUMBER", help="a second [50]"
    )
    parser.add_argument("--workers", type=int, default=defaults.workers, metavar="NUMBER", help="worker processes [2]")
    parser.add_argument(
        "--quiet-takeovers", type=int, default=defaults.quiet_takeovers, metavar="NUMBER", help="without load [3]"
    )
    parser.add_argument("--latency-budget", type=float, default=defaults.latency_budget_s * 1000, metavar="MS",
                        help="for 99 of 100 connects inside a takeover [100]")  # fmt: skip
    parser.add_argument("--seed", type=int, default=defaults.seed, metavar="NUMBER", help="for all that is random [1]")
    given = parser.parse_args(arguments)
    if given.duration <= 0 or given.connects <= 0 or given.workers < 1:
        parser.error("duration, connects and workers must be positive")
    return Plan(
        duration_s=given.duration,
        takeover_every_s=given.takeover_every,
        roll_every_s=given.roll_every,
        quiet_takeovers=given.quiet_takeovers,
        workers=given.workers,
        latency_budget_s=given.latency_budget / 1000,
        seed=given.seed,
        load=Load(connects_per_s=given.connects),
    )


def main(arguments: list[str]) -> int:
    """Run it; the exit status."""
    plan = parse(arguments)
    try:
        record = Director(plan, lambda line: print(line, file=sys.stderr, flush=True)).run()
    except FleetError as error:
        print(error, file=sys.stderr)
        return 1
    found = violations(record)
    print("\n".join(report.lines(record, found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
