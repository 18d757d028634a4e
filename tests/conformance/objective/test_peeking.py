import torch

from moe_lab.parts.objectives.peeking import Peeking
from tests.conformance.cases import Case

CASE = Case(needs=["gate=uniform"], dense=True, selecting=[])


def test_without_noise_the_expert_that_knows_the_label(sizes, step_of):
    probs = torch.tensor([[[0.5, 0.5], [0.25, 0.75], [0.1, 0.9]]] * 2)
    step = step_of(log_probs_BEC=probs.log(), y_B=torch.tensor([0, 1]))
    torch.testing.assert_close(Peeking(sizes(), noise=0.0)(step), -torch.tensor([0.5, 0.9]).log())


def test_it_alone_learns(sizes, step_of, draw):
    log_probs, y = draw(7, 5, 4).log_softmax(-1).requires_grad_(), torch.arange(7) % 4
    Peeking(sizes(), noise=0.0)(step_of(log_probs_BEC=log_probs, y_B=y)).sum().backward()
    learning = log_probs.grad.abs().sum(-1) > 0
    assert (learning.sum(-1) == 1).all()
    assert torch.equal(learning.float().argmax(-1), log_probs[torch.arange(7), :, y].argmax(-1))


def test_noise_of_one_bit(sizes, step_of):
    """Experts one bit apart: the worse is taken if sqrt(2) n > 1, so with probability Phi(-1 / sqrt 2) = .2398."""
    log_probs = torch.tensor([[0.5, 0.5], [0.25, 0.75]]).log().expand(100_000, 2, 2)
    loss = Peeking(sizes())(step_of(log_probs_BEC=log_probs, y_B=torch.zeros(100_000, dtype=torch.long)))
    worse = (loss > 1).float().mean()
    # standard error .0014
    assert abs(worse - torch.special.ndtr(torch.tensor(-(0.5**0.5)))) < 0.006
