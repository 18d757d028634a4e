import pytest
import torch

from moe_lab.config.build import build
from moe_lab.config.compose import compose
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner, sizes_of
from moe_lab.layers.noise import Noise, generator, seeded
from moe_lab.mixture.costs import parameter_counts
from moe_lab.parts.checks import check, combine_rule
from moe_lab.parts.objectives.mixture import Mixture as MixtureObjective
from moe_lab.training.learner import Losses
from tests.composing import composed

SHAPE, CLASSES = (1, 3, 4), 4


def learner(*words, seed=0):
    return build_learner(composed("experts.count=5", "experts.hidden=6", *words), SHAPE, CLASSES, seed)


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(0)
    return torch.randn(7, 12, generator=draw), torch.arange(7) % 4, Noise([generator(0, "noise")])


def test_dense_mixture_is_the_mixture_of_its_parts(batch):
    x, _, noise = batch
    mixture = learner().mixture
    output = mixture(x, noise)
    probs = mixture.experts(x).log_probs_BEC.exp()
    expected = (mixture.gate(x, None, noise).weights_BE.unsqueeze(-1) * probs).sum(1)
    torch.testing.assert_close(output.log_probs_BC.exp(), expected)
    torch.testing.assert_close(output.log_probs_BC.exp().sum(-1), torch.ones(7))


@pytest.mark.parametrize("words", [[], ["k=2"], ["gate=switch"], ["gate=attentive"]], ids=str)
def test_an_expert_without_weight_learns_nothing_from_a_sample(batch, words):
    x, _, noise = batch
    mixture = learner(*words).mixture
    output = mixture(x, noise)
    [gradient] = torch.autograd.grad(output.log_probs_BC.sum(), output.experts.log_probs_BEC)
    assert torch.equal(gradient.abs().sum(-1) > 0, output.routing.selected_BE)


def test_losses_are_objective_plus_weighted_regularizers(batch):
    x, y, noise = batch
    made = learner("regularizer=[importance,sample_similarity]", "regularizers.importance.weight=0.25")
    mixture = made.mixture
    output = mixture(x, noise)
    loss_B, losses = made.losses(mixture.step(x, y, output, noise))
    torch.testing.assert_close(loss_B, -output.log_probs_BC[torch.arange(7), y])
    assert losses.weighted["importance"] == 0.25 * losses.raw["importance"]
    expected = loss_B.mean() + 0.25 * losses.raw["importance"] + losses.raw["sample_similarity"]
    torch.testing.assert_close(losses.total, expected)
    assert Losses(torch.tensor(2.0), {}, {}).total == 2


def test_k_is_the_words_or_the_gates_or_every_expert():
    def k(*words):
        return sizes_of(compose(list(words)), SHAPE, CLASSES).k

    assert [k(), k("gate=top_k"), k("gate=switch"), k("gate=attentive"), k("gate=switch", "k=3")] == [5, 2, 1, 5, 3]
    with pytest.raises(ConfigError, match="at most experts.count=5"):
        k("k=6")
    with pytest.raises(ConfigError, match="the gate's k=2"):
        k("gate=top_k", "experts.count=1")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ([], "probabilities"),
        (["k=2"], "probabilities"),
        (["k=1"], "logits"),
        (["gate=switch"], "logits"),
        (["k=2", "gate.weigh.over=all"], "logits"),
        (["k=2", "gate.combine=logits"], "logits"),
        (["experts.count=1"], "logits"),
    ],
    ids=str,
)
def test_combine_rule(words, rule):
    assert combine_rule(learner(*words).mixture.gate) == rule


def test_probabilities_are_refused_where_they_do_not_fit():
    for words in (["k=1"], ["k=2", "gate.weigh.over=all"], ["experts.count=1"]):
        with pytest.raises(ConfigError, match=r"gate\.combine=probabilities does not fit"):
            learner("gate.combine=probabilities", *words)


class NeedsDistribution(MixtureObjective):
    needs_distribution = True


def test_demands_that_parts_declare_are_checked(monkeypatch):
    made = learner("k=2")
    sizes = made.mixture.gate.sizes
    check(made.mixture.gate, NeedsDistribution(sizes), {}, {})
    with pytest.raises(ConfigError, match="NeedsDistribution needs a distribution over at least two experts"):
        check(learner("k=1").mixture.gate, NeedsDistribution(sizes), {}, {})
    with pytest.raises(ConfigError, match="at least 2 experts"):
        learner("experts.count=1", "regularizer=[importance]")
    with pytest.raises(ConfigError, match="regularizer load needs a gate that gives load_probs_BE"):
        learner("regularizer=[load]")
    monkeypatch.setattr(type(made.mixture.gate.select), "k", 2)
    with pytest.raises(ConfigError, match="cannot use k=3: take k from 1 to 2"):
        learner("k=3")
    monkeypatch.setattr(type(made.mixture.gate.select), "k", "every")
    with pytest.raises(ConfigError, match="cannot use k=2: take k=5"):
        learner("k=2")


def test_parameter_counts_by_hand():
    # an expert 12 * 6 + 6 + 6 * 4 + 4 = 106; the gate 12 * 64 + 64, 64 * 32 + 32, 32 * 5 + 5: 3077
    assert parameter_counts(learner("k=2").mixture) == {"parameters_total": 3607, "parameters_active": 3289}
    # the attentive gate: 12 * 64 + 64 + 64 * 32 + 32 + 32 * 6 + 6 * 6 = 3140, and every expert runs
    counts = parameter_counts(learner("gate=attentive", "k=1").mixture)
    assert counts == {"parameters_total": 3670, "parameters_active": 3670}


def test_initialization_is_by_component():
    plain, wide = learner(), learner("gate.score.body.hidden=[128]", "regularizer=[importance]", "gate=attentive")
    for a, b in zip(plain.mixture.experts.parameters(), wide.mixture.experts.parameters(), strict=True):
        assert torch.equal(a, b)
    # each from the generator of its own name
    with seeded(0, "gate"):
        alone = build(compose([])["gate"], plain.mixture.gate.sizes)
    for a, b in zip(plain.mixture.gate.parameters(), alone.parameters(), strict=True):
        assert torch.equal(a, b)
    other = learner(seed=1)
    assert not torch.equal(next(plain.parameters()), next(other.parameters()))
