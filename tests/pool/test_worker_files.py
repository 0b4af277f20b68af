"""The socket and the log of a worker."""

from __future__ import annotations

from twisted.internet.task import Clock

from duckgres_tx.pool.worker_files import WorkerFiles, sockets_in


def test_a_name_never_comes_twice(tmp_path):
    """A worker that is slow to die can't be mistaken for its successor."""
    paths = {WorkerFiles.fresh(Clock(), tmp_path, 1).socket for _ in range(50)}

    assert len(paths) == 50
    assert all(path.parent == tmp_path for path in paths)


def test_workers_are_found_by_their_sockets(tmp_path):
    """With the slot in the name; anything else is left out."""
    first = WorkerFiles.fresh(Clock(), tmp_path, 7)
    second = WorkerFiles.fresh(Clock(), tmp_path, 2047)
    for path in (first.socket, first.log, second.socket, tmp_path / "worker-x.sock", tmp_path / "handover.sock"):
        path.touch()

    assert sorted(sockets_in(tmp_path)) == sorted([(first.socket, 7), (second.socket, 2047)])


def test_when_it_has_ended_the_rest_is_read_and_nothing_is_left(tmp_path):
    """Its last words are told."""
    files = WorkerFiles.fresh(Clock(), tmp_path, 1)
    files.socket.touch()
    files.log.write_bytes(b"ImportError: x\n")
    files.follow(None)
    files.log.open("ab").close()
    with files.log.open("ab") as log:
        log.write(b"Fatal Python error: Aborted\nmore\n")

    assert files.finish() == "Fatal Python error: Aborted"
    assert list(tmp_path.iterdir()) == []
    assert files.finish() == ""


def test_what_was_left_to_another_stays(tmp_path):
    """It reads the rest, and removes both."""
    files = WorkerFiles.fresh(Clock(), tmp_path, 1)
    files.socket.touch()
    files.log.write_bytes(b"one\n")
    files.follow(0)
    assert files.log_offset == 4
    files.leave()

    assert files.finish() == ""
    assert len(list(tmp_path.iterdir())) == 2


def test_a_log_that_is_gone_is_no_reason_to_give_up_a_worker(tmp_path):
    """Somebody has tidied up."""
    files = WorkerFiles.fresh(Clock(), tmp_path, 1)
    files.socket.touch()
    files.follow(0)

    assert files.finish() == ""
    assert list(tmp_path.iterdir()) == []
