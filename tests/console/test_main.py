"""The program as it is called."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from duckgres_tx.console.main import run
from duckgres_tx.console.options import PROGRAM


def called(*words, env=None):
    """Its exit status, and what it wrote."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DUCKGRES_")}
    done = subprocess.run(
        [sys.executable, "-m", "duckgres_tx", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**environment, **(env or {})},
    )
    return done.returncode, done.stdout, done.stderr


def test_help_and_version_are_there():
    """For each command too."""
    status, out, _ = called("--help")
    assert status == 0
    assert out.startswith(f"Usage: {PROGRAM} <command> [options]")
    assert all(command in out for command in ("status", "roll", "drain", "takeover", "stop"))
    assert called("drain", "--help")[1].startswith(f"Usage: {PROGRAM} drain [options] <worker>")
    assert called("--version")[1].startswith("duckgres_tx ")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "a command is needed; python -m duckgres_tx --help lists them"),
        (["explode"], "Unknown command: explode"),
        (["status", "all"], "unexpected argument 'all'"),
        (["drain"], "which worker? Its number is needed, as `status` shows it"),
        (["drain", "two"], "which worker? Its number is needed, as `status` shows it"),
        (["roll", "--wait", "--timeout=soon"], "--timeout: 'soon' is not a duration like 30s, 5m or 1h30m"),
        (["takeover", "--timeout=soon"], "--timeout: 'soon' is not a duration like 30s, 5m or 1h30m"),
        (["stop", "--timeout=soon"], "--timeout: 'soon' is not a duration like 30s, 5m or 1h30m"),
        (["status", "--config=/none.yaml"], "can't read /none.yaml: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line(words, line, capsys):
    """And exit status 1."""
    assert run(words, {}, print) == 1
    assert capsys.readouterr().err == f"duckgres: {line}\n"


@pytest.mark.parametrize("command", [["status"], ["roll"], ["drain", "1"], ["takeover"]])
def test_a_server_that_isn_t_there_is_one_line(command, tmp_path):
    """With the path where it was looked for, which the same variables name that the server reads."""
    status, out, err = called(*command, env={"DUCKGRES_RUNTIME_DIR": str(tmp_path)})
    assert (status, out) == (1, "")
    assert err == f"duckgres: no server answers at {tmp_path}/handover.sock: No such file or directory\n"


def test_stopping_what_isn_t_there_is_no_error(tmp_path):
    """Nothing is left, as it should be."""
    assert called("stop", "--data-dir", str(tmp_path)) == (0, f"no server uses {tmp_path}/run\n", "")
