import torch

from moe_lab.parts.objectives.competitive import Competitive
from moe_lab.parts.objectives.loudest import Loudest
from tests.conformance.cases import Case

CASE = Case(needs=["gate=loudest"], dense=True, selecting=[])


def test_by_hand(sizes, step_of):
    weights = torch.tensor([[0.25, 0.75]])
    probs = torch.tensor([[[0.64, 0.36], [0.04, 0.96]]])
    loss = Loudest(sizes())(step_of(log_weights_BE=weights.log(), log_probs_BEC=probs.log(), y_B=torch.tensor([0])))
    # .25 sqrt .64 + .75 sqrt .04 = .2 + .15
    torch.testing.assert_close(loss, -torch.tensor([0.35]).log())


def test_it_is_the_stochastic_loss_of_the_papers_code(sizes, step_of, draw):
    step = step_of(
        log_weights_BE=draw(7, 5).log_softmax(-1),
        log_probs_BEC=draw(7, 5, 4).log_softmax(-1),
        y_B=torch.arange(7) % 4,
    )
    torch.testing.assert_close(Loudest(sizes())(step), Competitive(sizes(), exponent=0.5)(step))
