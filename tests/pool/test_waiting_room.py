"""Where connections wait while another control plane may take over."""

from __future__ import annotations

import pytest
from pairs import has_no_result, result_of
from twisted.internet.defer import Deferred

from duckgres_tx.pool.waiting_room import Moved, RoomState, WaitingRoom


@pytest.fixture
def room():
    """An open one."""
    return WaitingRoom()


def walk(room, guest) -> Deferred[None]:
    """A guest walks through."""
    return Deferred.fromCoroutine(room.walk_through(guest))


class Other:
    """Another control plane."""

    def __init__(self) -> None:
        self.got, self.is_there = [], True

    async def take(self, guest) -> bool:
        if self.is_there:
            self.got.append(guest)
        return self.is_there


def test_nobody_waits_in_an_open_room(room):
    """It costs no turn of the reactor."""
    assert result_of(walk(room, "a")) is None


def test_a_takeover_that_fails_lets_everybody_go_on(room):
    """Also those that the other one had been given already: it has not used them."""
    room.hold()
    walks = [walk(room, guest) for guest in "ab"]
    room.inside()[0].take()
    assert all(has_no_result(walked) for walked in walks)

    room.reopen()

    assert [result_of(walked) for walked in walks] == [None, None]
    assert result_of(walk(room, "c")) is None


def test_who_was_taken_is_told_so_and_the_others_are_passed_on(room):
    """Those that come later, too."""
    room.hold()
    taken, late = walk(room, "taken"), walk(room, "late")
    assert [waiting.guest for waiting in room.inside()] == ["taken", "late"]
    room.inside()[0].take()
    assert [waiting.guest for waiting in room.inside()] == ["late"]
    other = Other()

    room.move(other.take)
    later = walk(room, "later")

    for walked in (taken, late, later):
        with pytest.raises(Moved):
            result_of(walked)
    assert other.got == ["late", "later"]


def test_who_can_t_be_passed_on_waits_for_the_room_to_open_again(room):
    """The other one has just died."""
    room.hold()
    other = Other()
    other.is_there = False
    room.move(other.take)
    walked = walk(room, "a")
    assert has_no_result(walked)

    room.reopen()

    assert result_of(walked) is None


def test_a_room_can_be_held_again(room):
    """After a takeover that failed, and after one that was taken back."""
    room.hold()
    room.reopen()
    room.hold()
    room.move(Other().take)
    room.reopen()
    room.hold()
    walked = walk(room, "a")
    assert room.state is RoomState.HELD
    room.reopen()
    assert result_of(walked) is None


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("moved", [True, False])
def test_a_process_that_ends_touches_nobody(room, taken, moved):
    """Whether the other one has been given it or not: it may have been, and only one may touch it."""
    room.hold()
    walked = walk(room, "a")
    if taken:
        room.inside()[0].take()
    elif moved:
        other = Other()
        other.is_there = False
        room.move(other.take)
    room.abandon()
    later = walk(room, "b")

    for each in (walked, later):
        with pytest.raises(Moved):
            result_of(each)


@pytest.mark.parametrize("steps", [["move"], ["hold", "hold"], ["hold", "move", "hold"], ["hold", "move", "move"]])
def test_steps_come_in_their_order(room, steps):
    """Anything else is a mistake of ours."""
    takes = {"move": lambda: room.move(Other().take), "hold": room.hold}
    for step in steps[:-1]:
        takes[step]()

    with pytest.raises(ValueError, match="the waiting room is"):
        takes[steps[-1]]()
