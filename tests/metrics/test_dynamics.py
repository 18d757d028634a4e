import numpy as np
import pytest
from scipy.stats import spearmanr

from moe_lab.metrics import METRICS, RunArrays
from moe_lab.metrics.over_time import settled_epoch


def of(tiny, history=(), **files):
    arrays = RunArrays.from_files({**tiny, **files}, history)
    return lambda name: METRICS[name].entry(arrays)


def usage(rows):
    return [{f"usage_share_{e}": share for e, share in enumerate(row)} for row in rows]


@pytest.mark.parametrize("seed", range(3))
def test_rich_get_richer_is_scipys_rank_correlation(tiny, seed):
    first, last = np.random.default_rng(seed).integers(0, 4, (2, 4)) / 10
    value = of(tiny, usage([first, first, last]))("rich_get_richer")["value"]
    assert value == pytest.approx(spearmanr(first, last).statistic)


def test_equal_shares_have_no_ranks(tiny):
    entry = of(tiny, usage([[0.25] * 4, [0.4, 0.3, 0.2, 0.1]]))("rich_get_richer")
    assert entry["reason"] == "all experts have the same share"


@pytest.mark.parametrize(
    ("settled", "epoch"), [([True], 1), ([False, True], 2), ([True, False, True, True], 3), ([True, True], 1)]
)
def test_settled_epoch(settled, epoch):
    assert settled_epoch(np.array(settled)) == epoch


def test_one_epoch_has_no_changes(tiny):
    entry = of(tiny, usage([[0.4, 0.3, 0.2, 0.1]]), assignments={"expert": np.array([[0, 1, 2]])})
    for name in ("reassigned_share", "reassigned_share_by_epoch", "rich_get_richer"):
        assert entry(name)["reason"] == "only one epoch was trained"
    assert entry("routing_settled_epoch")["value"] == 1


def test_collapse_needs_more_than_95_percent_of_the_routed(tiny):
    expert = np.zeros((2, 41), dtype=int)
    expert[:, :2] = 1
    expert[:, 40] = -1
    # 38 of 40 are 95 %; then 39 of 40
    expert[1, 0] = 0
    assert of(tiny, assignments={"expert": expert})("collapse_epoch")["value"] == 2
    reason = of(tiny, assignments={"expert": expert[:1]})("collapse_epoch")["reason"]
    assert reason == "no epoch ended with more than 95 % of the routed validation samples at one expert"


def test_a_split_that_reaches_no_expert_has_not_collapsed(tiny):
    assert of(tiny, assignments={"expert": np.full((1, 3), -1)})("collapse_epoch")["value"] is None
