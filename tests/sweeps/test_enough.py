"""A sweep says before it trains that its seeds are too few."""

import pytest

from moe_lab.sweeps.enough import too_few_seeds
from moe_lab.sweeps.plan import plan


@pytest.mark.parametrize(
    ("words", "said"),
    [
        # one other arm, two metrics: ceil(log2(80)) = 7
        (["gate=softmax,attentive", "seed=range(0,6)"], "with 6 seeds no difference between these 2 arms can be shown"),
        (["gate=softmax,attentive", "seed=range(0,6)"], ": 2 comparisons need at least 7 seeds, such as 'seed="),
        # the error alone of a network without experts: ceil(log2(40)) = 6
        (["baseline=none,dense_total", "seed=0,1"], "2 arms can be shown: 1 comparison needs at least 6 seeds"),
        # neither has one expert a choice
        (["experts.count=5,1", "seed=0,1"], "2 arms can be shown: 1 comparison needs at least 6 seeds"),
        # two other mixtures and a dense network: 5 comparisons, ceil(log2(200)) = 8
        (["gate=softmax,top_k,attentive", "seed=3"], "with 1 seed no difference between these 3 arms"),
    ],
)  # fmt: skip
def test_what_is_said(words, said):
    assert said in too_few_seeds(plan(words))


@pytest.mark.parametrize(
    "words",
    [
        ["gate=softmax,attentive", "seed=range(0,7)"],
        ["baseline=none,dense_total", "seed=range(0,6)"],
        # one arm has nothing to be compared with; neither has one on each data set
        ["gate=attentive", "seed=0,1"],
        ["dataset=digits,toy_circles", "seed=0,1"],
    ],
)
def test_enough_is_not_said(words):
    assert too_few_seeds(plan(words)) == ""


def test_it_is_said_before_anything_is_trained(cli, tmp_path):
    words = ("sweep", "gate=softmax,attentive", "seed=0,1", "--runs", str(tmp_path / "runs"), "--dry-run")
    result = cli(*words)
    assert result.code == 0 and "with 2 seeds no difference between these 2 arms can be shown" in result.err
    assert "can be shown" not in cli(*words, "--quiet").err
