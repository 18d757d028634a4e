import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.l0 import L0
from tests.conformance.cases import Case

CASE = Case(needs=["gate=hard_concrete"], selecting=[])


def test_the_expected_number_of_active_experts_by_hand(sizes, step_of):
    # (0.5 + 1) and (0.25 + 0): mean 0.875
    active = torch.tensor([[0.5, 1.0], [0.25, 0.0]], requires_grad=True)
    value = L0(sizes(experts=2))(step_of(extras={"l0_BE": active}))
    value.backward()
    assert value.item() == pytest.approx(0.875)
    assert torch.equal(active.grad, torch.full((2, 2), 0.5))


def test_runs_of_a_stack_have_their_own(sizes, step_of, draw):
    active = draw(3, 7, 5).sigmoid()
    together = L0(sizes())(step_of(extras={"l0_BE": active}))
    alone = torch.stack([L0(sizes())(step_of(extras={"l0_BE": one})) for one in active])
    torch.testing.assert_close(together, alone)


def test_a_gate_without_the_probability_is_refused(learner_of):
    with pytest.raises(ConfigError, match="regularizer l0 needs a gate that gives l0_BE.*take gate=hard_concrete"):
        learner_of("regularizer=[l0]")
