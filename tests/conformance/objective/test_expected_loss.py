import torch

from moe_lab.parts.objectives.expected_loss import ExpectedLoss
from tests.conformance.cases import Case

CASE = Case(dense=True)


def test_by_hand(sizes, step_of):
    weights = torch.tensor([[0.25, 0.75]])
    log_probs = torch.tensor([[[0.5, 0.5], [0.125, 0.875]]]).log()
    loss = ExpectedLoss(sizes())(step_of(weights_BE=weights, log_probs_BEC=log_probs, y_B=torch.tensor([0])))
    # .25 log 2 + .75 log 8 = (.25 + 2.25) log 2
    torch.testing.assert_close(loss, 2.5 * torch.tensor([2.0]).log())


def test_it_is_the_mean_over_draws(sizes, step_of, draw, noise):
    """Monte Carlo: one expert is drawn by its weight, 100,000 times."""
    log_weights, log_probs = draw(1, 5).log_softmax(-1), draw(1, 5, 4).log_softmax(-1)
    y = torch.tensor([2])
    loss = ExpectedLoss(sizes())(step_of(weights_BE=log_weights.exp(), log_probs_BEC=log_probs, y_B=y))
    drawn = (log_weights + noise.gumbel(torch.empty(100_000, 5))).argmax(-1)
    assert abs(-log_probs[0, drawn, 2].mean() - loss) < 0.01


def test_it_bounds_the_mixture(sizes, step_of, draw):
    log_weights, log_probs = draw(99, 5).log_softmax(-1), draw(99, 5, 4).log_softmax(-1)
    y = torch.arange(99) % 4
    loss = ExpectedLoss(sizes())(step_of(weights_BE=log_weights.exp(), log_probs_BEC=log_probs, y_B=y))
    mixture = -(log_weights + log_probs[torch.arange(99), :, y]).logsumexp(-1)
    assert (loss >= mixture).all()
