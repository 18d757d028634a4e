"""How long the processes of a run wait for each other: little while they join, and then as long as the config says."""

from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from torch._C._distributed_c10d import HashStore, TCPStore

from moe_lab.errors import RankLost
from moe_lab.experiment import ranks as module
from moe_lab.experiment.board import Board
from moe_lab.experiment.ranks import _joined


def parallel(processes: int) -> dict[str, object]:
    return {"processes": processes, "timeout_seconds": 77.0, "statistics": "global"}


def alone() -> TCPStore:
    """A store to which no second rank comes."""
    return TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def test_one_that_does_not_join_is_not_waited_for_as_long_as_the_config_says(monkeypatch):
    monkeypatch.setattr(module, "JOIN_SECONDS", 0.5)
    with (
        pytest.raises(RankLost, match="the processes did not join: wait timeout"),
        _joined(alone(), 0, parallel(2), "cpu"),
    ):
        raise AssertionError
    assert not dist.is_initialized()


def test_the_board_says_who_did_not_join(monkeypatch):
    class Knowing(Board):
        def lost(self) -> RankLost:
            return RankLost("rank 1 (process 7) ended by SIGKILL")

    monkeypatch.setattr(module, "JOIN_SECONDS", 0.5)
    with (
        pytest.raises(RankLost, match="rank 1 .process 7. ended by SIGKILL"),
        _joined(HashStore(), 0, parallel(2), "cpu", Knowing(HashStore(), 2)),
    ):
        raise AssertionError


def test_ranks_that_have_joined_wait_as_long_as_the_config_says():
    with _joined(HashStore(), 0, parallel(1), "cpu"):
        gloo = dist.group.WORLD._get_backend(torch.device("cpu"))
        assert gloo.options._timeout == timedelta(seconds=77)
    assert not dist.is_initialized()
