"""The first layers of experts and gate in one pass over the images, against each on its own."""

from contextlib import nullcontext

import pytest
import torch

from moe_lab.config.compose import compose
from moe_lab.experiment.building import build_learner
from moe_lab.layers import pooled
from moe_lab.layers.noise import Noise, generator
from moe_lab.layers.stacking import stack
from moe_lab.mixture import mixture as module
from moe_lab.parts.networks.conv import Conv
from moe_lab.training.recipe import hold

WORDS = ("experts=conv", "experts.count=3", "experts.filters=[2]", "experts.hidden=[6,5]", "gate/score/body=conv")
BODY = ("gate.score.body.filters=[1]", "gate.score.body.hidden=[7]")


def mixture_of(*words, seed=0):
    config = compose(["dataset=mnist", *WORDS, *BODY, *words])
    return build_learner(config, (1, 12, 10), 4, seed).mixture.double()


def images(*lead):
    return torch.randn(*lead, 6, 120, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def results(mixture, x, runs=1):
    """Log probabilities of a minibatch, and the gradient of every parameter that has one."""
    noise = Noise([generator(run, "noise") for run in range(runs)], stacked=runs > 1)
    mixture.zero_grad()
    output = mixture(x, noise)
    output.log_probs_BC.square().sum().backward()
    return [output.log_probs_BC.detach(), *(one.grad for one in mixture.parameters() if one.grad is not None)]


@pytest.fixture
def passes(monkeypatch):
    """How many layers every pass over images had."""
    done, one_pass = [], pooled.pooled_relus
    monkeypatch.setattr(pooled, "pooled_relus", lambda x, layers: done.append(len(layers)) or one_pass(x, layers))
    return done


def test_in_one_pass_as_each_on_its_own(passes, monkeypatch):
    for mixture, x, runs in (
        (mixture_of(), images(), 1),
        (mixture_of("gate=attentive"), images(), 1),
        (mixture_of("experts.filters=[2,3]"), images(), 1),
        (stack([mixture_of(), mixture_of(seed=1)]), images(), 2),
        (stack([mixture_of(), mixture_of(seed=1)]), images(2), 2),
    ):
        passes.clear()
        together = results(mixture, x, runs)
        assert passes[0] == 2
        with monkeypatch.context() as patch:
            patch.setattr(module, "first_layers_at_once", lambda *_: nullcontext())
            passes.clear()
            apart = results(mixture, x, runs)
        assert set(passes) == {1}
        for a, b in zip(together, apart, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize(
    "words", [["gate.score.body.kernel=2"], ["gate.score.body.padding=1"], ["gate.score.body.batch_norm=[0]"]], ids=str
)
def test_layers_that_do_not_fit_each_other_stay_on_their_own(passes, words):
    results(mixture_of(*words), images())
    assert 2 not in passes


def test_a_part_that_stands_still_is_not_computed_for_a_gradient(passes):
    mixture = mixture_of()
    hold(mixture.experts, True)
    results(mixture, images())
    assert passes == [1, 1]


def test_nothing_is_kept_and_other_inputs_are_looked_at_anew():
    mixture, x = mixture_of(), images()
    expected = mixture.gate(2 * x, None, Noise([generator(0, "noise")])).weights_BE
    bodies = [part for part in mixture.modules() if isinstance(part, Conv)]
    with module.first_layers_at_once((mixture.experts, x.unsqueeze(-3)), (mixture.gate, x)):
        assert all(body._forward_pre_hooks for body in bodies) and len(bodies) == 2
        torch.testing.assert_close(mixture.gate(2 * x, None, Noise([generator(0, "noise")])).weights_BE, expected)
    assert not any(body._forward_pre_hooks for body in bodies)
