import pytest
import torch

from moe_lab.config.compose import compose
from moe_lab.experiment.building import build_learner
from moe_lab.layers.noise import Noise, generator
from moe_lab.routing.decision import Routing
from moe_lab.routing.inference import infer

WEIGHTS = torch.tensor([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.0, 0.0, 0.0]])


def routing(weights=WEIGHTS, log_weights=None):
    return Routing(weights, weights, weights > 0, log_weights)


def noise():
    return Noise([generator(0, "noise")])


def test_argmax_is_the_expert_of_the_largest_weight_alone():
    answer = infer(routing(), "argmax", noise())
    # of equal weights the lower index; a sample that no expert got stays without
    assert answer.weights_BE.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert torch.equal(answer.selected_BE, answer.weights_BE > 0)
    assert torch.equal(answer.probs_BE, WEIGHTS) and answer.log_weights_BE is None


def test_sample_draws_by_weight():
    many = torch.tensor([[0.2, 0.0, 0.3]]).expand(100_000, 3)
    drawn = infer(routing(many), "sample", noise()).weights_BE
    assert (drawn.sum(-1) == 1).all() and drawn[:, 1].sum() == 0
    # .2 of .5; standard error sqrt(.24 / 1e5) = .0015
    assert drawn[:, 0].mean().item() == pytest.approx(0.4, abs=0.007)
    assert infer(routing(), "sample", noise()).weights_BE[2].tolist() == [0, 0, 0]


def learner(*words):
    return build_learner(compose(["experts.count=5", "experts.hidden=6", *words]), (1, 3, 4), 4, 0)


@pytest.mark.parametrize(
    "gate", [["gate=softmax"], ["gate=top_k"], ["gate=switch"], ["gate=soft_moe", "gate.patch=1"]], ids=str
)
@pytest.mark.parametrize("inference", ["argmax", "sample"])
def test_the_answer_is_that_of_one_expert_in_evaluation_alone(gate, inference):
    x = torch.randn(7, 12, generator=torch.Generator().manual_seed(0))
    one, whole = (learner(*gate, f"inference={how}").mixture for how in (inference, "mixture"))
    torch.testing.assert_close(one(x, noise()).log_probs_BC, whole(x, noise()).log_probs_BC)
    answer = one.eval()(x, noise())
    expert = answer.routing.weights_BE.argmax(-1)
    torch.testing.assert_close(answer.log_probs_BC, answer.experts.log_probs_BEC[torch.arange(7), expert])
    if inference == "argmax":
        assert torch.equal(expert, whole.eval()(x, noise()).routing.weights_BE.argmax(-1))
    torch.testing.assert_close(one(x, noise()).log_probs_BC, answer.log_probs_BC)
