import torch
from sklearn.metrics import brier_score_loss

from moe_lab.parts.objectives.cooperative import Cooperative


def test_the_squared_error_of_the_blend_by_hand(sizes, step_of):
    probs = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]])
    loss = Cooperative(sizes())(step_of(log_probs_BC=probs.log(), y_B=torch.tensor([0, 3])))
    # (1 - .5)^2 + .25^2 + 2 * .125^2 = .25 + .0625 + .03125; (1 - .4)^2 + .1^2 + .2^2 + .3^2 = .36 + .01 + .04 + .09
    torch.testing.assert_close(loss, torch.tensor([0.34375, 0.5]))


def test_it_is_the_brier_score(sizes, step_of, draw):
    log_probs, y = draw(50, 4).double().log_softmax(-1), torch.arange(50) % 4
    loss = Cooperative(sizes())(step_of(log_probs_BC=log_probs, y_B=y)).mean()
    expected = brier_score_loss(y.numpy(), log_probs.exp().numpy(), scale_by_half=False)
    assert abs(loss.item() - expected) < 1e-6


def test_a_certain_prediction_is_finite(sizes, step_of):
    log_probs = torch.tensor([[0.0, -1e4, -1e4, -1e4]] * 2, requires_grad=True)
    loss = Cooperative(sizes())(step_of(log_probs_BC=log_probs, y_B=torch.tensor([0, 1])))
    assert loss.tolist() == [0, 2]
    loss.sum().backward()
    assert log_probs.grad.isfinite().all()
