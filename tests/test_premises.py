"""What a process knows of how it was started."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from duckgres_tx.config import Config, ConfigError
from duckgres_tx.handover.successor import CommandLine
from duckgres_tx.premises import Launch


@pytest.fixture
def launch(tmp_path):
    """One that named its file relative to where it was started."""
    (tmp_path / "duckgres.yaml").write_text("max_connections: 7\ndata_dir: here\n", encoding="ascii")
    return Launch(Config(), {"config": "duckgres.yaml", "port": "6543"}, CommandLine((), tmp_path), None, {})


def test_the_configuration_is_read_where_it_was_read_first(launch, tmp_path):
    """A daemon is elsewhere by then, and stays there."""
    before = Path.cwd()
    read = launch.read_again()
    assert (read.max_connections, read.port, read.data_dir) == (7, 6543, tmp_path / "here")
    (tmp_path / "duckgres.yaml").write_text("max_connections: 8\n", encoding="ascii")
    assert launch.read_again().max_connections == 8
    assert Path.cwd() == before


def test_a_directory_that_is_gone_is_a_mistake_like_others(launch, tmp_path):
    """In one line."""
    shutil.rmtree(tmp_path)
    with pytest.raises(ConfigError, match=f"{tmp_path}: No such file or directory"):
        launch.read_again()
