"""SIGHUP: the configuration is read again, and what can change while clients are served is changed.

Everything is read and checked before anything is touched: a file with a mistake changes nothing and is one line in the log. What only
new workers, a new control plane or a new server can do is named in a warning, with what brings it about.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Protocol

import attrs
from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from duckgres_tx.config import Config, ConfigError, settings
from duckgres_tx.preparation import CannotStart, Material, Prepared, read_material
from duckgres_tx.tasks import start


class TakesEffect(Enum):
    """When a setting that has changed takes effect; the words are for the log."""

    AT_ONCE = "now"
    WITH_NEW_WORKERS = "a roll (SIGUSR2)"
    WITH_A_TAKEOVER = "a takeover (SIGUSR1)"
    WITH_A_RESTART = "a restart"


_EXCEPTIONS = {
    TakesEffect.WITH_NEW_WORKERS: ("extensions", "allowed_directories"),
    TakesEffect.WITH_A_TAKEOVER: ("host", "port", "unix_socket_dir", "handover"),
    TakesEffect.WITH_A_RESTART: ("data_dir", "runtime_dir", "process_isolation"),
}


class ServingCrew(Protocol):
    """The workers, as far as a reload is concerned."""

    async def reconfigure(self) -> dict[str, tuple[str, ...]]:
        """Have all take the settings that new ones would get; what a worker can't take is answered under its name."""


@frozen
class Difference:
    """What has changed in a configuration.

    Attributes:
        effective: What holds from now on: the old one, with all that needn't wait for another control plane.
        changed: Names of settings, by when they take effect.
    """

    effective: Config
    changed: dict[TakesEffect, tuple[str, ...]]


def takes_effect(path: str) -> TakesEffect:
    """When a setting takes effect, by its name in YAML."""
    return next((when for when, paths in _EXCEPTIONS.items() if path in paths), TakesEffect.AT_ONCE)


def compare(current: Config, wanted: Config) -> Difference:
    """Find out what has changed, and what of it holds from now on."""
    changed: dict[TakesEffect, list[str]] = {}
    kept: dict[str, Any] = {}
    for setting in settings():
        old, new = (functools.reduce(getattr, setting.path.split("."), each) for each in (current, wanted))
        if old == new:
            continue
        when = _when(setting.path, current, wanted)
        changed.setdefault(when, []).append(setting.path)
        if when not in (TakesEffect.AT_ONCE, TakesEffect.WITH_NEW_WORKERS):
            kept[setting.path] = old
    effective = attrs.evolve(wanted, **kept)
    return Difference(effective, {when: tuple(paths) for when, paths in changed.items()})


@define(eq=False)
class Reloading:
    """Reads the configuration again, one time after the other."""

    _prepared: Prepared
    _read: Callable[[], Config]
    # has this process take the configuration that holds from now on
    _apply: Callable[[Config], None]
    _crew: ServingCrew
    # told of each reload, and of what went wrong with it: "" for nothing
    _began: Callable[[], None]
    _ended: Callable[[str], None]
    _under_way: Deferred[str | None] | None = None
    _again: bool = False
    _log: Logger = field(factory=Logger)

    def ask(self) -> None:
        """SIGHUP. While a reload is under way, one more is remembered."""
        if self._under_way is not None:
            self._again = True
            return
        self._began()
        self._under_way = start(self.reload(), "reload the configuration")

        def ended(outcome: str | None) -> None:
            self._under_way = None
            self._ended("an unexpected error, see the log" if outcome is None else outcome)
            if self._again:
                self._again = False
                self.ask()

        self._under_way.addCallback(ended)

    async def reload(self) -> str:
        """Read, check, apply.

        Returns:
            Why nothing has changed, in one line; "" when the configuration holds.
        """
        try:
            difference = compare(self._prepared.config, self._read())
            material = read_material(difference.effective)
        except (ConfigError, CannotStart) as error:
            self._log.error("the configuration is not reloaded, nothing has changed: {error}", error=str(error))
            return str(error)
        await self._put_into_force(difference, material)
        return ""

    async def _put_into_force(self, difference: Difference, material: Material) -> None:
        config = difference.effective
        changed = [
            *difference.changed.get(TakesEffect.AT_ONCE, ()),
            *_changed_material(self._prepared.material, material),
        ]
        self._prepared.renew(config, material)
        self._apply(config)
        stale = await self._crew.reconfigure()
        self._log.info(
            "the configuration has been reloaded; changed: {changed}",
            changed=_listed(changed) or "nothing",
        )
        for when, paths in difference.changed.items():
            if when is not TakesEffect.AT_ONCE:
                self._log.warn("{paths}: takes effect with {when}", paths=_listed(paths), when=when.value)
        for worker, names in stale.items():
            self._log.warn(
                "{worker} serves with older settings until it is replaced: {names}", worker=worker, names=_listed(names)
            )


def _when(path: str, current: Config, wanted: Config) -> TakesEffect:
    """`takes_effect`, but a server without worker processes can't be rolled, nor taken over."""
    when = takes_effect(path)
    if current.workers and wanted.workers:
        return when
    return when if when is TakesEffect.AT_ONCE and path != "workers" else TakesEffect.WITH_A_RESTART


def _changed_material(old: Material, new: Material) -> list[str]:
    """What isn't a setting. A password gets another verifier each time that it is read, so that only names can be compared."""
    differs = {
        "the certificate": old.certificate != new.certificate,
        "who signs clients' certificates": old.client_authorities != new.client_authorities,
        "the users": set(old.verifiers) != set(new.verifiers),
    }
    return [what for what, changed in differs.items() if changed]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
