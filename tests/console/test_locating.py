"""The server that is meant is found by what it has read itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from duckgres_tx.config import ConfigError
from duckgres_tx.console.locating import Place, locate

NOTHING = dict.fromkeys(("config", "data-dir", "runtime-dir", "handover"))


def test_everything_has_the_server_s_defaults(tmp_path, monkeypatch):
    """Relative to where the command is given."""
    monkeypatch.chdir(tmp_path)
    assert locate(NOTHING, {}) == Place(tmp_path / "data/run/handover.sock", tmp_path / "data/run", 30.0)


def test_options_variables_and_files_are_the_server_s(tmp_path):
    """In the same order."""
    (tmp_path / "duckgres.yaml").write_text("runtime_dir: /run/x\nshutdown_timeout: 5m\n", encoding="ascii")
    said = {**NOTHING, "config": str(tmp_path / "duckgres.yaml")}
    assert locate(said, {}) == Place(Path("/run/x/handover.sock"), Path("/run/x"), 300.0)
    assert locate(said, {"DUCKGRES_RUNTIME_DIR": "/run/y"}).handover == Path("/run/y/handover.sock")
    assert locate({**said, "handover": "/run/z.sock"}, {}) == Place(Path("/run/z.sock"), Path("/run/x"), 300.0)


def test_a_broken_file_doesn_t_hide_a_running_server(tmp_path):
    """As long as something else says where it is."""
    (tmp_path / "duckgres.yaml").write_text("prot: 5432\n", encoding="ascii")
    broken = {"DUCKGRES_CONFIG": str(tmp_path / "duckgres.yaml")}
    with pytest.raises(ConfigError, match="unknown setting 'prot'"):
        locate(NOTHING, broken)
    found = locate(NOTHING, {**broken, "DUCKGRES_RUNTIME_DIR": "/run/y"})
    assert found == Place(Path("/run/y/handover.sock"), Path("/run/y"), 30.0)
    assert locate({**NOTHING, "handover": "/run/z.sock"}, broken).handover == Path("/run/z.sock")
    with pytest.raises(ConfigError, match="DUCKGRES_WORKERS"):
        locate(NOTHING, {**broken, "DUCKGRES_RUNTIME_DIR": "/run/y", "DUCKGRES_WORKERS": "many"})
