"""arXiv:1701.06538: noise in training only, and load probabilities from logits (a peer takes softmaxed thresholds)."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from moe_lab.parts.gates.noisy_top_k import load_probabilities
from tests.conformance.cases import GateCase

CASE = GateCase(forms=[["gate.weigh.over=all"], ["gate/select=capacity", "gate.select.min_capacity=1"]])


def test_no_noise_at_test(gate_of, draw, noise):
    gate, x = gate_of("noisy_top_k").eval(), draw(7, 12)
    routing, logits = gate(x, None, noise), gate.score(x, None, noise)
    torch.testing.assert_close(gate(x, None, noise).weights_BE, routing.weights_BE)
    for b in range(7):
        best = logits[b].topk(2).indices
        torch.testing.assert_close(routing.weights_BE[b, best], logits[b, best].softmax(-1))
    assert routing.weights_BE.isfinite().all() and routing.extras["load_probs_BE"].isfinite().all()


def test_noise_in_training_has_the_learned_scale(gate_of, draw, noise):
    gate, x = gate_of("noisy_top_k", k=5), draw(1, 12).expand(20_000, 12)
    # W_noise starts at zero: softplus(0) = ln 2
    assert gate.noise_scale.weight_IO.abs().sum() == 0
    gate.noise_scale.weight_IO.data.normal_(generator=torch.Generator().manual_seed(1))
    routing = gate(x, None, noise)
    sigma = torch.nn.functional.softplus(x[0] @ gate.noise_scale.weight_IO)
    torch.testing.assert_close(routing.extras["noise_scale_BE"][0], sigma)
    # with k = E the weights are softmax(H): log w_0 - log w_e = H_0 - H_e, of variance sigma_0^2 + sigma_e^2
    log_weights = routing.weights_BE.log()
    spread = (log_weights[:, :1] - log_weights).std(0)[1:]
    torch.testing.assert_close(spread, (sigma[0] ** 2 + sigma[1:] ** 2).sqrt(), rtol=0.03, atol=0)
    torch.testing.assert_close(routing.probs_BE[0], gate.score(x[:1], None, noise)[0].softmax(-1))


def test_load_probabilities_by_hand():
    # k = 1, H = (3, 1, 0): the others' largest is 1 for the first, 3 for the rest; sigma 2
    clean, noisy = torch.tensor([[2.0, 2.0, 0.0]]), torch.tensor([[3.0, 1.0, 0.0]])
    expected = norm.cdf([(2 - 1) / 2, (2 - 3) / 2, (0 - 3) / 2])
    load = load_probabilities(clean, noisy, torch.full((1, 3), 2.0), 1)
    np.testing.assert_allclose(load[0], expected, rtol=1e-6)
    assert load_probabilities(clean, noisy, torch.full((1, 3), 2.0), 3).tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("k", [1, 2, 4])
def test_load_probabilities_are_the_chance_of_being_among_the_k(draw, k):
    """Monte Carlo: with the others' noise as drawn, an expert's own noise is drawn again 40,000 times."""
    clean, sigma = draw(1, 5), draw(1, 5).abs() + 0.5
    noisy = clean + draw(1, 5) * sigma
    load = load_probabilities(clean, noisy, sigma, k)[0]
    for e in range(5):
        again = noisy.repeat(40_000, 1)
        again[:, e] = clean[0, e] + draw(40_000) * sigma[0, e]
        chosen = (again.topk(k, -1).indices == e).any(-1).float().mean()
        assert chosen.item() == pytest.approx(load[e].item(), abs=0.012)


def test_loads_sum_to_about_k_a_sample(gate_of, draw, noise):
    """A peer's load summed to 7035 where 4000 is the truth (2000 samples, k = 2)."""
    gate = gate_of("noisy_top_k")
    total = gate(draw(2000, 12), None, noise).extras["load_probs_BE"].sum()
    assert total.item() == pytest.approx(4000, rel=0.03)


@pytest.mark.parametrize("score", [-30.0, -60.0, -200.0])
def test_a_noise_scale_that_has_vanished_gives_finite_gradients(draw, score):
    clean = draw(7, 5).requires_grad_()
    raw = torch.full((7, 5), score, requires_grad=True)
    load = load_probabilities(clean, clean.detach(), torch.nn.functional.softplus(raw), 2)
    load.square().sum().backward()
    assert load.isfinite().all() and clean.grad.isfinite().all() and raw.grad.isfinite().all()
