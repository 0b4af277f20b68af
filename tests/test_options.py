"""The command line."""

from __future__ import annotations

import pytest
from twisted.python import usage

from duckgres_tx.config import settings
from duckgres_tx.options import Options


def parse(*words: str) -> dict[str, str | None]:
    """What was given."""
    options = Options()
    options.parseOptions(list(words))
    return {name: value for name, value in options.given().items() if value is not None}


def test_what_is_not_given_is_left_to_others():
    """So that the environment and the file have their say."""
    assert parse() == {}


def test_every_option_is_taken():
    """By its exact name."""
    names = [
        "config",
        "host",
        "port",
        "unix-socket-dir",
        "data-dir",
        "workers",
        "runtime-dir",
        "handover",
        "roll-after-takeover",
        "tls",
        "cert",
        "key",
        "memory-limit",
        "threads",
    ]
    assert parse(*(f"--{name}=x" for name in names)) == dict.fromkeys(names, "x")
    assert {setting.option for setting in settings() if setting.option} | {"config"} == set(names)


def test_no_roll_is_short_for_something():
    """What a rolling update is switched off with most often."""
    assert parse("--no-roll") == {"roll-after-takeover": "no"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prot", "1"], "duckgres: option --prot not recognized"),
        (["--port"], "duckgres: option --port requires argument"),
        (["start"], "duckgres: unexpected argument 'start'"),
    ],
)
def test_a_mistake_is_one_line(words, message):
    """The process ends with status 1 and this on standard error."""
    with pytest.raises(SystemExit) as caught:
        parse(*words)

    assert caught.value.code == message


class Twistd(usage.Options):
    """Twistd's own options, as far as they matter."""

    optParameters = [["pidfile", None, "twistd.pid"]]  # noqa: RUF012  that's how they are declared
    subCommands = [["duckgres", None, Options, ""]]  # noqa: RUF012


def under_twistd(*words: str) -> tuple[Options, Twistd]:
    """What a command line says to both."""
    twistd = Twistd()
    twistd.parseOptions(list(words))
    return twistd.subOptions, twistd


def test_a_server_that_can_take_over_looks_after_its_pid_file(tmp_path, monkeypatch):
    """Twistd would refuse to start it, because the server that is taken over lives."""
    monkeypatch.chdir(tmp_path)
    options, twistd = under_twistd("duckgres", "--handover", "/run/x.sock")
    assert (options.pidfile, twistd["pidfile"]) == (tmp_path / "twistd.pid", "")
    assert options.working_directory == tmp_path

    options, twistd = under_twistd("--pidfile=", "duckgres", "--handover", "/run/x.sock")
    assert (options.pidfile, twistd["pidfile"]) == (None, "")

    options, twistd = under_twistd("duckgres")
    assert (options.pidfile, twistd["pidfile"]) == (None, "twistd.pid")


def test_the_configuration_is_read_at_once(monkeypatch):
    """The path may be said elsewhere, and a mistake is one line."""
    monkeypatch.setenv("DUCKGRES_HANDOVER", "/run/x.sock")
    options, twistd = under_twistd("duckgres", "--port", "77")
    assert (options.configuration.port, twistd["pidfile"]) == (77, "")

    with pytest.raises(SystemExit) as caught:
        under_twistd("duckgres", "--port", "x")
    assert caught.value.code == "duckgres: --port: 'x' is not a whole number"
