"""Which settings a worker takes while it serves."""

from __future__ import annotations

import attrs
import pytest

from duckgres_tx.session.reload import NEEDS_NEW_WORKER, reload
from duckgres_tx.session.settings import WorkerSettings

SETTINGS = WorkerSettings(data_dir="/data", max_connections=100)


def different(value):
    """Some other value of the same type."""
    if value is None or isinstance(value, str):
        return "another"
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {"new": "x"}
    return ("new",) if isinstance(value, tuple) else value + 1


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(WorkerSettings)])
def test_a_setting_is_taken_or_named(name):
    """Never both, and never neither."""
    wanted = attrs.evolve(SETTINGS, **{name: different(getattr(SETTINGS, name))})
    change = reload(SETTINGS, wanted, 1000)

    if name in NEEDS_NEW_WORKER:
        assert (change.settings, change.stale) == (SETTINGS, (name,))
    else:
        assert (change.settings, change.stale) == (wanted, ())


def test_there_are_no_other_names():
    """One that is misspelt would hide a setting that needs a new worker."""
    assert {field.name for field in attrs.fields(WorkerSettings)} >= NEEDS_NEW_WORKER


def test_nothing_has_changed():
    """The usual case."""
    change = reload(SETTINGS, attrs.evolve(SETTINGS), 1000)

    assert (change.settings, change.stale) == (SETTINGS, ())


def test_more_sessions_than_threads_can_serve_need_a_new_worker():
    """As many as possible are served all the same."""
    change = reload(SETTINGS, attrs.evolve(SETTINGS, max_connections=5000), 400)

    assert change.settings.max_connections == 400
    assert change.stale == ("max_connections",)


def test_what_was_stale_stays_so():
    """It is compared with what holds, so it is named again until there is a new worker."""
    wanted = attrs.evolve(SETTINGS, extensions=("x",), idle_timeout_s=5.0)
    change = reload(reload(SETTINGS, wanted, 400).settings, wanted, 400)

    assert change.stale == ("extensions",)
    assert change.settings.idle_timeout_s == 5.0
