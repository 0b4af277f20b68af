"""The units are such as systemd takes, and name nothing that the server doesn't have."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.scripts.twistd import ServerOptions as TwistdOptions

from duckgres_tx import config
from duckgres_tx.console.options import Options as ConsoleOptions
from duckgres_tx.options import Options as ServerOptions

UNITS = Path(__file__).parent.parent.parent / "contrib" / "systemd"
HOME = "/opt/duckgres/bin"


class Unit(configparser.RawConfigParser):
    """A unit file; a setting that is given several times has all its values."""

    def __init__(self, name) -> None:
        super().__init__(strict=False, interpolation=None, comment_prefixes=("#",), delimiters=("=",))
        self.optionxform = str
        self.lists: dict[str, list[str]] = {}
        self.read(UNITS / name, encoding="utf-8")
        for line in (UNITS / name).read_text(encoding="utf-8").splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                self.lists.setdefault(key, []).append(value)


@pytest.fixture
def service():
    """The service's [Service] section, and its lists."""
    return Unit("duckgres.service")


def environment_of(service):
    """What the unit sets."""
    return dict(value.split("=", 1) for value in service.lists["Environment"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["duckgres.service", "duckgres.socket"])
def test_systemd_has_nothing_to_say_against_them(name, tmp_path):
    """With programs that are there in place of those that an installation brings."""
    for unit in UNITS.glob("duckgres.s*"):
        text = (
            unit.read_text(encoding="utf-8")
            .replace(f"{HOME}/twistd", "/bin/true")
            .replace(f"{HOME}/python", "/bin/true")
        )
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_COLOR": "0"},
    )
    complaints = [line for line in checked.stderr.splitlines() if "duckgres" in line or str(tmp_path) in line]
    assert (checked.returncode, complaints) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_system_calls_that_we_need_are_allowed(service):
    """Those that not every program makes; what Python and DuckDB do is every program's."""
    assert service["Service"]["SystemCallFilter"] == "@system-service"
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    sets = {block.split()[0]: set(block.split()[1:]) for block in re.split(r"\n(?=@)", listed)}

    def allowed(name):
        return {call for each in sets[name] for call in (allowed(each) if each.startswith("@") else {each})}

    assert {"pidfd_open", "pidfd_send_signal", "memfd_create", "flock", "setsid", "eventfd2", "waitid"} <= allowed(
        "@system-service"
    )


def test_the_server_understands_its_command(service):
    """And the twistd that it is given to."""
    program, *arguments = shlex.split(service["Service"]["ExecStart"])
    assert program == f"{HOME}/twistd"
    end = arguments.index("duckgres")
    twistd = TwistdOptions()
    twistd.parseOptions(arguments[:end])
    assert twistd["nodaemon"]
    assert twistd["pidfile"] == ""
    ServerOptions().parseOptions(arguments[end + 1 :])


@pytest.mark.parametrize(("setting", "command"), [("ExecReload", "takeover"), ("ExecStop", "stop")])
def test_the_console_understands_its_commands(service, setting, command):
    """`python -m duckgres_tx …`."""
    program, *arguments = shlex.split(service["Service"][setting])
    assert (program, *arguments[:2]) == (f"{HOME}/python", "-m", "duckgres_tx")
    options = ConsoleOptions()
    options.parseOptions(arguments[2:])
    assert options.subCommand == command


def test_the_environment_is_understood_and_agrees_with_the_directories(service, monkeypatch):
    """What systemd makes is what the server uses."""
    environment = environment_of(service)
    assert config.unknown_variables(environment) == []
    assert environment["DUCKGRES_CONFIG"] == f"/etc/{service['Service']['ConfigurationDirectory']}/duckgres.yaml"
    environment["DUCKGRES_CONFIG"] = str(UNITS / "duckgres.yaml")
    settings = config.load({}, environment)
    assert str(settings.data_dir) == f"/var/lib/{service['Service']['StateDirectory']}"
    assert str(settings.runtime_dir) == f"/run/{service['Service']['RuntimeDirectory']}"
    assert settings.handover is not None
    assert settings.handover.parent == settings.runtime_dir
    assert settings.workers > 0
    needed = settings.max_connections + 256
    assert int(service["Service"]["LimitNOFILE"]) >= needed
    assert int(service["Service"]["TimeoutStopSec"]) > settings.shutdown_timeout


def test_workers_outlive_their_control_plane_and_not_the_service(service):
    """What the manual says about each of these."""
    section = service["Service"]
    assert section["Type"] == "notify"
    assert section["NotifyAccess"] == "all"
    assert section["KillMode"] == "process"
    assert section["RuntimeDirectoryPreserve"] == "yes"
    assert section["OOMPolicy"] == "continue"
    assert section["Restart"] == "on-failure"
    assert int(section["FileDescriptorStoreMax"]) > 0
    assert int(section["WatchdogSec"]) > 0


def test_the_sockets_are_those_of_the_configuration():
    """A server that is given another one refuses to start."""
    unit = Unit("duckgres.socket")
    settings = config.load({"config": str(UNITS / "duckgres.yaml")}, {})
    assert unit.lists["ListenStream"] == [f"{settings.host[0]}:{settings.port}"]
    assert unit["Socket"]["BindIPv6Only"] == "ipv6-only"


def test_the_console_is_a_program():
    """It can be run as the unit runs it."""
    shown = subprocess.run(
        [sys.executable, "-m", "duckgres_tx", "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert all(command in shown for command in ("status", "roll", "drain", "takeover", "stop"))
