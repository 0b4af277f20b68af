"""What the operator says is what holds, wherever it is said; and a mistake is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from duckgres_tx.admission import RateLimit
from duckgres_tx.config import Config, ConfigError, load, settings, unknown_variables

FULL = """
host: [127.0.0.1, "::1"]
port: 6543
unix_socket_dir: /tmp
data_dir: /srv/duck
workers: 3
runtime_dir: /run/duck
handover: /run/duck/handover.sock
tls:
  mode: require
  cert: /etc/duck/server.crt
  key: /etc/duck/server.key
allow_plaintext: true
users:
  alice: secret
superusers: [alice]
rate_limit:
  max_failed_attempts: 3
  failed_attempt_window: 10m
  ban_duration: 1h
  max_connections_per_ip: 7
max_connections: 50
extensions: [json, tpch]
allowed_directories: [/srv/files]
memory_limit: 4GiB
threads: 6
handshake_timeout: 20s
idle_timeout: -1
idle_in_transaction_timeout: 5m
statement_timeout: 1500ms
idle_database_timeout: 2m
shutdown_timeout: 45
orphan_timeout: 2m
drain_timeout: 30s
drain_grace: 1s
takeover_standby: 2s
roll_after_takeover: false
process_isolation: false
"""


def write(tmp_path: Path, text: str) -> dict[str, str]:
    """Options that name a file with that text."""
    path = tmp_path / "duckgres.yaml"
    path.write_text(text, encoding="utf-8")
    return {"config": str(path)}


def test_defaults_are_safe():
    """Nothing but loopback, TLS offered, no plain text from elsewhere."""
    config = load({}, {})

    assert config == Config()
    assert (config.host, config.port, config.workers) == (("127.0.0.1",), 5432, 0)
    assert (config.tls.mode, config.allow_plaintext) == ("prefer", False)
    assert config.data_dir == Path.cwd() / "data"


def test_every_key_of_the_file(tmp_path):
    """Each arrives, converted."""
    config = load(write(tmp_path, FULL), {})

    assert config.host == ("127.0.0.1", "::1")
    assert config.tls.cert == Path("/etc/duck/server.crt")
    assert config.users == {"alice": "secret"}
    assert config.rate_limit == RateLimit(
        max_failed_attempts=3, failed_attempt_window=600.0, ban_duration=3600.0, max_connections_per_ip=7
    )
    assert config.extensions == ("json", "tpch")
    assert config.memory_limit == 4 << 30
    assert (config.idle_timeout, config.statement_timeout, config.shutdown_timeout) == (0.0, 1.5, 45.0)
    assert config.runtime_dir == Path("/run/duck")
    assert {setting.path.split(".")[0] for setting in settings()} <= {
        line.partition(":")[0] for line in FULL.splitlines()
    }


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path):
    """In this order, for each setting by itself."""
    options = write(tmp_path, "port: 1\nhost: a\nthreads: 1\n")
    environment = {"DUCKGRES_PORT": "2", "DUCKGRES_HOST": "b"}
    config = load({**options, "port": "3"}, environment)

    assert (config.port, config.host, config.threads) == (3, ("b",), 1)


def test_the_file_may_be_named_in_the_environment(tmp_path):
    """As duckgres does."""
    path = write(tmp_path, "port: 1234")["config"]

    assert load({}, {"DUCKGRES_CONFIG": path}).port == 1234


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("DUCKGRES_TLS", "off", lambda config: config.tls.mode == "off"),
        ("DUCKGRES_EXTENSIONS", "json, tpch", lambda config: config.extensions == ("json", "tpch")),
        ("DUCKGRES_ALLOW_PLAINTEXT", "yes", lambda config: config.allow_plaintext is True),
        ("DUCKGRES_RATE_LIMIT_BAN_DURATION", "2h", lambda config: config.rate_limit.ban_duration == 7200.0),
        ("DUCKGRES_UNIX_SOCKET_DIR", "", lambda config: config.unix_socket_dir is None),
        ("DUCKGRES_PROCESS_ISOLATION", "false", lambda config: config.process_isolation is False),
        ("DUCKGRES_MEMORY_LIMIT", "1GB", lambda config: config.memory_limit == 10**9),
    ],
)
def test_environment_variables(variable, value, read):
    """Text is converted as the setting needs it."""
    assert read(load({}, {variable: value}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot: 5432", "unknown setting 'prot' in "),
        ("tls: {crt: x}", "unknown setting 'tls.crt' in "),
        ("tls: on", "tls in .* must be a section"),
        ("port: many", "port in .*: 'many' is not a whole number"),
        ("port: true", "port in .*: True is not a whole number"),
        ("port: 70000", "port: 70000 is not between 0 and 65535"),
        ("idle_timeout: soon", "idle_timeout in .*: 'soon' is not a duration"),
        ("memory_limit: much", "memory_limit in .*: 'much' is not a size"),
        ("allow_plaintext: maybe", "allow_plaintext in .*: 'maybe' is not true or false"),
        ("tls: {mode: always}", "tls.mode: 'always' is not one of off, prefer, require"),
        ("tls: {cert: /x}", "tls.cert and tls.key belong together"),
        ("users: {alice: 1234}", "users in .*put numbers in quotes"),
        ("users: [alice]", "users in .*must map"),
        ("extensions: 5", "extensions in .*is not a list"),
        ("host: ''", "there is nothing to listen on"),
        ("workers: -1", "workers: -1 is not between 0 and 256"),
        ("max_connections: 0", "max_connections: 0 is not between"),
        ("handshake_timeout: off", "handshake_timeout in .*|handshake_timeout: it can't be off"),
        ("drain_timeout: never", "drain_timeout: it can't be off"),
        ("takeover_standby: 6s", "takeover_standby: 6 s are more than 5 s"),
        ("{handover: /run/x.sock, workers: 0}", "handover: a server without worker processes"),
        ("ducklake: {metadata_store: x}", "ducklake in .*: DuckLake catalogs are not supported"),
        ("process_isolation: true", "process_isolation: a process per session is not supported"),
        ("- a", "does not hold a mapping"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_it(tmp_path, text, message):
    """Nothing is ignored."""
    with pytest.raises(ConfigError, match=message) as caught:
        load(write(tmp_path, text), {})

    assert "\n" not in str(caught.value)


def test_where_the_handover_socket_is():
    """Every server has one, in its runtime directory unless told otherwise."""
    assert load({"data-dir": "/d"}, {}).handover_path == Path("/d/run/handover.sock")
    assert load({"data-dir": "/d", "runtime-dir": "/r"}, {}).handover_path == Path("/r/handover.sock")
    assert load({"handover": "/x.sock"}, {}).handover_path == Path("/x.sock")


def test_who_names_the_handover_socket_gets_workers():
    """A server that does everything in one process can't be taken over."""
    assert load({"handover": "/x.sock"}, {}).workers == 2
    assert load({"handover": "/x.sock", "workers": "5"}, {}).workers == 5
    assert load({}, {"DUCKGRES_HANDOVER": ""}).workers == 0


def test_a_password_is_never_repeated(tmp_path):
    """Not even in the message about it."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "users: {alice: 31415926}"), {})

    assert "31415926" not in str(caught.value)


def test_mistakes_name_where_they_were_made():
    """The option, or the variable."""
    with pytest.raises(ConfigError, match=r"^--port: 'x'"):
        load({"port": "x"}, {})
    with pytest.raises(ConfigError, match=r"^DUCKGRES_PORT: 'x'"):
        load({}, {"DUCKGRES_PORT": "x"})
    with pytest.raises(ConfigError, match=r"can't read /nowhere/x\.yaml: No such file"):
        load({"config": "/nowhere/x.yaml"}, {})


def test_an_empty_file_says_nothing(tmp_path):
    """The defaults hold."""
    assert load(write(tmp_path, "# nothing\n"), {}) == Config()


def test_variables_that_nobody_reads_are_named():
    """A typing mistake in a unit file is seen in the log."""
    environment = {"DUCKGRES_PROT": "1", "DUCKGRES_PORT": "1", "DUCKGRES_CONFIG": "x", "HOME": "/"}

    assert unknown_variables(environment) == ["DUCKGRES_PROT"]


def test_each_setting_is_documented():
    """The page for operators has every key, variable and option."""
    page = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text(encoding="utf-8")
    for setting in settings():
        assert f"`{setting.path}`" in page, setting.path
        assert setting.env is None or f"`{setting.env}`" in page, setting.env
        assert setting.option is None or f"`--{setting.option}" in page, setting.option
