import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.lasso import shrink_groups
from moe_lab.routing.outputs import ExpertOutput
from moe_lab.training.optimizers import Optimizer
from moe_lab.training.options import Trainer
from tests.conformance.cases import Case

CASE = Case(
    structure=["regularizers.lasso.by=input"],
    forms=[["regularizers.lasso.by=input"], ["gate=relu", "regularizers.lasso.by=expert"]],
)


def linear_gate(learner_of, by="element", weight=0.001, experts=5, gate="gate=softmax"):
    words = ["regularizer=[lasso]", f"regularizers.lasso.by={by}", f"regularizers.lasso.weight={weight}"]
    return learner_of(gate, "gate/score=linear", f"experts.count={experts}", *words)


W = [[3.0, -4.0], [0.5, 0.0], [-1.0, 2.0]]


@pytest.mark.parametrize(
    ("by", "value", "after"),
    [
        # 3 + 4 + .5 + 1 + 2 = 10.5; every size less 1
        ("element", 10.5, [[2.0, -3.0], [0.0, 0.0], [0.0, 1.0]]),
        # rows of length 5, .5 and sqrt 5: times 1 - 1/5, zero, times 1 - 1/sqrt 5
        ("input", 5.5 + 5**0.5, [[2.4, -3.2], [0.0, 0.0], [-1 + 0.2**0.5, 2 - 2 * 0.2**0.5]]),
    ],
)
def test_by_hand(learner_of, step_of, by, value, after):
    """With steps of 0.5 and lambda 2 the map shrinks by 1."""
    learner = linear_gate(learner_of, by, weight=2.0, experts=2)
    gate, regularizer = learner.mixture.gate, learner.regularizers["lasso"]
    gate.head.weight_IO.data, bias = torch.tensor(W), gate.head.bias_1O.clone()
    step = step_of(gate=gate)
    assert regularizer(step).item() == pytest.approx(value) and not regularizer(step).requires_grad
    with torch.no_grad():
        regularizer.after_step(step, lambda parameter: torch.tensor(0.5))
    torch.testing.assert_close(gate.head.weight_IO.data, torch.tensor(after))
    assert torch.equal(gate.head.bias_1O, bias)
    zeros = {"element": 3 / 6, "input": 1 / 3}[by]
    assert regularizer.readings()["zero_share"].item() == pytest.approx(zeros)


def test_by_expert_its_bias_is_in_the_group(learner_of, step_of):
    learner = linear_gate(learner_of, "expert", weight=2.0, experts=2, gate="gate=relu")
    gate, regularizer = learner.mixture.gate, learner.regularizers["lasso"]
    # columns with their bias (3, 0, 4) of length 5 and (.3, .4, 0) of length .5
    gate.head.weight_IO.data, gate.head.bias_1O.data = torch.tensor([[3.0, 0.3], [0.0, 0.4]]), torch.tensor([[4.0, 0]])
    assert regularizer(step_of(gate=gate)).item() == pytest.approx(5.5)
    with torch.no_grad():
        regularizer.after_step(step_of(gate=gate), lambda parameter: torch.tensor(0.5))
    torch.testing.assert_close(gate.head.weight_IO.data, torch.tensor([[2.4, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(gate.head.bias_1O.data, torch.tensor([[3.2, 0.0]]))


def test_groups_of_unequal_steps_against_scipy(draw):
    w, curvature = draw(4, 3).double(), draw(4, 3).double().exp()
    for weight in (0.0, 0.3, 1.5):
        mine = shrink_groups(w, curvature, torch.tensor([[weight]]).double(), -1)
        for row, start, c in zip(mine.numpy(), w.numpy(), curvature.numpy(), strict=True):
            best = minimize(
                lambda v, w_=start, c_=c, lam=weight: (c_ * (v - w_) ** 2).sum() / 2 + lam * np.sqrt((v**2).sum()),
                start,
                method="Nelder-Mead",
                options={"xatol": 1e-9, "fatol": 1e-14, "maxiter": 5000},
            )
            np.testing.assert_allclose(row, best.x, atol=1e-5)
    # sqrt(sum (c w)^2) <= lambda is exactly zero
    assert (shrink_groups(w, curvature, torch.tensor([[100.0]]).double(), -1) == 0).all()


class KnowOneClass(torch.nn.Module):
    """Frozen experts: expert e says class e, and nothing else."""

    hidden_features = None

    def compute(self, x_1BD):
        return None, torch.eye(4).log().expand(x_1BD.shape[-2], 4, 4)

    def of_all(self, computed):
        return ExpertOutput(computed[1], None)


def train(learner, x, y, steps, **options):
    """Full batches, an epoch of ``steps``."""
    mixture = learner.mixture
    mixture.experts = KnowOneClass()
    optimizer = Optimizer([Trainer(epochs=1, **options)], list(mixture.gate.parameters()), steps)
    for number in range(steps):
        optimizer.set_rates(number)
        step = mixture.step(x, y, learner(x, None), None)
        _, losses = learner.losses(step)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        learner.after_step(step, optimizer.step_sizes)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "lr": 0.3, "momentum": 0.9, "steps": 1500},
        {"optimizer": "sgd", "lr": 0.5, "momentum": 0.0, "steps": 4000},
        {"optimizer": "adam", "lr": 0.02, "steps": 2500, "schedule": "linear"},
    ],
    ids=["momentum", "sgd", "adam"],
)
def test_against_the_l1_logistic_regression_of_scikit_learn(learner_of, draw, options):
    """With experts that each know one class, the mixture's loss is the gate's logistic regression of the class."""
    weight, x = 0.02, draw(120, 12)
    y = (x[:, :4] + 0.5 * draw(120, 4)).argmax(-1)
    oracle = LogisticRegression(
        solver="saga", l1_ratio=1.0, C=1 / (120 * weight), tol=1e-7, max_iter=20_000, random_state=0
    )
    expected = oracle.fit(x.numpy(), y.numpy()).coef_.T
    learner = linear_gate(learner_of, weight=weight, experts=4)
    train(learner, x, y, **options)
    found = learner.mixture.gate.head.weight_IO.detach().numpy()
    # a row of two positive and two negative weights may be shifted at no cost, until the next one is zero
    np.testing.assert_allclose(centred(found), centred(expected), atol=2e-3)
    assert np.abs(found).sum() == pytest.approx(np.abs(expected).sum(), rel=1e-3)
    settled = (np.sort(expected)[:, 1] >= 0) | (np.sort(expected)[:, 2] <= 0)
    assert settled.sum() > 8 and (expected[settled] == 0).mean() > 0.3
    assert ((found == 0) == (expected == 0))[settled].mean() > 0.95


def centred(rows):
    return rows - np.median(rows, axis=1, keepdims=True)


def test_by_input_noise_is_taken_out_for_all_experts(learner_of, draw):
    x = draw(200, 12)
    learner = linear_gate(learner_of, "input", weight=0.1, experts=4)
    train(learner, x, x[:, :4].argmax(-1), steps=300, lr=0.02)
    rows = learner.mixture.gate.head.weight_IO.abs().sum(-1)
    assert (rows[:4] > 0).all() and (rows[4:] == 0).all()


def test_a_weight_of_zero_changes_nothing(learner_of, step_of):
    for by in ("element", "input"):
        learner = linear_gate(learner_of, by, weight=0.0)
        gate, before = learner.mixture.gate, learner.mixture.gate.head.weight_IO.clone()
        with torch.no_grad():
            learner.regularizers["lasso"].after_step(step_of(gate=gate), lambda parameter: torch.tensor(0.5))
        assert torch.equal(gate.head.weight_IO, before)


def test_gates_that_it_cannot_act_on_are_refused(learner_of):
    with pytest.raises(ConfigError, match="regularizer lasso needs a gate whose scores come from a linear layer"):
        learner_of("gate=attentive", "regularizer=[lasso]")
    with pytest.raises(
        ConfigError,
        match="a gate in which a score of zero gives no weight.* take gate=relu or gate=chen2022, or leave lasso out",
    ):
        learner_of("regularizer=[lasso]", "regularizers.lasso.by=expert")
