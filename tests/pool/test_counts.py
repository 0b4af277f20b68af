"""Backend pids are unique among the living, positive, and tell their worker."""

from __future__ import annotations

from crew import FakeWorker

from duckgres_tx.pool.counts import MAX_SLOT, SLOT_SHIFT, Sessions


def test_a_pid_names_its_slot_and_fits_31_bits():
    """Clients read it as a signed Int32."""
    sessions = Sessions()
    for slot in (1, MAX_SLOT):
        session = sessions.begin(FakeWorker(slot), "", admitted=True)
        assert session.backend_pid >> SLOT_SHIFT == slot
        assert 0 < session.backend_pid < 1 << 31


def test_control_planes_that_follow_each_other_never_give_the_same_pid():
    """Their hand-overs may overlap."""
    pids = []
    for epoch in (7, 8):
        sessions, worker = Sessions(epoch=epoch), FakeWorker(3)
        pids.append({sessions.begin(worker, "", admitted=True).backend_pid for _ in range(100)})

    assert not pids[0] & pids[1]
    assert {Sessions.slot_of(pid) for pid in pids[0] | pids[1]} == {3}


def test_a_session_that_was_taken_over_keeps_its_pid():
    """And nobody else gets it."""
    sessions, worker = Sessions(epoch=1), FakeWorker(2)
    first = Sessions(epoch=1).begin(worker, "", admitted=True)
    sessions.enter(first)

    assert sessions.get(first.backend_pid) is first
    assert sessions.begin(worker, "", admitted=True).backend_pid == first.backend_pid + 1


def test_a_pid_in_use_is_never_given_twice(monkeypatch):
    """Not even when the sequence has come round."""
    monkeypatch.setattr("duckgres_tx.pool.counts._SEQUENCES", 8)
    sessions, worker = Sessions(), FakeWorker(1)
    first = sessions.begin(worker, "", admitted=True)
    for _ in range(50):
        other = sessions.begin(worker, "", admitted=True)
        assert other.backend_pid != first.backend_pid
        sessions.end(other.backend_pid)


def test_a_new_worker_of_a_slot_goes_on_where_the_old_one_ended():
    """A stale cancel key must not hit a new session by its pid."""
    sessions = Sessions()
    first = sessions.begin(FakeWorker(1), "", admitted=True).backend_pid
    sessions.end(first)

    assert sessions.begin(FakeWorker(1), "", admitted=True).backend_pid == first + 1


def test_sessions_are_found_by_worker():
    """And those that it doesn't name are missing."""
    sessions, one, two = Sessions(), FakeWorker(1), FakeWorker(2)
    kept = [sessions.begin(one, "", admitted=True) for _ in range(3)]
    sessions.begin(two, "", admitted=True)

    assert sessions.of(one) == kept
    assert (sessions.count(one), sessions.count(two), len(sessions)) == (3, 1, 4)
    assert sessions.missing(one, [kept[0].backend_pid]) == kept[1:]
