"""A real systemd, as a user's manager, in namespaces of its own: what it does to the unit is what a system's does.

It needs root (for the namespaces) and a systemd that is installed but not running anything here: nothing outside of the namespaces is
touched but an empty control group, which is removed again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from attrs import define
from servers import wait_until

SYSTEMD = "/lib/systemd/systemd"
_GROUPS = (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_INNER = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user
chmod 700 /run/user
if mountpoint -q /sys/fs/cgroup/systemd; then
    umount -l /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
else
    umount -l /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
export XDG_RUNTIME_DIR=/run/user XDG_CONFIG_HOME="$1/config" HOME="$1" SYSTEMD_LOG_TARGET=console
unset DBUS_SESSION_BUS_ADDRESS NOTIFY_SOCKET
# the first process of a namespace would take itself for the system's manager
/lib/systemd/systemd --user --unit=basic.target &
wait
"""


def why_not() -> str:
    """Why there can't be one here; "" when there can."""
    if os.geteuid() != 0:
        return "needs root for its namespaces"
    missing = [name for name in ("unshare", "nsenter", "systemctl") if shutil.which(name) is None]
    if not Path(SYSTEMD).exists():
        missing.append(SYSTEMD)
    if missing:
        return f"{', '.join(missing)} not installed"
    if Path("/run/systemd/system").exists():
        return "systemd runs this machine: its control groups are not ours to play with"
    tried = subprocess.run(
        ["unshare", "--cgroup", "--pid", "--mount", "--fork", "--mount-proc", "true"],
        capture_output=True,
        check=False,
        timeout=30,
    )
    return "" if tried.returncode == 0 else "namespaces are not permitted here"


@define(eq=False)
class Systemd:
    """A running one.

    Attributes:
        root: Everything of it is below this directory.
        process: ``unshare``, its parent.
        pid: The first process of its namespaces, seen from outside.
    """

    root: Path
    process: subprocess.Popen[bytes]
    pid: int = 0

    @property
    def units(self) -> Path:
        """Where it looks for units."""
        return self.root / "config" / "systemd" / "user"

    @property
    def log(self) -> str:
        """What it says, and its services."""
        return (self.root / "systemd.log").read_text(encoding="utf-8", errors="replace")

    def run(self, *command: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a command in its namespaces."""
        return subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--cgroup", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
            env={**os.environ, "XDG_RUNTIME_DIR": "/run/user"},
        )

    def systemctl(self, *words: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Command it."""
        return self.run("systemctl", "--user", "--no-pager", *words, timeout_s=timeout_s)

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", unit, f"--property={name}", "--value").stdout.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        # the first process of the namespace takes all others along
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.process.wait(30)


@contextlib.contextmanager
def running_systemd(root: Path) -> Iterator[Systemd]:
    """A systemd that has no unit yet."""
    (root / "config" / "systemd" / "user").mkdir(parents=True)
    (root / "inner.sh").write_text(_INNER, encoding="utf-8")
    with _own_group() as procs:
        outer = "; ".join([*(f"echo $$ > {path}" for path in procs), 'exec unshare "$@"'])
        with (root / "systemd.log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *("sh", "-c", outer, "sh"),
                    *("--cgroup", "--pid", "--mount", "--fork", "--mount-proc"),
                    *("sh", str(root / "inner.sh"), str(root)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with Systemd(root, process) as systemd:
            wait_until(lambda: _is_up(systemd), 30, "systemd")
            yield systemd


def _is_up(systemd: Systemd) -> bool:
    assert systemd.process.poll() is None, systemd.log
    children = Path(f"/proc/{systemd.process.pid}/task/{systemd.process.pid}/children").read_text(encoding="ascii")
    if not children.strip():
        return False
    systemd.pid = int(children.split()[0])
    return systemd.systemctl("is-system-running").stdout.strip() in ("running", "degraded")


@contextlib.contextmanager
def _own_group() -> Iterator[list[Path]]:
    """A control group in each hierarchy that systemd uses; removed when the last process has left it."""
    roots = [path for path in _GROUPS if (path / "cgroup.procs").exists()]
    groups = [path / f"duckgres-test-{os.getpid()}" for path in roots]
    for group in groups:
        group.mkdir()
    try:
        yield [group / "cgroup.procs" for group in groups]
    finally:
        for group in groups:
            _remove(group)


def _remove(group: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            for inner in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
                inner.rmdir()
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
