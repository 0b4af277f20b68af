"""Limits on connections, and bans."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from duckgres_tx.admission import MAX_ADDRESSES, Admission, RateLimit

HOST, OTHER = "10.0.0.1", "10.0.0.2"


def make(max_connections: int = 100, **limits) -> tuple[Admission, Clock]:
    """An admission and its clock."""
    clock = Clock()
    return Admission(clock, max_connections, RateLimit(**limits)), clock


def test_the_last_place_is_given_once():
    """The next client is told so, and a place that is left is free again."""
    admission, _ = make(2)
    assert [admission.admit(HOST) for _ in range(2)] == [None, None]
    refusal = admission.admit(OTHER)
    assert (refusal.sqlstate, refusal.message) == ("53300", "sorry, too many clients already")

    admission.closed(HOST)

    assert admission.admit(OTHER) is None


def test_an_address_has_its_own_limit():
    """Others aren't hurt by it."""
    admission, _ = make(max_connections_per_ip=2)
    assert [admission.admit(HOST) for _ in range(2)] == [None, None]
    assert admission.admit(HOST).sqlstate == "53300"
    assert admission.admit(OTHER) is None
    admission.closed(HOST)

    assert admission.admit(HOST) is None


def test_unix_sockets_have_no_address():
    """They count towards the whole only."""
    admission, _ = make(3, max_connections_per_ip=1)

    assert [admission.admit("") for _ in range(3)] == [None] * 3
    assert admission.admit("").sqlstate == "53300"


def test_zero_switches_a_limit_off():
    """As documented."""
    admission, _ = make(max_connections_per_ip=0, max_failed_attempts=0)
    for _ in range(50):
        assert admission.admit(HOST) is None
        admission.login_failed(HOST)
    assert admission.admit(HOST) is None


def test_who_guesses_passwords_is_banned_for_a_while():
    """From the attempt that reaches the limit; others aren't."""
    admission, clock = make(max_failed_attempts=3, ban_duration=60.0)
    for _ in range(2):
        admission.login_failed(HOST)
    assert not admission.is_banned(HOST)
    admission.login_failed(HOST)

    assert admission.admit(HOST).sqlstate == "28000"
    assert admission.admit(OTHER) is None
    clock.advance(59)
    assert admission.is_banned(HOST)
    clock.advance(2)
    assert admission.admit(HOST) is None


def test_old_failures_are_forgotten():
    """Only those within the window count."""
    admission, clock = make(max_failed_attempts=3, failed_attempt_window=10.0)
    for _ in range(10):
        admission.login_failed(HOST)
        clock.advance(6)

    assert not admission.is_banned(HOST)


def test_a_good_login_forgives():
    """Somebody there knows a password; but it doesn't lift a ban."""
    admission, _ = make(max_failed_attempts=3)
    for _ in range(2):
        admission.login_failed(HOST)
    admission.login_succeeded(HOST)
    for _ in range(2):
        admission.login_failed(HOST)
    assert not admission.is_banned(HOST)
    admission.login_failed(HOST)
    admission.login_succeeded(HOST)

    assert admission.is_banned(HOST)


def test_a_unix_socket_is_never_banned():
    """There is no address to ban."""
    admission, _ = make(max_failed_attempts=1)
    admission.login_failed("")

    assert admission.admit("") is None


def test_addresses_are_bounded():
    """An attacker with many addresses doesn't eat the memory."""
    admission, _ = make()
    for number in range(MAX_ADDRESSES + 100):
        admission.login_failed(str(number))

    assert len(admission._records) == MAX_ADDRESSES


@pytest.mark.parametrize("count", [1, 5])
def test_counts_come_back_to_nothing(count):
    """Whatever came has gone."""
    admission, _ = make()
    for _ in range(count):
        admission.admit(HOST)
    for _ in range(count):
        admission.closed(HOST)

    assert admission.open_connections == 0
    assert admission._per_host == {}


def test_grudges_go_to_the_next_control_plane():
    """In times that don't depend on the clock: a ban ends when it would have ended."""
    admission, clock = make(max_failed_attempts=3, failed_attempt_window=60.0, ban_duration=100.0)
    for _ in range(3):
        admission.login_failed(HOST)
    clock.advance(30)
    admission.login_failed(OTHER)
    admission.login_failed(OTHER)
    clock.advance(10)
    heir, later = make(max_failed_attempts=3, failed_attempt_window=60.0, ban_duration=100.0)
    later.advance(5000)

    heir.bear(admission.grudges())

    assert heir.is_banned(HOST)
    assert not heir.is_banned(OTHER)
    later.advance(45)
    heir.login_failed(OTHER)
    assert heir.is_banned(OTHER)
    later.advance(16)
    assert not heir.is_banned(HOST)


def test_who_was_let_in_elsewhere_counts_whatever_the_limits_say():
    """It has been told that it may."""
    admission, _ = make(1)
    admission.enter(HOST)
    admission.enter(HOST)

    assert admission.open_connections == 2
    assert admission.admit(OTHER).sqlstate == "53300"
    admission.closed(HOST)
    admission.closed(HOST)
    assert admission.admit(OTHER) is None


def test_limits_can_change():
    """Nobody is thrown out for it; bans go on, and what a failed login costs is judged anew."""
    admission, clock = make(2, max_failed_attempts=1, ban_duration=60)
    assert [admission.admit(HOST) for _ in range(2)] == [None, None]
    admission.login_failed(OTHER)
    admission.limit(1, RateLimit(max_failed_attempts=0))
    admission.closed(HOST)
    assert admission.admit(HOST).sqlstate == "53300"
    assert admission.is_banned(OTHER)
    clock.advance(61)
    admission.login_failed(OTHER)
    assert not admission.is_banned(OTHER)
