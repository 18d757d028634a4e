"""Dense and sparse dispatch give the same: values, gradients (missing is zero), and parameters after steps."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from moe_lab.experiment.building import build_learner
from moe_lab.layers.grouped import GroupedRows
from moe_lab.layers.noise import Noise, generator
from moe_lab.layers.stacking import stack
from moe_lab.mixture.dispatchers import Sparse
from moe_lab.parts.experts.linear import Linear
from moe_lab.parts.experts.mlp import Mlp
from moe_lab.parts.roles import Sizes
from moe_lab.routing.combine import RULES
from moe_lab.routing.decision import Routing
from moe_lab.routing.pairs import Pairs
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.watch import Watch
from tests.composing import composed

SIZES = Sizes(shape=(1, 3, 4), classes=4, experts=5, k=2, hidden=6)


def given_routing(mask_BE, rule):
    """Weights of the selected experts from fixed scores: a distribution, or positive numbers."""
    draw = torch.Generator().manual_seed(2)
    scores = torch.randn(mask_BE.shape, generator=draw, dtype=torch.float64).requires_grad_()
    if rule == "logits":
        return scores, Routing(scores, scores.exp() * mask_BE, mask_BE)
    log_weights = scores.masked_fill(~mask_BE, -torch.inf).log_softmax(-1)
    return scores, Routing(scores, log_weights.exp(), mask_BE, log_weights)


def of_selected(experts, x_BD, routing, rule):
    """The mixture's log-probabilities under sparse dispatch."""
    inputs, way = Sparse().dispatch(x_BD, routing)
    said = Sparse().combine(experts, experts.compute(inputs), way)
    return RULES[rule](Sparse().weights(routing, way, rule), said.log_probs_BEC)


def both_ways(experts, x_BD, mask_BE, rule):
    """Log-probabilities and gradients (weights' scores, experts' parameters), dense and sparse."""
    results = []
    for sparse in (False, True):
        scores, routing = given_routing(mask_BE, rule)
        if sparse:
            output = of_selected(experts, x_BD, routing, rule)
        else:
            output = RULES[rule](routing, experts(x_BD).log_probs_BEC)
        gradients = torch.autograd.grad(output[..., 0].square().sum(), (scores, *experts.parameters()))
        results.append((output, *gradients))
    return results


def masks(rows_of_at_least_one):
    row = st.lists(st.booleans(), min_size=5, max_size=5)
    return st.lists(row.filter(any) if rows_of_at_least_one else row, min_size=1, max_size=7)


@pytest.mark.parametrize("family", [Linear, Mlp])
@pytest.mark.parametrize("rule", ["logits", "probabilities"])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_sparse_is_dense_for_every_mask(family, rule, data):
    """Any number of experts a sample; with the logits' rule also none, where both predict every class alike."""
    mask = torch.tensor(data.draw(masks(rows_of_at_least_one=rule == "probabilities")))
    experts = family(SIZES, count=5).double()
    x = torch.randn(len(mask), 12, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for dense, sparse in zip(*both_ways(experts, x, mask, rule), strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-12, atol=1e-12)


def test_a_sample_without_experts_predicts_every_class_alike():
    experts = Mlp(SIZES, count=5)
    mask = torch.zeros(3, 5, dtype=torch.bool)
    _, routing = given_routing(mask, "logits")
    output = of_selected(experts, torch.randn(3, 12), routing, "logits")
    torch.testing.assert_close(output, torch.full((3, 4), -math.log(4)).double(), check_dtype=False)


def test_pairs_by_hand():
    """Samples select experts 1; 0 and 1; none. By expert: (0, sample 1), (1, sample 0), (1, sample 1)."""
    pairs = Pairs(torch.tensor([[False, True], [True, True], [False, False]]))
    assert pairs.groups.counts == [1, 2] and pairs.groups.group_P.tolist() == [0, 1, 1]
    rows = pairs.rows(torch.tensor([[10.0], [11.0], [12.0]]))
    assert rows.rows_PI.flatten().tolist() == [11, 10, 11]
    named = GroupedRows(torch.tensor([[1.0], [2.0], [3.0]]), pairs.groups)
    assert pairs.spread(named).squeeze(-1).tolist() == [[2, 0], [1, 3], [0, 0]]


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("each", [None, 2])
def test_runs_of_a_stack(shared, each):
    """R x E groups, R x B rows; a run's samples select as many experts as they like, or two each."""
    experts = stack([Mlp(SIZES, count=5).double() for _ in range(3)])
    draw = torch.Generator().manual_seed(5)
    scores = torch.rand(3, 7, 5, generator=draw)
    mask = scores > 0.5 if each is None else scores >= scores.topk(2).values[..., -1:]
    x = torch.randn(*([7] if shared else [3, 7]), 12, generator=draw, dtype=torch.float64)
    assert each or len(set(mask.sum(-1).flatten().tolist())) > 1
    for dense, sparse in zip(*both_ways(experts, x, mask, "logits"), strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("words", [["gate=switch"], ["gate=top_k"], ["gate=relu"]], ids=str)
def test_after_steps_parameters_are_the_same(data, learner, optimizer, words):
    """Also of experts that no sample of a batch selects: their update is that of the gradient zero. Batches of three
    samples leave experts out in every step."""
    made = []
    for way in ("dense", "sparse"):
        trainer = Trainer(epochs=2, batch_size=3, optimizer=optimizer, lr=0.01, weight_decay=0.1)
        member = Member(learner(*words, dispatch=way).double(), trainer, Seeds(0, 0, 0))
        loop = Loop([member], data, Watch(), lambda: False)
        while not loop.finished:
            loop.epoch()
        made.append(loop.learner.state_dict())
    assert made[0].keys() == made[1].keys()
    for name, value in made[0].items():
        torch.testing.assert_close(made[1][name], value, rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize("words", [["gate=switch"], ["gate=top_k"], ["gate=switch", "experts=linear"]], ids=str)
def test_float32_through_the_grouped_product(words):
    """Ten classes and 16 features, as they come."""
    results = []
    for way in ("dense", "sparse"):
        family = [] if "experts=linear" in words else ["experts.hidden=8"]
        made = build_learner(composed("experts.count=5", *family, f"trainer.dispatch={way}", *words), (1, 4, 4), 10, 0)
        x = torch.randn(20, 16, generator=torch.Generator().manual_seed(0))
        y = torch.arange(20) % 10
        noise = Noise([generator(0, "noise")])
        output = made.mixture(x, noise)
        step = made.mixture.step(x, y, output, noise)
        total = made.losses(step)[1].total
        results.append((output.log_probs_BC, *torch.autograd.grad(total, list(made.parameters()))))
        assert (output.experts is None) == (way == "sparse")
    for dense, sparse in zip(*results, strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-4, atol=1e-6)


def test_evaluation_runs_all_experts(learner):
    mixture = learner("gate=top_k", dispatch="sparse").mixture.eval()
    output = mixture(torch.randn(3, 12), Noise([generator(0, "noise")]))
    assert output.experts.log_probs_BEC.shape == (3, 5, 4)
