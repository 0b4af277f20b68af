"""Who may come in: limits on connections, and bans for addresses that guess passwords.

The counts are fed by what workers tell: a connection counts from the hand-over to its end, a login fails where it is checked. A
client on a UNIX socket counts towards `max_connections` only. A CancelRequest is never refused here.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from duckgres_tx.errors import PgError, Severity, TooManyConnections

# addresses whose failed logins are remembered
MAX_ADDRESSES = 10_000


@frozen(kw_only=True)
class RateLimit:
    """The ``rate_limit`` section of the configuration; 0 switches a limit off.

    Attributes:
        max_failed_attempts: Failed logins from one address within the window that ban it.
        failed_attempt_window: Seconds that a failed login is remembered.
        ban_duration: Seconds that a ban lasts.
        max_connections_per_ip: Connections from one address at once.
    """

    max_failed_attempts: int = 5
    failed_attempt_window: float = 300.0
    ban_duration: float = 900.0
    max_connections_per_ip: int = 500


@frozen
class Grudge:
    """What is held against an address, in times that another process understands.

    Attributes:
        host: The address.
        failure_ages_s: How long ago logins failed, the oldest first.
        ban_left_s: How long its ban lasts still; 0 without one.
    """

    host: str
    failure_ages_s: tuple[float, ...] = ()
    ban_left_s: float = 0.0


@define(eq=False)
class _Record:
    """What is held against an address: times of failed logins, and when its ban ends."""

    failures: deque[float] = field(factory=deque)
    banned_until: float = 0.0


@define(eq=False)
class Admission:
    """Counts and judges."""

    _clock: IReactorTime
    _max_connections: int
    _limit: RateLimit
    open_connections: int = 0
    _per_host: dict[str, int] = field(factory=dict)
    _records: OrderedDict[str, _Record] = field(factory=OrderedDict)
    _log: Logger = field(factory=Logger)

    def limit(self, max_connections: int, rate_limit: RateLimit) -> None:
        """Judge by other limits from now on. Who is in stays in, who is banned stays banned."""
        self._max_connections = max_connections
        self._limit = rate_limit

    def admit(self, remote_host: str) -> PgError | None:
        """A client is at the door.

        Returns:
            None: it is counted as open, and `closed` must be called once. Otherwise what to tell it: 53300 for a limit that is
            reached, 28000 for a ban.
        """
        if self.is_banned(remote_host):
            return PgError("28000", "too many failed login attempts from this address", severity=Severity.FATAL)
        if self.open_connections >= self._max_connections:
            return TooManyConnections("sorry, too many clients already", severity=Severity.FATAL)
        per_host = self._limit.max_connections_per_ip
        if remote_host and per_host and self._per_host.get(remote_host, 0) >= per_host:
            return TooManyConnections("too many connections from this address", severity=Severity.FATAL)
        self.enter(remote_host)
        return None

    def enter(self, remote_host: str) -> None:
        """A client is here, whatever the limits say: another control plane has let it in. `closed` must be called once."""
        self.open_connections += 1
        if remote_host:
            self._per_host[remote_host] = self._per_host.get(remote_host, 0) + 1

    def closed(self, remote_host: str) -> None:
        """A client that was admitted is gone."""
        self.open_connections -= 1
        if remote_host:
            left = self._per_host[remote_host] - 1
            if left:
                self._per_host[remote_host] = left
            else:
                del self._per_host[remote_host]

    def is_banned(self, remote_host: str) -> bool:
        """Whether an address has failed too often, too recently."""
        record = self._records.get(remote_host)
        return record is not None and record.banned_until > self._clock.seconds()

    def login_failed(self, remote_host: str) -> None:
        """A worker has seen a wrong password, or an unknown user, from that address."""
        if not remote_host or not self._limit.max_failed_attempts:
            return
        now = self._clock.seconds()
        record = self._records.setdefault(remote_host, _Record())
        self._records.move_to_end(remote_host)
        record.failures.append(now)
        while record.failures and record.failures[0] < now - self._limit.failed_attempt_window:
            record.failures.popleft()
        if len(record.failures) >= self._limit.max_failed_attempts:
            record.failures.clear()
            record.banned_until = now + self._limit.ban_duration
            self._log.warn(
                "{remote_host} is banned for {seconds:.0f} s after {count} failed logins",
                remote_host=remote_host,
                seconds=self._limit.ban_duration,
                count=self._limit.max_failed_attempts,
            )
        if len(self._records) > MAX_ADDRESSES:
            self._records.popitem(last=False)

    def grudges(self) -> list[Grudge]:
        """What is held against addresses now, for another control plane; the oldest first."""
        now = self._clock.seconds()
        return [
            Grudge(host, tuple(now - failure for failure in record.failures), max(0.0, record.banned_until - now))
            for host, record in self._records.items()
        ]

    def bear(self, grudges: Iterable[Grudge]) -> None:
        """Hold against addresses what another control plane has held against them. Limits are those of this configuration."""
        now = self._clock.seconds()
        for grudge in list(grudges)[-MAX_ADDRESSES:]:
            failures = deque(now - age_s for age_s in grudge.failure_ages_s)
            self._records[grudge.host] = _Record(failures, now + grudge.ban_left_s if grudge.ban_left_s else 0.0)

    def login_succeeded(self, remote_host: str) -> None:
        """Somebody at that address knows a password: its failures are forgotten. A ban stays: it refuses before passwords."""
        record = self._records.get(remote_host)
        if record is not None and not record.banned_until > self._clock.seconds():
            del self._records[remote_host]
