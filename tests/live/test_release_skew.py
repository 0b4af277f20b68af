"""A takeover between two releases, in both directions; and between two that have no protocol in common.

U14 in docs/zero-downtime.md. The other release is an earlier commit of this repository whose engine is built as ours is; where there is no
history (an exported tree, a shallow clone), a copy of this release that says it is another one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from attrs import define
from succession import Asking, connect, refused, running_fleet, serves, succeed, until

from storm.fleet import Fleet

HERE = Path(__file__).resolve().parents[2]
# what is compiled, and the release that can take over for the first time
NATIVE = "*.pyx", "*.pxd"
FIRST_WITH = "duckgres_tx/handover/newcomer.py"
MOST_COMMITS = 200


def git(*words: str) -> bytes:
    """What git says; nothing when there is no repository."""
    told = subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, check=False, timeout=60)
    return told.stdout if told.returncode == 0 else b""


def native_sources(commit: str) -> bytes:
    """What the extension modules of a commit are built from."""
    lines = git("ls-tree", "-r", commit, "duckgres_tx/engine").splitlines()
    return b"\n".join(line for line in lines if line.endswith((b".pyx", b".pxd")))


def earlier_commit() -> str:
    """The newest commit before this one that differs in the program, can take over, and has our engine; "" without one."""
    ours = native_sources("HEAD")
    program = git("rev-parse", "HEAD:duckgres_tx")
    for commit in git("rev-list", "--first-parent", f"--max-count={MOST_COMMITS}", "HEAD").decode().split()[1:]:
        if not git("ls-tree", commit, FIRST_WITH) or native_sources(commit) != ours:
            return ""
        if git("rev-parse", f"{commit}:duckgres_tx") != program:
            return commit
    return ""


@pytest.fixture(scope="module")
def other_release(tmp_path_factory):
    """A directory with another release's packages."""
    home = tmp_path_factory.mktemp("release")
    commit = earlier_commit()
    if commit:
        with tarfile.open(fileobj=BytesIO(git("archive", commit, "duckgres_tx", "twisted"))) as archive:
            archive.extractall(home, filter="data")
        for module in (HERE / "duckgres_tx" / "engine").glob("*.so"):
            shutil.copy2(module, home / "duckgres_tx" / "engine")
    else:
        for package in ("duckgres_tx", "twisted"):
            shutil.copytree(HERE / package, home / package)
        # its digest is another one from now on
        with (home / "duckgres_tx" / "errors.py").open("a", encoding="utf-8") as file:
            file.write("# another release\n")
    return home


@pytest.fixture
def path_to(other_release):
    """The environment in which a server is started from the other release."""
    return {"PYTHONPATH": str(other_release)}


def runs_from(pid: int, home: Path) -> bool:
    """Whether a process has its code from there."""
    environ = Path(f"/proc/{pid}/environ").read_bytes()
    found = re.search(rb"(?:^|\0)PYTHONPATH=([^\0]*)", environ)
    return found is not None and found[1].startswith(str(home).encode())


OURS = {"PYTHONPATH": str(HERE)}


@define
class Skew:
    """A server that goes from one release to another, with a session in the middle of a transaction."""

    fleet: Fleet

    def go(self, release: dict[str, str], home: Path, table: str) -> None:
        """Take over with another release: sessions survive, its workers take the place of the others', one by one."""
        fleet = self.fleet
        old = fleet.workers_alive()
        assert not any(runs_from(pid, home) for pid in old)
        with contextlib.closing(connect(fleet, sslmode="disable")) as session:
            session.execute(f"CREATE TABLE {table} AS SELECT 5 AS x")
            session.execute("BEGIN")
            session.execute(f"INSERT INTO {table} VALUES (6)")
            fleet.environment = {**fleet.environment, **release}
            succeed(fleet)
            assert runs_from(fleet.serving.pid, home)
            session.execute("COMMIT")
            until(lambda: set(fleet.workers_alive()).isdisjoint(old), 60, "end of the other release's workers")
        until(lambda: len(fleet.workers_alive()) == 2, 30, "two workers")
        assert all(runs_from(pid, home) for pid in fleet.workers_alive())
        with connect(fleet) as again:
            assert again.execute(f"SELECT sum(x) FROM {table}").fetchone() == (11,)


def test_takeovers_between_two_releases(other_release, path_to):
    """From the other release to this one and back: nobody notices, and afterwards there are only workers of the new one."""
    env = {"DUCKGRES_DRAIN_GRACE": "500ms", "DUCKGRES_DRAIN_TIMEOUT": "60s", **path_to}
    with running_fleet(env=env) as fleet:
        skew = Skew(fleet)
        skew.go(OURS, HERE, "there")
        skew.go(path_to, other_release, "back")


def test_no_roll_keeps_the_other_release_s_workers(path_to):
    """With --no-roll they serve on, whoever is in charge, cancels and all."""
    with running_fleet(env=path_to) as fleet, contextlib.closing(connect(fleet)) as session:
        workers = sorted(fleet.workers_alive())
        fleet.environment = {**fleet.environment, **OURS}
        succeed(fleet, "--no-roll")
        with Asking(session, "SELECT pg_sleep(60)") as asking:
            until(lambda: session.info.transaction_status.name == "ACTIVE", 10, "running query")
            session.cancel_safe()
        assert asking.error is not None
        assert asking.error.sqlstate == "57014"
        assert sorted(fleet.workers_alive()) == workers
        assert serves(fleet)


SITE = """
import duckgres_tx.handover.commands as commands

commands.VERSION, commands.OLDEST_VERSION = {newest}, {oldest}
"""


def skewed(directory: Path, oldest: int, newest: int) -> dict[str, str]:
    """The environment of a server that speaks these versions of the takeover's protocol."""
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(SITE.format(oldest=oldest, newest=newest), encoding="utf-8")
    return {"PYTHONPATH": f"{directory}{os.pathsep}{HERE}"}


def test_a_newcomer_with_other_versions_of_the_protocol(tmp_path):
    """One that doesn't speak ours is told so, and nothing has happened; one that also speaks ours takes over."""
    with running_fleet(env=OURS) as fleet, contextlib.closing(connect(fleet)) as session:
        incumbent = fleet.serving
        for oldest, newest in ((98, 99), (0, 0)):
            environment = skewed(tmp_path / str(newest), oldest, newest)
            assert "version" in refused(fleet, fleet.launch(environment=environment))
            assert fleet.serving is incumbent
            assert serves(fleet)
        succeed(fleet, env=skewed(tmp_path / "both", 1, 99))
        assert session.execute("SELECT 42").fetchone() == (42,)
        assert serves(fleet)


def test_an_incumbent_with_other_versions_of_the_protocol(tmp_path):
    """The newcomer is today's, the incumbent speaks nothing that it knows: the same."""
    with running_fleet(env=skewed(tmp_path / "old", 98, 99)) as fleet, contextlib.closing(connect(fleet)) as session:
        incumbent = fleet.serving
        assert "version" in refused(fleet, fleet.launch(environment=OURS))
        assert fleet.serving is incumbent
        assert session.execute("SELECT 42").fetchone() == (42,)
        assert serves(fleet)
