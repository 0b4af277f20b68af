"""The PID file names the process that serves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from duckgres_tx.handover.pid_file import BadPidFile, PidFile


@pytest.fixture
def file(tmp_path):
    """One that isn't there yet."""
    return PidFile(tmp_path / "twistd.pid")


@pytest.fixture
def other():
    """Another process that lives."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_whoever_serves_is_named(file):
    """And only that one removes the file."""
    assert (file.holder(), file.names_us()) == (None, False)

    file.write()

    assert file.path.read_text(encoding="ascii") == f"{os.getpid()}\n"
    assert file.names_us()
    assert os.listdir(file.path.parent) == ["twistd.pid"]
    file.remove()
    assert not file.path.exists()
    file.remove()


def test_another_one_s_is_left_alone(file, other):
    """It serves now."""
    file.path.write_text(f"{other.pid}", encoding="ascii")

    file.remove()

    assert file.holder() == other.pid


@pytest.mark.parametrize("when", ["dead", "us", "recycled"])
def test_a_stale_file_names_nobody(file, other, when):
    """Its process is dead, or its number is another process's by now, even ours."""
    pid = os.getpid() if when == "us" else other.pid
    file.path.write_text(f"{pid}\n", encoding="ascii")
    if when == "dead":
        other.kill()
        # not waited for: a zombie is dead enough
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    if when == "recycled":
        os.utime(file.path, (1e9, 1e9))

    assert file.holder() is None


@pytest.mark.parametrize("content", ["", "twistd", "-1", "12 13"])
def test_something_else_is_told(file, content):
    """Somebody has named the wrong file."""
    file.path.write_text(content, encoding="ascii")

    with pytest.raises(BadPidFile, match="does not hold a number"):
        file.holder()


def test_a_file_that_can_t_be_read_is_told(file):
    """Such as a directory."""
    file.path.mkdir()

    with pytest.raises(BadPidFile, match="can't read the PID file"):
        file.holder()
    assert not file.names_us()
