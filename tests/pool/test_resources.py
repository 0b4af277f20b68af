"""What one worker may use."""

from __future__ import annotations

from duckgres_tx.pool import resources


def test_shares_are_even_and_never_useless():
    """The least is kept, also when there are more workers than threads."""
    assert resources.share(8, 4, 1) == 2
    assert resources.share(2, 8, 1) == 1
    assert resources.share(100, 0, 1) == 100


def test_a_control_group_s_limit_counts(tmp_path, monkeypatch):
    """A container has less memory than its machine; "max" means no limit."""
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(resources, "_CGROUP_MEMORY_MAX", limit)
    physical = resources.machine_memory_bytes()
    limit.write_text("1048576\n")
    assert resources.machine_memory_bytes() == 1 << 20
    limit.write_text("max\n")

    assert resources.machine_memory_bytes() == physical


def test_there_is_a_thread():
    """At least one processor."""
    assert resources.usable_threads() >= 1
