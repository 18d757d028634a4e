import math

import pytest
import torch
from torch import nn

from moe_lab.config.compose import compose
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner
from moe_lab.parts.objectives.mixture_density import MixtureDensity
from moe_lab.parts.roles import Step
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import GaussianExpertOutput, GaussianMixtureOutput
from tests.conformance.cases import Case

CASE = Case(
    needs=["experts=gaussian", "experts.count=5"],
    dense=True,
    of_numbers=True,
    forms=[["k=2"], ["gate=attentive"], ["experts.least_sd=0.3"]],
)


NUMBERS = ["experts=gaussian", "experts.count=5", "experts.hidden=6", "objective=mixture_density"]


def learner(*words, classes=0):
    return build_learner(compose([*NUMBERS, *words]), (1, 3, 4), classes, 0)


def test_the_negative_log_likelihood_of_each_sample(sizes, noise):
    weights = torch.tensor([[0.25, 0.75]])
    output = GaussianMixtureOutput(
        Routing(weights, weights, weights > 0, weights.log()),
        GaussianExpertOutput(torch.tensor([[1.0, -1.0]]), torch.zeros(1, 2), None),
    )
    step = Step(None, torch.tensor([1.0]), output, output.routing, nn.Identity(), nn.Identity(), noise)
    # (1/4 + 3/4 exp(-2)) / sqrt(2 pi)
    density = (0.25 + 0.75 * math.exp(-2)) / math.sqrt(2 * math.pi)
    assert MixtureDensity(sizes(classes=0))(step).item() == pytest.approx(-math.log(density))


@pytest.mark.parametrize("words", [[], ["gate=top_k"], ["k=3"], ["gate=attentive"], ["baseline=single"]], ids=str)
def test_the_loss_is_that_of_the_mixture_and_every_parameter_learns(words, draw, noise):
    made, x, y = learner(*words), draw(7, 12), draw(7)
    mixture = made.mixture
    output = mixture(x, noise)
    loss, losses = made.losses(mixture.step(x, y, output, noise))
    weights, experts = output.routing.weights_BE, output.experts
    density = (-((y[:, None] - experts.mean_BE) ** 2) / (2 * experts.variance_BE)).exp()
    expected = -(weights * density / (2 * math.pi * experts.variance_BE).sqrt()).sum(-1).log()
    torch.testing.assert_close(loss, expected)
    losses.total.backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experts=mlp"], "experts Mlp is for classes, .* numbers: take experts=gaussian objective=mixture_density"),
        (
            ["objective=mixture"],
            "objective Mixture is for classes, .*: take experts=gaussian objective=mixture_den",
        ),
        (["baseline=gate_as_classifier"], "baseline GateAsClassifier is for classes, .*: take baseline=single"),
        (["k=1"], "this gate with k=1 does not give them: take k of at least 2"),
        (["gate=switch"], "this gate with k=1 does not give them"),
        (["k=2", "gate.weigh.over=all"], "needs weights that sum to one .*, and this gate does not give them"),
        (["gate=relu"], "needs weights that sum to one"),
        (["gate=soft_moe", "gate.patch=1"], "gate SoftMoE is for classes, .*: take gate=softmax"),
        (["gate.combine=logits"], "gate.combine=logits does not fit densities, .*: leave gate.combine null"),
        (["experts=linear_gaussian", "gate=attentive"], "experts=gaussian in regression"),
        (["experts=linear_gaussian", "baseline=dense_total"], "widens the experts' hidden layers"),
    ],
    ids=str,
)
def test_what_does_not_fit_numbers_is_refused_with_words_that_do(words, said):
    own = [word for word in NUMBERS if "experts=linear_gaussian" not in words or "hidden" not in word]
    with pytest.raises(ConfigError, match=said):
        build_learner(compose([*own, *words]), (1, 3, 4), 0, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experts=gaussian"], "experts Gaussian is for numbers, .* classes: take experts=mlp objective=mixture"),
        (
            ["objective=mixture_density"],
            "objective MixtureDensity is for numbers, .* take experts=mlp objective=mix",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_classes_is_refused_with_words_that_do(words, said):
    with pytest.raises(ConfigError, match=said):
        build_learner(compose(words), (1, 3, 4), 4, 0)


def test_one_expert_by_a_gate_that_has_nothing_to_learn_is_a_density(draw, noise):
    mixture = learner("gate=hash").mixture
    output, y = mixture(draw(7, 12), noise), draw(7)
    own = output.experts.log_likelihood_BE(y)[output.routing.selected_BE]
    torch.testing.assert_close(output.log_likelihood_B(y), own)


@pytest.mark.parametrize("words", [["experts.count=1"], ["baseline=dense_total"], ["baseline=dense_active"]], ids=str)
def test_one_expert_is_one_density(words, draw, noise):
    mixture = learner(*words).mixture
    x, y = draw(7, 12), draw(7)
    output = mixture(x, noise)
    torch.testing.assert_close(output.log_likelihood_B(y), output.experts.log_likelihood_BE(y)[:, 0])
