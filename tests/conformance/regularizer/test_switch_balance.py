import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.switch_balance import SwitchBalance
from tests.conformance.cases import Case

CASE = Case(
    needs=["k=2"], forms=[["regularizers.switch_balance.share=samples"], ["regularizers.switch_balance.share=first"]]
)


ROWS = torch.tensor([[0.6, 0.3, 0.1], [0.5, 0.1, 0.4], [0.2, 0.7, 0.1], [0.7, 0.2, 0.1]])


def chosen(*experts):
    """A row of bools for each sample's experts, of three."""
    return torch.tensor([[e in row for e in range(3)] for row in experts])


def value(sizes, step_of, probs, selected, share="assignments", **routing):
    regularizer = SwitchBalance(sizes(experts=probs.shape[-1]), share=share)
    return regularizer(step_of(probs_BE=probs, selected_BE=selected, **routing)).item()


def test_one_expert_a_sample_by_hand(sizes, step_of):
    # F = (3, 1, 0) / 4; P = (2.0, 1.3, 0.7) / 4; 3 (6.0 + 1.3) / 16 = 1.36875, whatever F is called
    for share in ("assignments", "samples", "first"):
        selected = chosen([0], [0], [1], [0])
        assert value(sizes, step_of, ROWS, selected, share) == pytest.approx(1.36875)


def test_two_experts_a_sample_by_hand(sizes, step_of):
    selected = chosen([0, 1], [0, 2], [0, 1], [0, 1])
    # c = (4, 3, 1): of 8 assignments 3 (8 + 3.9 + 0.7) / 32 = 1.18125; of 4 samples twice that
    assert value(sizes, step_of, ROWS, selected) == pytest.approx(1.18125)
    assert value(sizes, step_of, ROWS, selected, "samples") == pytest.approx(2.3625)
    # first choices are those of one expert a sample
    assert value(sizes, step_of, ROWS, selected, "first") == pytest.approx(1.36875)


def test_one_at_balance_and_k_where_samples_count(sizes, step_of):
    probs = torch.full((4, 4), 0.25)
    selected = torch.tensor([[i == e or (i + 1) % 4 == e for e in range(4)] for i in range(4)])
    assert value(sizes, step_of, probs, selected) == pytest.approx(1)
    assert value(sizes, step_of, probs, selected, "samples") == pytest.approx(2)


def test_balance_is_not_the_least_value(sizes, step_of):
    """Expert 0 wins four samples by a hair, and has nothing of the fifth."""
    # F = (.8, .2, 0, 0, 0); P_0 = 4 x .201 / 5 = .1608, P_1 = (4 x .19975 + .26) / 5 = .2118;
    # 5 (.8 x .1608 + .2 x .2118) = .855
    rows = torch.tensor([[0.201] + [0.19975] * 4] * 4 + [[0.0, 0.26, 0.25, 0.25, 0.24]])
    selected = rows.argmax(-1, keepdim=True) == torch.arange(5)
    assert value(sizes, step_of, rows, selected) == pytest.approx(0.855)


def test_choices_count_before_capacity(sizes, step_of):
    selected, wanted = chosen([0], [], [1], []), chosen([0], [0], [1], [0])
    assert value(sizes, step_of, ROWS, selected, extras={"chosen_BE": wanted}) == pytest.approx(1.36875)


def test_the_gradient_takes_probability_from_the_busy(sizes, step_of):
    probs = ROWS.clone().requires_grad_()
    SwitchBalance(sizes(experts=3))(step_of(probs_BE=probs, selected_BE=chosen([0], [0], [1], [0]))).backward()
    # E F_e / B = 3 (3/4, 1/4, 0) / 4
    torch.testing.assert_close(probs.grad, torch.tensor([0.5625, 0.1875, 0.0]).expand(4, 3))


def test_a_gate_that_gives_every_sample_every_expert_is_refused(learner_of):
    with pytest.raises(ConfigError, match="every share is the same and nothing is balanced: lower k"):
        learner_of("regularizer=[switch_balance]")
    learner_of("regularizer=[switch_balance]", "regularizers.switch_balance.share=first")
    learner_of("regularizer=[switch_balance]", "k=2")


def test_a_batch_that_no_expert_got_costs_nothing(sizes, step_of):
    assert value(sizes, step_of, ROWS, torch.zeros(4, 3, dtype=torch.bool)) == 0


def test_tau_weighs_experts_that_compute_nothing(sizes, step_of):
    """Of the terms of the first example, 3 (F P = 6.0, 1.3 and 0) / 16, the second and third count with tau."""
    regularizer = SwitchBalance(sizes(experts=3, idle=2), tau=0.5)
    step = step_of(probs_BE=ROWS, selected_BE=chosen([0], [0], [1], [0]))
    assert regularizer(step).item() == pytest.approx(3 * (6.0 + 0.5 * 1.3) / 16)
    with pytest.raises(ConfigError, match=r"switch_balance\.tau=0\.5 weighs experts that compute nothing, and there"):
        SwitchBalance(sizes(experts=3), tau=0.5)
