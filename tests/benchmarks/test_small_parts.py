"""Percentiles, process counts and the command line."""

from __future__ import annotations

import os

import pytest

from benchmarks import __main__, connect_loop, processes


@pytest.mark.parametrize(("share", "expected"), [(0.5, 51.0), (0.99, 100.0), (1.0, 100.0), (0.0, 1.0)])
def test_percentiles(share: float, expected: float) -> None:
    """The order in which the latencies came does not matter."""
    assert connect_loop.percentile([float(number) for number in range(100, 0, -1)], share) == expected


def test_no_latency_at_all() -> None:
    """When every connect failed there is no percentile to tell."""
    assert connect_loop.percentile([], 0.99) == 0.0


def test_a_failed_connect_is_no_rate() -> None:
    """A rate that hides failures would be a lie."""
    with pytest.raises(RuntimeError, match="1 connects failed, the first: no"):
        connect_loop.rate([connect_loop.Connects([0.1], ["no"], 1.0)])


def test_rates_of_all_clients_are_summed() -> None:
    """Each client's own time counts."""
    done = [connect_loop.Connects([0.1] * 10, [], 2.0), connect_loop.Connects([0.1] * 3, [], 1.0)]

    assert connect_loop.rate(done) == 8.0


def test_counts_of_this_process() -> None:
    """A descriptor more is seen as one more."""
    before = processes.counts(os.getpid())
    descriptor = os.open(os.devnull, os.O_RDONLY)
    after = processes.counts(os.getpid())
    os.close(descriptor)

    assert after.fds == before.fds + 1
    assert before.threads >= 1
    assert before.rss_kb >= before.pss_kb > 0


def test_quick_means_small_data_and_one_run() -> None:
    """--quick and the explicit options go together."""
    parts, options, document = __main__.parse(["bulk", "--quick"])

    assert (parts, options.scale, options.runs, document) == (["bulk"], 0.1, 1, False)
    assert __main__.parse(["--quick", "--sf", "0.01", "--runs", "5"])[1].scale == 0.01


def test_no_part_means_all() -> None:
    """``make bench`` measures everything; calibrating only what has a peer of the same kind."""
    assert __main__.parse([])[0] == list(__main__.PARTS)
    assert "flatness" not in __main__.parse(["--calibrate"])[0]


@pytest.mark.parametrize("arguments", [["nonsense"], ["--document", "--quick"]])
def test_what_the_command_line_refuses(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown parts, and documenting a run that measures nothing."""
    with pytest.raises(SystemExit):
        __main__.parse(arguments)

    assert "error" in capsys.readouterr().err
