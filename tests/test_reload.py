"""The configuration is read again, wholly or not at all."""

from __future__ import annotations

import pytest
from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from duckgres_tx import preparation
from duckgres_tx.admission import RateLimit
from duckgres_tx.certificates import Certificate
from duckgres_tx.config import Bytes, Config, ConfigError, Tls, settings
from duckgres_tx.listeners import Listeners
from duckgres_tx.preparation import CannotStart, Material, Prepared
from duckgres_tx.reload import Reloading, TakesEffect, compare, takes_effect

AT_ONCE = {
    "tls.mode", "tls.cert", "tls.key", "tls.client_ca", "tls.client_cert", "allow_plaintext", "users", "superusers",
    "rate_limit.max_failed_attempts", "rate_limit.failed_attempt_window", "rate_limit.ban_duration",
    "rate_limit.max_connections_per_ip", "max_connections",
    "handshake_timeout", "idle_timeout", "idle_in_transaction_timeout", "statement_timeout", "idle_database_timeout",
    "workers", "memory_limit", "threads",
    "shutdown_timeout", "orphan_timeout", "drain_timeout", "drain_grace", "takeover_standby", "roll_after_takeover",
}  # fmt: skip
MATERIAL = Material({"postgres": "SCRAM…"}, None, None, ())


class Lines:
    """A log."""

    def __init__(self) -> None:
        self.lines = []

    def error(self, text, **values):
        self.lines.append(("error", text.format(**values)))

    info = error
    warn = error


@define
class Parts:
    """What a reload works on."""

    config: Config
    log: Lines = field(factory=Lines)
    applied: list = field(factory=list)
    began: int = 0
    ended: list = field(factory=list)
    stale: dict = field(factory=dict)
    reconfigured: int = 0
    waiting: Deferred | None = None

    def begin(self):
        self.began += 1

    async def reconfigure(self):
        self.reconfigured += 1
        if self.waiting is not None:
            await self.waiting
        return self.stale


@pytest.fixture
def parts(monkeypatch):
    """A server with two workers whose files can all be read."""
    monkeypatch.setattr("duckgres_tx.reload.read_material", lambda config: MATERIAL)
    return Parts(Config(workers=2))


def reloading(parts, read):
    """A reload of it, and what the prepared server is afterwards."""
    prepared = Prepared(parts.config, Listeners(), MATERIAL, {})
    made = Reloading(prepared, read, parts.applied.append, parts, parts.begin, parts.ended.append, log=parts.log)
    made.ask()
    return made, prepared


def test_every_setting_has_its_time():
    """One that is new must be thought about here."""
    assert {setting.path for setting in settings() if takes_effect(setting.path) is TakesEffect.AT_ONCE} == AT_ONCE


def test_what_can_wait_for_nobody_holds_at_once():
    """What can't is kept as it was, so that it is named again the next time."""
    current = Config(workers=2, port=5432)
    wanted = evolve(
        current, port=6432, workers=4, threads=3, extensions=("tpch",), idle_timeout=5.0, tls=Tls(mode="require")
    )
    difference = compare(current, wanted)
    assert difference.effective == evolve(wanted, port=5432)
    assert difference.changed == {
        TakesEffect.WITH_A_TAKEOVER: ("port",),
        TakesEffect.AT_ONCE: ("workers", "tls.mode", "threads", "idle_timeout"),
        TakesEffect.WITH_NEW_WORKERS: ("extensions",),
    }
    assert compare(current, current).changed == {}


@pytest.mark.parametrize(("current", "wanted"), [(0, 0), (0, 2), (2, 0)])
def test_a_server_without_workers_is_restarted(current, wanted):
    """It can't be rolled, nor taken over."""
    old = Config(workers=current)
    difference = compare(old, Config(workers=wanted, memory_limit=Bytes(1 << 30), extensions=("tpch",), port=1))
    assert set(difference.changed) == {TakesEffect.WITH_A_RESTART, TakesEffect.AT_ONCE}
    assert difference.effective == evolve(old, memory_limit=Bytes(1 << 30))


def test_everybody_is_told(parts):
    """Parts of this process, the workers, and the log."""
    wanted = evolve(
        parts.config, max_connections=7, rate_limit=RateLimit(ban_duration=1.0), port=1, extensions=("tpch",)
    )
    _, prepared = reloading(parts, lambda: wanted)
    effective = evolve(wanted, port=parts.config.port)
    assert (parts.began, parts.ended) == (1, [""])
    assert (parts.applied, prepared.config) == ([effective], effective)
    assert parts.reconfigured == 1
    assert [line for _, line in parts.log.lines] == [
        "the configuration has been reloaded; changed: rate_limit.ban_duration, max_connections",
        "port: takes effect with a takeover (SIGUSR1)",
        "extensions: takes effect with a roll (SIGUSR2)",
    ]


def test_workers_say_what_they_can_t_take(parts):
    """By their own names for it."""
    parts.stale = {"worker 1": ("tls", "threads")}
    reloading(parts, lambda: parts.config)
    assert [line for _, line in parts.log.lines] == [
        "the configuration has been reloaded; changed: nothing",
        "worker 1 serves with older settings until it is replaced: tls, threads",
    ]


def test_files_that_changed_are_named(parts, monkeypatch):
    """A renewed certificate is what a reload is for, most often."""
    renewed = Material({"postgres": "SCRAM…", "alice": "SCRAM…"}, Certificate("new", "new"), "new", ())
    monkeypatch.setattr("duckgres_tx.reload.read_material", lambda config: renewed)
    _, prepared = reloading(parts, lambda: parts.config)
    assert prepared.material is renewed
    assert "changed: the certificate, who signs clients' certificates, the users" in parts.log.lines[0][1]


def bad_file():
    """A mistake."""
    raise ConfigError("unknown setting 'prot' in duckgres.yaml")


def bad_certificate(config):
    """Another one."""
    raise CannotStart("the certificate in server.crt has expired")


def test_a_mistake_changes_nothing(parts, monkeypatch):
    """In the file, or in what it names; one line says so."""
    _, prepared = reloading(parts, bad_file)
    monkeypatch.setattr("duckgres_tx.reload.read_material", bad_certificate)
    reloading(parts, lambda: evolve(parts.config, max_connections=7))
    assert parts.ended == [
        "unknown setting 'prot' in duckgres.yaml",
        "the certificate in server.crt has expired",
    ]
    assert [line for _, line in parts.log.lines] == [
        "the configuration is not reloaded, nothing has changed: unknown setting 'prot' in duckgres.yaml",
        "the configuration is not reloaded, nothing has changed: the certificate in server.crt has expired",
    ]
    assert (parts.applied, parts.reconfigured, prepared.config) == ([], 0, parts.config)


def test_one_reload_at_a_time(parts):
    """What was asked for meanwhile is done once, afterwards."""
    parts.waiting = Deferred()
    made, _ = reloading(parts, lambda: parts.config)
    for _ in range(3):
        made.ask()
    assert (parts.ended, parts.began, parts.reconfigured) == ([], 1, 1)
    waiting, parts.waiting = parts.waiting, None
    waiting.callback(None)
    assert (parts.ended, parts.began, parts.reconfigured) == (["", ""], 2, 2)


def test_what_nobody_foresaw_is_told(parts):
    """The next reload works."""

    def read():
        raise RuntimeError("a bug")

    reloading(parts, read)
    assert parts.ended == ["an unexpected error, see the log"]


def test_what_is_named_is_read_and_checked(tmp_path):
    """The same things that a start would complain about."""
    config = Config(data_dir=tmp_path, tls=Tls(mode="off"), users={"alice": "wonderland"})
    material = preparation.read_material(config)
    assert (set(material.verifiers), material.certificate) == ({"alice"}, None)
    for change, line in (
        ({"extensions": ("nonsense",)}, "extension 'nonsense' is not installed"),
        ({"allowed_directories": (str(tmp_path / "none"),)}, "is not a directory"),
        ({"tls": Tls(cert=tmp_path / "none.crt", key=tmp_path / "none.key")}, "can't read .*none.crt"),
        ({"max_connections": 999_999}, "the limit .* is"),
    ):
        with pytest.raises(CannotStart, match=line):
            preparation.read_material(evolve(config, **change))
