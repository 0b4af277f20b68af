"""What a release is made of."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckgres_tx
from duckgres_tx.release import release_of, running_release


def test_the_same_files_are_the_same_release(tmp_path):
    """Whoever asks, and whatever Python has compiled meanwhile."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "module.py").write_text("x = 1\n")
    release = release_of(tmp_path)
    (tmp_path / "room" / "__pycache__").mkdir()
    (tmp_path / "room" / "__pycache__" / "module.cpython-311.pyc").write_bytes(b"compiled")

    assert release_of(tmp_path) == release
    assert len(release) == 16


def test_whatever_is_installed_anew_is_another_release(tmp_path):
    """A file that is new, longer, or was only written again."""
    module = tmp_path / "module.py"
    module.write_text("x = 1\n")
    releases = {release_of(tmp_path)}
    os.utime(module, ns=(1, 1))
    releases.add(release_of(tmp_path))
    module.write_text("x = 10\n")
    os.utime(module, ns=(1, 1))
    releases.add(release_of(tmp_path))
    (tmp_path / "native.so").write_bytes(b"")
    releases.add(release_of(tmp_path))

    assert len(releases) == 4


def test_two_processes_of_one_installation_agree():
    """A worker that was just started has its control plane's release."""
    home = Path(duckgres_tx.__file__).resolve().parent.parent
    program = "from duckgres_tx.release import running_release; print(running_release())"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", program],
        env={**os.environ, "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert answer.stdout.strip() == running_release()
