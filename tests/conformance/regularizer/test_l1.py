import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.layers.linear import Linear
from moe_lab.parts.checks import check
from moe_lab.parts.objectives.mixture import Mixture as MixtureObjective
from moe_lab.parts.regularizers.l1 import L1
from moe_lab.parts.roles import Gate
from moe_lab.parts.traits import Traits
from moe_lab.routing.decision import Routing
from tests.conformance.cases import Case

CASE = Case(
    needs=["gate=relu"],
    selecting=[],
    forms=[[f"regularizers.l1.{key}" for key in ("form=plain", "adapt=false", "weight=0.1")]],
)


class ReluGate(Gate):
    """Weights relu(x W + b)."""

    traits = Traits(rows_sum_to_one=False, active="learned")

    def __init__(self, sizes):
        super().__init__(sizes, k=None, combine=None)
        self.linear = Linear(sizes.features, sizes.experts)

    def forward(self, x_BD, experts, noise):
        logits_BE = self.linear(x_BD)
        weights_BE = logits_BE.relu()
        return Routing(logits_BE.softmax(-1), weights_BE, weights_BE > 0, None, logits_BE)


# users 2, 1 and 0; sums 0.9, 0.3 and 0
WEIGHTS = torch.tensor([[0.4, 0.3, 0.0], [0.5, 0.0, 0.0]])


@pytest.mark.parametrize(("target", "expected"), [(1.0, 3 / 4 * 2.1), (2.0, 3 / 8 * 2.1)])
def test_the_balanced_form_by_hand(sizes, step_of, target, expected):
    # E / (k B^2) (0.9 x 2 + 0.3 x 1 + 0), E = 3, B = 2
    value = L1(sizes(experts=3), target_active=target)(step_of(weights_BE=WEIGHTS))
    assert value.item() == pytest.approx(expected)


def test_the_plain_form_by_hand(sizes, step_of):
    assert L1(sizes(experts=3), form="plain")(step_of(weights_BE=WEIGHTS)).item() == pytest.approx(1.2 / 2)


def test_at_balance_both_forms_are_one(sizes, step_of, draw):
    # each of 5 experts is used by 2 of 5 samples, k = 2
    used = torch.tensor([[i == e or (i + 1) % 5 == e for e in range(5)] for i in range(5)])
    step = step_of(weights_BE=draw(5, 5).abs() * used)
    plain, balanced = (L1(sizes(), target_active=2, form=form)(step) for form in ("plain", "balanced"))
    torch.testing.assert_close(plain, balanced)


def test_lambda_moves_by_its_factor(sizes, step_of):
    regularizer = L1(sizes(experts=3), target_active=1.0, factor=1.5)
    assert regularizer.weight.item() == pytest.approx(1e-8)
    # 3 / 2 experts a sample are active: more than 1, so lambda grows
    regularizer.after_step(step_of(weights_BE=WEIGHTS), None)
    assert regularizer.weight.item() == pytest.approx(1.5e-8)
    assert regularizer.readings()["active_experts"].item() == 1.5
    # one active expert: it stays; none: it shrinks, but never under 1e-8
    regularizer.after_step(step_of(weights_BE=torch.eye(3)), None)
    assert regularizer.weight.item() == pytest.approx(1.5e-8)
    for _ in range(2):
        regularizer.after_step(step_of(weights_BE=torch.zeros(2, 3)), None)
        assert regularizer.weight.item() == pytest.approx(1e-8)


def test_lambda_is_state_and_a_fixed_one_is_not(sizes, step_of):
    assert list(L1(sizes()).state_dict()) == ["weight"]
    fixed = L1(sizes(experts=3), adapt=False, weight=0.3)
    fixed.after_step(step_of(weights_BE=WEIGHTS), None)
    assert fixed.weight.item() == pytest.approx(0.3) and not fixed.state_dict()


@pytest.mark.parametrize("target", [1.0, 2.0])
def test_it_steers_a_relu_gate_to_its_target(sizes, step_of, target):
    """A gate that could use every expert: each adds its own gain to a sum that is to be 3."""
    torch.manual_seed(0)
    gate, regularizer = ReluGate(sizes()), L1(sizes(), target_active=target)
    gate.linear.bias_1O.data.fill_(0.5)
    optimizer, x = torch.optim.SGD(gate.parameters(), lr=0.1), torch.randn(64, 12)
    gains, active = torch.rand(64, 5), []
    for _ in range(800):
        routing = gate(x, None, None)
        step = step_of(weights_BE=routing.weights_BE)
        misses_B = 3 - (gains * routing.weights_BE).sum(-1)
        loss = misses_B.square().mean() + regularizer.weight * regularizer(step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            regularizer.after_step(step, None)
        active.append(regularizer.active.item())
    assert active[0] > 2.5
    assert sum(active[-100:]) / 100 == pytest.approx(target, abs=0.15)


def test_what_it_cannot_steer_is_refused(learner_of, sizes):
    fitting = "gate=expert_threshold, gate=hard_concrete or gate=relu"
    with pytest.raises(ConfigError, match=f"weights do not sum to one.*take {fitting}"):
        learner_of("regularizer=[l1]")
    with pytest.raises(ConfigError, match=r"learns how many experts are active.*: .*regularizers\.l1\.adapt=false"):
        learner_of("gate=switch", "regularizer=[l1]")
    learner_of("gate=switch", "regularizer=[l1]", "regularizers.l1.adapt=false", "regularizers.l1.weight=0.1")
    with pytest.raises(ConfigError, match="adapt=false needs weight"):
        L1(sizes(), adapt=False)
    with pytest.raises(ConfigError, match=r"target_active=6: there are 5 experts"):
        L1(sizes(), target_active=6)
    check(ReluGate(sizes()), MixtureObjective(sizes()), {"l1": L1(sizes())}, {})
