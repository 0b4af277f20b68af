"""The configuration: what the operator says, where it was said, and what holds when nobody says anything.

A setting is taken from the first of: the command line, the environment, the YAML file, its default here. Nothing is ignored: an unknown
key, a bad value, and a key for something that this server doesn't do are errors of one line that names them. `docs/configuration.md`
describes each setting for operators.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NewType

import attrs
import cattrs
import yaml
from attrs import Factory, field, frozen

from duckgres_tx.admission import RateLimit
from duckgres_tx.pool.resources import machine_memory_bytes
from duckgres_tx.quantities import parse_duration, parse_size

Bytes = NewType("Bytes", int)

ENVIRONMENT_PREFIX = "DUCKGRES_"
# read elsewhere: the configuration file's own path, the engine's library, what a test wants to go wrong, where a successor reports
_OTHER_VARIABLES = frozenset({"DUCKGRES_CONFIG", "DUCKGRES_LIBDUCKDB", "DUCKGRES_FAULTS", "DUCKGRES_REPORT_FD"})
# settings of duckgres that this server doesn't have: key, and what it would mean to ignore it
_NOT_HERE = {
    "ducklake": "DuckLake catalogs are not supported in this version",
    "passthrough_users": "pass-through users are not supported in this version",
    "file_persistence": "every database is a file here: leave this key out",
}
_TLS_MODES = ("off", "prefer", "require")
_CLIENT_CERT_MODES = ("off", "verify-ca", "verify-full", "cert")
MAX_WORKERS = 256
# a server that can be taken over has worker processes
HANDOVER_WORKERS = 2
# a server that has been taken over is gone within 5 s
MAX_STANDBY_S = 5.0


class ConfigError(Exception):
    """The configuration can't be used; one line of text names the setting and where it was set."""


@frozen(kw_only=True)
class Tls:
    """The ``tls`` section."""

    mode: str = field(default="prefer", metadata={"env": "TLS", "option": "tls"})
    cert: Path | None = field(default=None, metadata={"env": "CERT", "option": "cert"})
    key: Path | None = field(default=None, metadata={"env": "KEY", "option": "key"})
    client_ca: Path | None = field(default=None, metadata={"env": "TLS_CLIENT_CA"})
    client_cert: str = field(default="off", metadata={"env": "TLS_CLIENT_CERT"})


@frozen(kw_only=True)
class Config:
    """Every setting, by its name in YAML. A float is seconds, 0 meaning off; an empty path or list is none.

    A field's environment variable is ``DUCKGRES_`` and its name in capitals unless its metadata says otherwise; those with an
    ``option`` are on the command line too.
    """

    host: tuple[str, ...] = field(default=("127.0.0.1",), metadata={"option": "host"})
    port: int = field(default=5432, metadata={"option": "port"})
    unix_socket_dir: Path | None = field(default=None, metadata={"option": "unix-socket-dir"})
    data_dir: Path = field(factory=lambda: Path("data").absolute(), metadata={"option": "data-dir"})
    workers: int = field(default=0, metadata={"option": "workers"})
    runtime_dir: Path | None = field(default=None, metadata={"option": "runtime-dir"})
    handover: Path | None = field(default=None, metadata={"option": "handover"})
    tls: Tls = field(factory=Tls)
    allow_plaintext: bool = False
    users: dict[str, str] = Factory(dict)
    superusers: tuple[str, ...] = ("postgres",)
    rate_limit: RateLimit = field(factory=RateLimit)
    max_connections: int = 1000
    extensions: tuple[str, ...] = ()
    allowed_directories: tuple[str, ...] = ()
    memory_limit: Bytes = field(default=Bytes(0), metadata={"option": "memory-limit"})
    threads: int = field(default=0, metadata={"option": "threads"})
    handshake_timeout: float = 60.0
    idle_timeout: float = 86400.0
    idle_in_transaction_timeout: float = 0.0
    statement_timeout: float = 0.0
    idle_database_timeout: float = 60.0
    shutdown_timeout: float = 30.0
    orphan_timeout: float = 60.0
    drain_timeout: float = 60.0
    drain_grace: float = 5.0
    takeover_standby: float = 3.0
    roll_after_takeover: bool = field(default=True, metadata={"option": "roll-after-takeover"})
    process_isolation: bool = False

    @property
    def runtime_path(self) -> Path:
        """Where the sockets between the processes are."""
        return self.runtime_dir or self.data_dir / "run"

    @property
    def handover_path(self) -> Path:
        """The handover socket, which every server has."""
        return self.handover or self.runtime_path / "handover.sock"


@frozen
class Setting:
    """One leaf of `Config`.

    Attributes:
        path: Its name in YAML, sections before a dot.
        type: What it is converted to.
        env: Its environment variable; None for what can't be said in one (``users``).
        option: Its command-line option, without the dashes.
    """

    path: str
    type: Any
    env: str | None
    option: str | None


def settings(cls: type = Config, prefix: str = "") -> Iterator[Setting]:
    """All settings in the order in which they are documented."""
    hints = typing.get_type_hints(cls)
    for attribute in attrs.fields(cls):
        path = f"{prefix}{attribute.name}"
        kind = hints[attribute.name]
        if attrs.has(kind):
            yield from settings(kind, f"{path}.")
            continue
        name = attribute.metadata.get("env", path.replace(".", "_").upper())
        env = None if typing.get_origin(kind) is dict else ENVIRONMENT_PREFIX + name
        yield Setting(path, kind, env, attribute.metadata.get("option"))


def load(options: Mapping[str, str | None], environment: Mapping[str, str]) -> Config:
    """Read and check the configuration.

    Args:
        options: Command-line options by name without dashes; None for those that were not given. ``config`` names the YAML file.
        environment: Environment variables.

    Raises:
        ConfigError: Something in it can't be used.
    """
    path = options.get("config") or environment.get("DUCKGRES_CONFIG")
    document = _read_yaml(Path(path)) if path else {}
    source = str(path)
    _check_keys(document, Config, source)
    converter = _converter()
    values: dict[str, Any] = {}
    for setting in settings():
        found = _find(setting, options, environment, document, source)
        if found is not None:
            raw, where = found
            values[setting.path] = _convert(converter, setting, raw, where)
    if values.get("handover") is not None:
        values.setdefault("workers", HANDOVER_WORKERS)
    config = _assemble(values)
    _check(config)
    return config


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Environment variables that look like ours and are not: worth a warning."""
    known = {setting.env for setting in settings()} | _OTHER_VARIABLES
    return sorted(name for name in environment if name.startswith(ENVIRONMENT_PREFIX) and name not in known)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path} does not hold a mapping of settings")
    return document


def _check_keys(document: Mapping[Any, Any], cls: type, source: str, prefix: str = "") -> None:
    hints = typing.get_type_hints(cls)
    for key, value in document.items():
        path = f"{prefix}{key}"
        if path in _NOT_HERE:
            raise ConfigError(f"{path} in {source}: {_NOT_HERE[path]}")
        if key not in hints:
            raise ConfigError(f"unknown setting {path!r} in {source}")
        if attrs.has(hints[key]):
            if not isinstance(value, dict):
                raise ConfigError(f"{path} in {source} must be a section")
            _check_keys(value, hints[key], source, f"{path}.")


def _find(
    setting: Setting,
    options: Mapping[str, str | None],
    environment: Mapping[str, str],
    document: Mapping[str, Any],
    source: str,
) -> tuple[Any, str] | None:
    if setting.option and options.get(setting.option) is not None:
        return options[setting.option], f"--{setting.option}"
    if setting.env and setting.env in environment:
        return environment[setting.env], setting.env
    value: Any = document
    for key in setting.path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return None if value is None else (value, f"{setting.path} in {source}")


def _convert(converter: cattrs.Converter, setting: Setting, raw: Any, where: str) -> Any:
    try:
        return converter.structure(raw, setting.type)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _assemble(values: Mapping[str, Any]) -> Config:
    sections: dict[str, dict[str, Any]] = {"tls": {}, "rate_limit": {}}
    plain: dict[str, Any] = {}
    for path, value in values.items():
        section, dot, key = path.partition(".")
        if dot:
            sections[section][key] = value
        else:
            plain[path] = value
    return Config(tls=Tls(**sections["tls"]), rate_limit=RateLimit(**sections["rate_limit"]), **plain)


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=False)
    converter.register_structure_hook(str, lambda raw, _: _text(raw))
    converter.register_structure_hook(int, lambda raw, _: _whole_number(raw))
    converter.register_structure_hook(bool, lambda raw, _: _yes_or_no(raw))
    converter.register_structure_hook(float, lambda raw, _: parse_duration(_scalar(raw)))
    converter.register_structure_hook(Path, lambda raw, _: _path(raw))
    converter.register_structure_hook_func(
        lambda kind: kind is Bytes, lambda raw, _: parse_size(_scalar(raw), machine_memory_bytes())
    )
    converter.register_structure_hook_func(
        lambda kind: isinstance(kind, types.UnionType), lambda raw, _: None if raw == "" else _path(raw)
    )
    converter.register_structure_hook_func(lambda kind: _is_a(kind, tuple), lambda raw, _: _list(raw))
    converter.register_structure_hook_func(lambda kind: _is_a(kind, dict), lambda raw, _: _mapping(raw))
    return converter


def _is_a(kind: Any, container: type) -> bool:
    origin: Any = typing.get_origin(kind)
    return origin is container


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"{raw!r} is not text: put it in quotes")
    return raw


def _scalar(raw: Any) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise TypeError(f"{raw!r} is not a number with a unit")
    return str(raw)


def _whole_number(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise TypeError(f"{raw!r} is not a whole number")
    try:
        return int(raw)
    except ValueError:
        raise ValueError(f"{raw!r} is not a whole number") from None


def _yes_or_no(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    answer = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
    try:
        return answer[str(raw).strip().lower()]
    except KeyError:
        raise ValueError(f"{raw!r} is not true or false") from None


def _path(raw: Any) -> Path:
    text = _text(raw)
    if not text:
        raise ValueError("an empty path")
    return Path(text).expanduser().absolute()


def _list(raw: Any) -> tuple[str, ...]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ValueError(f"{raw!r} is not a list of texts")
    return tuple(part.strip() for part in parts if part.strip())


def _mapping(raw: Any) -> dict[str, str]:
    if not isinstance(raw, dict) or not all(isinstance(part, str) and part for pair in raw.items() for part in pair):
        # the values are passwords: they are not repeated here
        raise ValueError("must map user names to passwords, both text (put numbers in quotes)")
    return raw


def _check(config: Config) -> None:
    """What no single value shows, and ranges."""
    if config.process_isolation:
        raise ConfigError("process_isolation: a process per session is not supported; set workers instead")
    if config.tls.mode not in _TLS_MODES:
        raise ConfigError(f"tls.mode: {config.tls.mode!r} is not one of {', '.join(_TLS_MODES)}")
    if (config.tls.cert is None) != (config.tls.key is None):
        raise ConfigError("tls.cert and tls.key belong together: one of them is missing")
    if config.tls.client_cert not in _CLIENT_CERT_MODES:
        raise ConfigError(f"tls.client_cert: {config.tls.client_cert!r} is not one of {', '.join(_CLIENT_CERT_MODES)}")
    if config.tls.client_cert != "off" and (config.tls.client_ca is None or config.tls.mode == "off"):
        raise ConfigError("tls.client_cert needs tls.client_ca, and TLS")
    for name, value, least, most in (
        ("port", config.port, 0, 65535),
        ("workers", config.workers, 0, MAX_WORKERS),
        ("threads", config.threads, 0, 1024),
        ("max_connections", config.max_connections, 1, 1_000_000),
        ("rate_limit.max_failed_attempts", config.rate_limit.max_failed_attempts, 0, 1_000_000),
        ("rate_limit.max_connections_per_ip", config.rate_limit.max_connections_per_ip, 0, 1_000_000),
    ):
        if not least <= value <= most:
            raise ConfigError(f"{name}: {value} is not between {least} and {most}")
    if not config.host and config.unix_socket_dir is None:
        raise ConfigError("host is empty and unix_socket_dir is not set: there is nothing to listen on")
    for name, seconds in (
        ("handshake_timeout", config.handshake_timeout),
        ("orphan_timeout", config.orphan_timeout),
        ("drain_timeout", config.drain_timeout),
    ):
        if not seconds:
            raise ConfigError(f"{name}: it can't be off")
    if config.takeover_standby > MAX_STANDBY_S:
        raise ConfigError(f"takeover_standby: {config.takeover_standby:g} s are more than {MAX_STANDBY_S:g} s")
    if config.handover is not None and not config.workers:
        raise ConfigError("handover: a server without worker processes (workers: 0) can't take over, nor be taken over")
