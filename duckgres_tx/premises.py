"""What a process has around its server: the handover socket, the PID files, and those who answer there."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

from attrs import frozen

from duckgres_tx.config import Config
from duckgres_tx.handover.handover_socket import HandoverSocket, who_listens
from duckgres_tx.handover.incumbency import Incumbency
from duckgres_tx.handover.incumbent_end import IncumbentEnd
from duckgres_tx.handover.pid_file import BadPidFile, PidFile
from duckgres_tx.handover.signposts import PutUpSignposts
from duckgres_tx.handover.successor import CommandLine, start_successor
from duckgres_tx.office import ServerOffice
from duckgres_tx.pool.link import Link
from duckgres_tx.preparation import CannotStart

# in the runtime directory: for the first process of a container, and for people
SERVER_PID_FILE = "server.pid"


@frozen
class Launch:
    """How this process was started.

    Attributes:
        config: What the operator wants.
        command_line: With which a successor is started.
        pid_file: The one that this server looks after; None when twistd does, or there is none.
        twistd_options: Twistd's own.
    """

    config: Config
    command_line: CommandLine
    pid_file: PidFile | None
    twistd_options: MutableMapping[str, Any]

    @property
    def directories(self) -> tuple[str, str]:
        """Data and runtime directory, without symbolic links: two servers that have them in common are the same one."""
        return os.path.realpath(self.config.data_dir), os.path.realpath(self.config.runtime_path)

    def find_incumbent(self) -> int | None:
        """The process that is to be taken over: its pid, 0 if that isn't to be known; None when there is none.

        Raises:
            CannotStart: The PID file names another process, which lives.
        """
        handover = self.config.handover
        incumbent = None if handover is None else who_listens(handover)
        try:
            named = None if self.pid_file is None else self.pid_file.holder()
        except BadPidFile as error:
            raise CannotStart(str(error)) from error
        if self.pid_file is not None and named is not None and incumbent not in (named, 0):
            raise CannotStart(
                f"process {named} lives, which the PID file {self.pid_file.path} names, "
                f"and it does not serve {handover}: stop it, or name another PID file"
            )
        return incumbent


@frozen
class Premises:
    """All of it."""

    signposts: PutUpSignposts
    incumbency: Incumbency
    office: ServerOffice


def furnish(reactor: Any, launch: Launch, leave: Callable[[], None]) -> Premises:
    """Make the parts and tie them; nothing can be seen from outside yet.

    Args:
        reactor: Runs it.
        launch: How this process was started.
        leave: Ends this process, when another one serves.
    """
    config = launch.config

    def make_link(lost: Callable[[Link], None]) -> Link:
        return IncumbentEnd(premises.incumbency, premises.office, lost)

    def is_needed(link: Link) -> bool:
        return premises.incumbency.is_needed(link)

    socket = HandoverSocket(reactor, config.handover_path, make_link, is_needed)
    files = [PidFile(config.runtime_path / SERVER_PID_FILE)]
    if launch.pid_file is not None:
        files.append(launch.pid_file)
    signposts = PutUpSignposts(reactor, socket, files, launch.twistd_options)
    incumbency = Incumbency(reactor, launch.directories, signposts, config.takeover_standby, leave)
    successor = launch.command_line.with_handover(config.handover_path)
    office = ServerOffice(reactor, incumbency, lambda: start_successor(reactor, successor, os.environ))
    premises = Premises(signposts, incumbency, office)
    return premises


def launch_of(
    config: Config, pid_file: Path | None, directory: Path, twistd_options: MutableMapping[str, Any]
) -> Launch:
    """How this process was started; to be called while it still has its working directory."""
    file = None if pid_file is None else PidFile(pid_file)
    return Launch(config, CommandLine.of_this_process(directory), file, twistd_options)
