"""What a process has around its server: the handover socket, the PID files, and those who answer there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from attrs import frozen

from duckgres_tx import config as configuration
from duckgres_tx.config import Config, ConfigError
from duckgres_tx.handover.first_process import FirstProcess, is_first_process
from duckgres_tx.handover.handover_socket import HandoverSocket, who_listens
from duckgres_tx.handover.incumbency import Incumbency
from duckgres_tx.handover.incumbent_end import IncumbentEnd
from duckgres_tx.handover.notify import notifier
from duckgres_tx.handover.pid_file import BadPidFile, PidFile
from duckgres_tx.handover.signposts import PutUpSignposts
from duckgres_tx.handover.successor import CommandLine, start_successor
from duckgres_tx.office import ServerOffice
from duckgres_tx.options import Options
from duckgres_tx.pool.link import Link
from duckgres_tx.pool.spawning import child_environment
from duckgres_tx.preparation import CannotStart
from duckgres_tx.supervision import Supervision

# in the runtime directory: for the first process of a container, and for people
SERVER_PID_FILE = "server.pid"


@frozen
class Launch:
    """How this process was started.

    Attributes:
        config: What the operator wants.
        options: How it was said on the command line.
        command_line: With which a successor is started.
        pid_file: The one that this server looks after; None when twistd does, or there is none.
        twistd_options: Twistd's own.
    """

    config: Config
    options: Mapping[str, str | None]
    command_line: CommandLine
    pid_file: PidFile | None
    twistd_options: MutableMapping[str, Any]

    @property
    def directories(self) -> tuple[str, str]:
        """Data and runtime directory, without symbolic links: two servers that have them in common are the same one."""
        return os.path.realpath(self.config.data_dir), os.path.realpath(self.config.runtime_path)

    @property
    def log_file(self) -> Path:
        """Twistd's log file, if it writes one."""
        return self.command_line.directory / (self.twistd_options.get("logfile") or "twistd.log")

    def read_again(self) -> Config:
        """What the operator wants now: the same options and variables, and what the file says by now.

        Raises:
            ConfigError: It can't be used.
        """
        try:
            # paths are relative to where the server was started, which isn't where a daemon is
            with contextlib.chdir(self.command_line.directory):
                return configuration.load(self.options, os.environ)
        except OSError as error:
            raise ConfigError(f"{error.filename}: {error.strerror or error}") from error

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
    supervision: Supervision


def furnish(reactor: Any, launch: Launch, leave: Callable[[], None], take_signals: Callable[[], None]) -> Premises:
    """Make the parts and tie them; nothing can be seen from outside yet.

    Args:
        reactor: Runs it.
        launch: How this process was started.
        leave: Ends this process, when another one serves.
        take_signals: Takes this process's signals again, which were another one's for a while.
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
    supervision = Supervision(reactor, notifier(reactor, os.environ), lambda: premises.office.describe())
    office = ServerOffice(reactor, incumbency, lambda: start_successor(reactor, successor, os.environ), supervision)
    signposts.followers.append(supervision)
    if is_first_process():
        first = FirstProcess(reactor, files[0].path, child_environment(os.environ), take_signals)
        reactor.callWhenRunning(first.begin)
        signposts.followers.append(first)
    premises = Premises(signposts, incumbency, office, supervision)
    return premises


def launch_of(config: Config, options: Options, twistd_options: MutableMapping[str, Any]) -> Launch:
    """How this process was started; to be called while it still has its working directory."""
    file = None if options.pidfile is None else PidFile(options.pidfile)
    command_line = CommandLine.of_this_process(options.working_directory)
    return Launch(config, options.given(), command_line, file, twistd_options)
