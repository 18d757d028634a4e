"""What the processes of a run read of each other on their board. Threads stand for the processes."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from torch._C._distributed_c10d import TCPStore

from moe_lab.errors import RankLost
from moe_lab.experiment import board as module
from moe_lab.experiment.board import Board


@pytest.fixture
def boards(monkeypatch):
    """The board as each of three processes sees it."""
    monkeypatch.setattr(module, "BEAT", 0.05)
    monkeypatch.setattr(module, "SILENCE", 1.0)
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    return [Board(store, 3), *(Board(TCPStore("127.0.0.1", store.port), 3) for _ in range(2))]


@contextmanager
def following(board, rank, done, fails=None):
    """A follower that notes its tasks, and that fails at the first if told so."""

    def follow():
        for task, _ in board.tasks(rank):
            if fails is not None:
                board.failed(rank, fails)
                return
            done.append((rank, task["number"]))

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_followers_do_what_is_sent_until_they_are_let_go(boards):
    done = []
    with following(boards[1], 1, done), following(boards[2], 2, done):
        boards[0].wait_for_all("here", 60)
        for number in (5, 6):
            boards[0].send({"number": number})
        boards[0].end()
        boards[0].wait_for_all("gone", 60)
    assert sorted(done) == [(1, 5), (1, 6), (2, 5), (2, 6)]


def test_one_that_does_not_come_is_named(boards):
    with following(boards[1], 1, []):
        with pytest.raises(RankLost, match="rank 2 did not start within 0.1 seconds"):
            boards[0].wait_for_all("here", 0.1)
        boards[0].end()


def test_nobody_is_lost_while_all_give_signs_of_life(boards):
    with boards[1].living(1), boards[2].living(2):
        assert boards[0].lost() is None


def test_one_that_is_silent_is_named_before_one_that_fails_for_it(boards):
    with following(boards[1], 1, []), following(boards[2], 2, [], fails=RuntimeError("connection closed")):
        boards[0].wait_for_all("here", 60)
        boards[0].send({"number": 1})
        boards[0].end()
    assert str(boards[0].lost()).endswith("does not answer") and str(boards[0].lost()).startswith("rank 1 (process ")


def test_one_that_fails_is_named_with_what_went_wrong(boards):
    with (
        boards[1].living(1),
        following(boards[1], 1, []),
        following(boards[2], 2, [], fails=ValueError("two\nlines")),
    ):
        boards[0].wait_for_all("here", 60)
        boards[0].send({"number": 1})
        boards[0].end()
        assert str(boards[0].lost()).endswith("failed: ValueError: two lines")


def test_how_a_child_has_ended_is_named(boards):
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    children = [SimpleNamespace(pid=7, exitcode=None), SimpleNamespace(pid=8, exitcode=3)]
    store.set("joins/1", "")
    with pytest.raises(RankLost, match=r"rank 2 \(process 8\) ended by exit code 3"):
        Board(store, 3, children).wait_for_all("joins", 60)


def test_one_that_fails_before_it_joins_is_not_waited_for(boards):
    with following(boards[1], 1, [], fails=ImportError("no numpy")), following(boards[2], 2, []):
        store = boards[0].send({"number": 1})
        with pytest.raises(RankLost, match=r"rank 1 \(process \d+\) failed: ImportError: no numpy"):
            boards[0].wait_for_all("joins", 60, store)
        boards[0].end()
