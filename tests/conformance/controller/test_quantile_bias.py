import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

from moe_lab.errors import ConfigError
from tests.conformance.cases import Case

CASE = Case(needs=["k=2"], forms=[["gate=sigmoid"], ["gate=noisy_top_k"]])


def learner_and_step(learner_of, step_of, *words):
    learner = learner_of(*words, "controller=[quantile_bias]")
    controller, gate = learner.controllers["quantile_bias"], learner.mixture.gate

    def after(logits):
        with torch.no_grad():
            controller.after_step(step_of(gate=gate, logits_BE=logits))
        return gate.select.selection_bias_1E

    return gate, after


def test_by_hand(learner_of, step_of):
    gate, after = learner_and_step(learner_of, step_of, "experts.count=3", "k=1")
    logits = torch.tensor([[5.0, 1.0, 0.0], [4.0, 2.0, 1.0], [3.0, 0.0, 2.0]])
    # second largest of the rows: 1, 2, 2; less those the columns are (4, 2, 1), (0, 0, -2), (-1, -1, 0), and one sample
    # each: the second largest are 2, 0 and -1
    assert after(logits).tolist() == [[-2.0, 0.0, 1.0]]
    # now (3, 1, 1), (2, 2, 2) and (1, 0, 3): of equal ones the lower index
    assert gate.select(logits, None).sum(0).tolist() == [2, 0, 1]


def test_it_comes_to_the_balanced_assignment(learner_of, step_of, draw):
    """Prices under which each sample's best expert is that of the assignment of the largest sum, by SciPy."""
    gate, after = learner_and_step(learner_of, step_of, "k=1")
    logits = draw(40, 5) + torch.tensor([2.0, 1.0, 0.0, 0.0, -1.0])
    for _ in range(200):
        after(logits)
    chosen = gate.select(logits, None).numpy()
    rows, seats = linear_sum_assignment(np.repeat(logits.numpy(), 8, axis=1), maximize=True)
    agree = chosen[rows, seats // 8].mean()
    assert np.abs(chosen.sum(0) - 8).max() <= 2 and agree >= 0.9


@pytest.mark.parametrize("gate", ["top_k", "sigmoid"])
def test_it_balances_a_skewed_gate(learner_of, draw, gate):
    learner = learner_of(f"gate={gate}", "gate/score=linear", "k=2", "controller=[quantile_bias]")
    mixture, x = learner.mixture, draw(200, 12)
    mixture.gate.score.head.bias_1O.data = torch.tensor([[3.0, 0.0, 0.0, 0.0, -1.0]])
    with torch.no_grad():
        for _ in range(50):
            output = learner(x, None)
            learner.after_step(mixture.step(x, None, output, None), None)
    # 80 of 200 each
    assert (output.routing.selected_BE.sum(0) - 80).abs().max() <= 8


def test_with_every_expert_there_is_nothing_to_balance(learner_of):
    with pytest.raises(ConfigError, match="controller quantile_bias needs a gate that selects"):
        learner_of("gate=top_k", "k=5", "controller=[quantile_bias]")
