import pytest
import torch
from sklearn.linear_model import LogisticRegression

from moe_lab.errors import ConfigError
from moe_lab.layers.stacking import stack
from moe_lab.mixture.costs import parameter_counts

NONE = (torch.empty(0, 12), torch.empty(0, dtype=torch.int64))


def test_the_combiner_is_scikit_learns(learner_of, draw, noise):
    mixture = learner_of("baseline=stacking", "baseline.C=0.5").mixture.eval()
    x, y = draw(40, 12), torch.arange(40) % 4
    mixture.experts.fit(NONE, (x, y))
    features = mixture.experts.several(x).log_probs_BEC.exp().flatten(-2).detach().double().numpy()
    oracle = LogisticRegression(C=0.5, max_iter=1000).fit(features, y.numpy())
    expected = torch.from_numpy(oracle.predict_proba(features)).float()
    torch.testing.assert_close(mixture(x, noise).log_probs_BC.exp(), expected, rtol=1e-4, atol=1e-5)
    # five experts of 106, 20 x 4 weights and 4 constants
    assert parameter_counts(mixture)["parameters_total"] == 5 * 106 + 84


@pytest.mark.parametrize("present", [(0, 2), (0, 1, 3)], ids=str)
def test_a_class_that_was_not_held_out_is_rare_and_not_impossible(learner_of, draw, noise, present):
    """Two classes, where scikit-learn keeps one column, and three. The others: 1 / (20 + 4) each."""
    mixture = learner_of("baseline=stacking").mixture.eval()
    y = torch.tensor(present)[torch.arange(20) % len(present)]
    mixture.experts.fit(NONE, (draw(20, 12), y))
    x = draw(7, 12)
    probs = mixture(x, noise).log_probs_BC.exp()
    torch.testing.assert_close(probs.sum(-1), torch.ones(7))
    absent = [one for one in range(4) if one not in present]
    torch.testing.assert_close(probs[:, absent], torch.full((7, len(absent)), 1 / 24))
    assert (probs[:, list(present)] > 0.01).all()


def test_each_expert_has_the_gradient_of_its_own_cross_entropy(learner_of, draw, noise):
    """The loss is the mean over experts, so its gradient is a fifth of each one's own."""
    learner = learner_of("baseline=stacking")
    mixture, x, y = learner.mixture, draw(7, 12), torch.arange(7) % 4
    step = mixture.step(x, y, learner(x, noise), noise)
    parameters = list(mixture.experts.several.parameters())
    ours = torch.autograd.grad(learner.losses(step)[1].total, parameters)
    log_probs = mixture.experts.several(x).log_probs_BEC
    own = -log_probs.gather(-1, y[:, None, None].expand(-1, 5, 1)).squeeze(-1).mean(0)
    for gradient, expected in zip(ours, torch.autograd.grad(own.sum(), parameters), strict=True):
        torch.testing.assert_close(gradient, expected / 5)


def test_runs_of_a_stack_have_combiners_of_their_own(learner_of, draw, noise):
    solos = [learner_of("baseline=stacking", seed=seed).mixture.eval() for seed in range(3)]
    together = stack(solos)
    x, y = draw(30, 12), torch.arange(30) % 4
    for one in (*solos, together):
        one.experts.fit(NONE, (x, y))
    for run, solo in enumerate(solos):
        torch.testing.assert_close(together.experts.weight_FC[run], solo.experts.weight_FC, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(
            together(x, noise).log_probs_BC[run], solo(x, noise).log_probs_BC, rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("words", [["dataset.validation_share=0"]], ids=str)
def test_without_a_validation_split_it_is_refused(learner_of, words):
    with pytest.raises(ConfigError, match="raise dataset.validation_share"):
        learner_of("baseline=stacking", *words)
