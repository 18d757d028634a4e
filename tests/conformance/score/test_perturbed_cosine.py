"""arXiv:2405.14131: constants are added to the lengths."""

import torch

from moe_lab.parts.gates.score.cosine import Cosine, PerturbedCosine
from moe_lab.parts.networks.mlp import Mlp


def test_by_hand(sizes):
    score = PerturbedCosine(sizes(), body=Mlp(sizes()), projection=2, tau=0.5, perturb_input=0.5, perturb_expert=1.0)
    # |h| = 5, |m| = 2, h . m = 6: 6 / (5.5 * 3) = .3636..., divided by tau outside
    cosine = score.cosine(torch.tensor([[3.0, 4.0]]), torch.tensor([[2.0, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(cosine, torch.tensor([[6 / 16.5, 0.0]]))


def test_tiny_constants_give_the_cosine(sizes, draw, noise):
    torch.manual_seed(0)
    score = PerturbedCosine(sizes(), body=Mlp(sizes()), perturb_input=1e-9, perturb_expert=1e-9)
    plain = Cosine(sizes(), body=Mlp(sizes()))
    plain.load_state_dict(score.state_dict())
    x = draw(7, 12)
    torch.testing.assert_close(score(x, None, noise), plain(x, None, noise))


def test_lengths_count_where_they_are_small(sizes, draw):
    score = PerturbedCosine(sizes(), body=Mlp(sizes()))
    h, m = draw(7, 16), draw(5, 16)
    assert (score.cosine(1e-3 * h, m).abs() < 0.1 * score.cosine(h, m).abs()).all()


def test_zero_vectors_have_finite_gradients(sizes):
    score = PerturbedCosine(sizes(), body=Mlp(sizes()))
    h, m = torch.zeros(2, 16, requires_grad=True), torch.zeros(5, 16, requires_grad=True)
    score.cosine(h, m).sum().backward()
    assert h.grad.isfinite().all() and m.grad.isfinite().all()
