"""Every form against its double sum over pairs and experts, in NumPy, as the sources write it."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.sample_similarity import SampleSimilarity, squared_pair_sums
from tests.conformance.cases import Case

CASE = Case(
    structure=["regularizers.sample_similarity.on=weights"],
    numbers=["regularizers.sample_similarity.weight=3.0"],
    forms=[
        [f"regularizers.sample_similarity.{key}" for key in ("form=paper", "beta_s=1.5", "beta_d=0.5", "on=weights")],
        [f"regularizers.sample_similarity.{key}" for key in ("form=reference", "beta_s=1.5", "beta_d=0.5")],
        [f"regularizers.sample_similarity.{key}" for key in ("form=reference", "beta_s=1.5", "distance=max")],
        ["regularizers.sample_similarity.features=random"],
    ],
)


B, E = 7, 5


def pair_sums(p, distance):
    """sum over ordered pairs of d(x, x') times sum_e p_e p'_e, and times sum_{e != e'} p_e p'_e'."""
    same = other = 0.0
    for i in range(B):
        for j in range(B):
            for e in range(E):
                for f in range(E):
                    term = distance[i, j] * p[i, e] * p[j, f]
                    same, other = (same + term, other) if e == f else (same, other + term)
    return same, other


@pytest.fixture
def case(draw):
    p = draw(B, E).double().softmax(-1)
    x = draw(B, 12).double() + 4
    euclidean = np.linalg.norm(x[:, None].numpy() - x[None].numpy(), axis=-1)
    return p, x, euclidean


def value(regularizer, step_of, p, x, weights=None):
    return (regularizer.double().weight * regularizer(step_of(probs_BE=p, weights_BE=weights, x_BD=x))).item()


def test_default_form(sizes, step_of, case):
    p, x, euclidean = case
    squared = euclidean**2
    mean = squared.sum() / (B * B - B)
    expected = pair_sums(p.numpy(), squared / mean)[0] / (B * B - B)
    assert value(SampleSimilarity(sizes(), weight=3.0), step_of, p, x) == pytest.approx(3 * expected)


def test_paper_form(sizes, step_of, case):
    p, x, euclidean = case
    same, other = pair_sums(p.numpy(), euclidean**2)
    expected = (0.7 * same / E - 0.2 * other / (E * E - E)) / (B * B - B)
    regularizer = SampleSimilarity(sizes(), form="paper", beta_s=0.7, beta_d=0.2)
    assert value(regularizer, step_of, p, x) == pytest.approx(expected)


@pytest.mark.parametrize("distance", ["raw", "max"])
def test_reference_form(sizes, step_of, case, distance):
    p, x, euclidean = case
    same, other = pair_sums(p.numpy(), euclidean / (euclidean.max() if distance == "max" else 1))
    expected = 0.7 * same / E - 0.2 * other / (E * E - E) / B**2
    regularizer = SampleSimilarity(sizes(), form="reference", beta_s=0.7, beta_d=0.2, distance=distance)
    # single-precision coefficients and the distances by one matrix product
    assert value(regularizer, step_of, p, x) == pytest.approx(expected, rel=1e-6)


def test_the_two_betas_act_as_one_where_rows_sum_to_one(sizes, step_of, case):
    """kappa = beta_s/E + beta_d/(B^2 (E^2 - E)), up to a constant: the gradients are proportional."""
    p, x, _ = case
    gradients = []
    for beta_s, beta_d in ((1.0, 0.0), (0.5, 0.5 * B * B * (E - 1))):
        regularizer = SampleSimilarity(sizes(), form="reference", beta_s=beta_s, beta_d=beta_d).double()
        logits = p.log().requires_grad_()
        regularizer(step_of(probs_BE=logits.softmax(-1), x_BD=x)).backward()
        gradients.append(logits.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-6, atol=1e-9)


def test_weights_that_do_not_sum_to_one(sizes, step_of, case):
    p, x, euclidean = case
    weights = p * (p > 0.2)
    same, other = pair_sums(weights.numpy(), euclidean**2)
    expected = (0.7 * same / E - 0.2 * other / (E * E - E)) / (B * B - B)
    regularizer = SampleSimilarity(sizes(), form="paper", beta_s=0.7, beta_d=0.2, on="weights")
    assert value(regularizer, step_of, p, x, weights) == pytest.approx(expected)


@pytest.mark.parametrize(
    "options",
    [{}, {"form": "paper", "beta_s": 1.0}, {"form": "reference", "beta_s": 1.0, "distance": "max"}],
    ids=lambda options: options.get("form", "default"),
)
def test_equal_samples_and_a_batch_of_one_cost_nothing(sizes, step_of, draw, options):
    regularizer = SampleSimilarity(sizes(), **options)
    for samples in (1, 4):
        logits = draw(samples, E).requires_grad_()
        x = (draw(1, 12) * 100).expand(samples, 12)
        cost = regularizer(step_of(probs_BE=logits.softmax(-1), x_BD=x))
        cost.backward()
        assert cost.item() == 0 and torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("form", [{}, {"form": "paper", "beta_s": 1.0}, {"form": "reference", "beta_s": 1.0}], ids=str)
def test_inputs_far_from_zero_lose_no_digits(sizes, step_of, draw, form):
    p, x = draw(B, E).softmax(-1), draw(B, 12)
    here, there = (SampleSimilarity(sizes(), **form)(step_of(probs_BE=p, x_BD=moved)) for moved in (x, x + 1000))
    torch.testing.assert_close(here, there, rtol=1e-3, atol=0)


@pytest.mark.parametrize("form", [{}, {"form": "paper", "beta_s": 1.0}, {"form": "reference", "beta_s": 1.0}], ids=str)
def test_no_gradient_through_the_distances(sizes, step_of, case, form):
    p, x, _ = case
    regularizer = SampleSimilarity(sizes(), **form).double()
    x.requires_grad_()
    logits = p.log().requires_grad_()
    regularizer(step_of(probs_BE=logits.softmax(-1), x_BD=x)).backward()
    assert x.grad is None and logits.grad.abs().sum() > 0


def test_distances_of_a_frozen_networks_features(sizes, step_of, draw):
    """The default form on random features is the default form on pixels that are those features."""
    torch.manual_seed(0)
    regularizer = SampleSimilarity(sizes(), features="random")
    p, x = draw(B, E).softmax(-1), draw(B, 12).requires_grad_()
    features = regularizer.features(x)
    assert features.shape == (B, 256) and not list(regularizer.parameters())
    on_features = SampleSimilarity(sizes())(step_of(probs_BE=p, x_BD=features))
    value = regularizer(step_of(probs_BE=p, x_BD=x))
    torch.testing.assert_close(value, on_features)
    assert not value.requires_grad
    assert abs(value - SampleSimilarity(sizes())(step_of(probs_BE=p, x_BD=x))) > 1e-4


@pytest.mark.parametrize(
    "options", [{"features": "run"}, {"run": "runs/x"}, {"features": "random", "run": "x"}], ids=str
)
def test_a_run_is_named_where_its_features_are_asked_for(sizes, options):
    with pytest.raises(ConfigError, match="features=run and run=FOLDER, the folder of a finished run, go together"):
        SampleSimilarity(sizes(), **options)


def test_default_weight_is_one(sizes):
    assert SampleSimilarity(sizes()).weight.item() == 1


@pytest.mark.parametrize(
    "options",
    [
        {"beta_s": 1e-6},
        {"beta_d": 1e-6},
        {"form": "paper"},
        {"form": "reference", "weight": 1.0, "beta_s": 1.0},
        {"form": "paper", "beta_s": 1.0, "distance": "max"},
    ],
    ids=str,
)
def test_numbers_that_a_form_does_not_read_are_refused(sizes, options):
    with pytest.raises(ConfigError, match="form="):
        SampleSimilarity(sizes(), **options)


class Largest(TorchDispatchMode):
    """Notes the largest array that any operation gives, forward or backward."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for one in tree_leaves(result):
            self.numbers = max(self.numbers, one.numel() if isinstance(one, torch.Tensor) else 0)
        return result


@pytest.mark.parametrize("form", [{}, {"form": "paper", "beta_s": 1.0}], ids=str)
def test_squared_distances_make_no_array_of_pairs(sizes, step_of, draw, form):
    """300 samples have 90,000 pairs; their inputs are 3,600 numbers."""
    logits = draw(300, E).requires_grad_()
    step, regularizer = step_of(probs_BE=logits.softmax(-1), x_BD=draw(300, 12)), SampleSimilarity(sizes(), **form)
    with Largest() as largest:
        regularizer(step).backward()
    assert logits.grad.abs().sum() > 0
    assert 3_600 <= largest.numbers < 2 * 3_600


def test_euclidean_distances_over_several_blocks(sizes, step_of, draw):
    """300 samples are two whole blocks and a part of one."""
    p, x = draw(300, E).double().softmax(-1), draw(300, 12).double()
    pairs = torch.cdist(x, x)
    same = (pairs @ p * p).sum()
    for distance, unit in (("raw", 1), ("max", pairs.max())):
        regularizer = SampleSimilarity(sizes(), form="reference", beta_s=1.0, beta_d=0.0, distance=distance).double()
        torch.testing.assert_close(regularizer(step_of(probs_BE=p, x_BD=x)), same / E / unit)


def test_gradient_of_the_squared_sums_by_differences(case):
    p, x, _ = case
    assert torch.autograd.gradcheck(lambda p_EB: squared_pair_sums(p_EB, x), p.mT.contiguous().requires_grad_())
