"""The file that names the process that serves.

`twistd` writes one when a process starts and removes it when that process ends, which is wrong for both ends of a takeover: the new process
isn't the server yet, and the old one isn't any more. Here it is replaced, in one step, by whoever begins to serve, and removed by whoever
ends only if it still names that process.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen

# the clock that stamps files and the one that stamps processes differ a little
_SLACK_S = 2.0
# fields of /proc/<pid>/stat, counted from behind the command in parentheses
_STATE_AT = 0
_START_TIME_AT = 19


class BadPidFile(Exception):
    """There is something else in the file than a pid; one line of text."""


@frozen
class PidFile:
    """One file."""

    path: Path

    def holder(self) -> int | None:
        """The living process that the file names; None when there is none but this one.

        A pid that was given to another process since the file was written doesn't count: in a container, where pids are few, that is
        what happens at every restart.

        Raises:
            BadPidFile: It holds no pid.
        """
        try:
            text = self.path.read_text(encoding="ascii").strip()
            written_at = self.path.stat().st_mtime
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise BadPidFile(f"can't read the PID file {self.path}: {error}") from error
        if not text.isdecimal():
            raise BadPidFile(f"the PID file {self.path} does not hold a number")
        pid = int(text)
        if pid == os.getpid():
            return None
        started_at = _started_at(pid)
        return None if started_at is None or started_at > written_at + _SLACK_S else pid

    def write(self) -> None:
        """Name this process.

        Raises:
            OSError: It can't be written.
        """
        new = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        new.write_text(f"{os.getpid()}\n", encoding="ascii")
        new.replace(self.path)

    def remove(self) -> None:
        """Remove it, if it names this process."""
        if self.names_us():
            self.path.unlink(missing_ok=True)

    def names_us(self) -> bool:
        """Whether it names this process."""
        try:
            return self.path.read_text(encoding="ascii").strip() == str(os.getpid())
        except (OSError, UnicodeDecodeError):
            return False


def _started_at(pid: int) -> float | None:
    """When a process was started, in seconds since 1970; None when there is none, or it is dead and only its parent doesn't know yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/stat").read_text(encoding="ascii")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[_STATE_AT] in "ZX":
        return None
    (booted_at,) = (int(line.split()[1]) for line in boot.splitlines() if line.startswith("btime "))
    return booted_at + int(fields[_START_TIME_AT]) / os.sysconf("SC_CLK_TCK")
