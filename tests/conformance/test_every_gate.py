"""What holds for every gate that conf/gate names, with every k that it can use."""

import pytest
import torch
from torch import nn

from moe_lab.config.compose import options
from moe_lab.mixture import combine_rule
from moe_lab.routing import ExpertOutput

K = (None, 1, 2, 3, 5)
EVERY_GATE = [(name, k) for name in options("gate") for k in K]


class FixedExperts(nn.Module):
    """Experts whose log-probabilities are given, whatever the input."""

    hidden_features = 6

    def __init__(self, log_probs_BEC, hidden_BEH):
        super().__init__()
        self.output = ExpertOutput(log_probs_BEC, hidden_BEH)

    def forward(self, x_BD):
        return self.output


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_a_routing_is_what_it_says(gate_of, draw, noise, name, k):
    gate = gate_of(name, k)
    routing = gate(draw(7, 12), draw(7, 5, 6), noise)
    torch.testing.assert_close(routing.probs_BE.sum(-1), torch.ones(7))
    assert (routing.logits_BE is not None) == gate.gives_logits
    assert (routing.weights_BE >= 0).all()
    assert torch.equal(routing.weights_BE > 0, routing.selected_BE)
    assert (routing.selected_BE.sum(-1) == gate.sizes.k).all()
    sums = routing.weights_BE.sum(-1)
    assert torch.allclose(sums, torch.ones(7)) == gate.rows_sum_to_one


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_rows_do_not_depend_on_their_batch_mates(gate_of, draw, noise, name, k):
    gate, x, hidden = gate_of(name, k).eval(), draw(7, 12), draw(7, 5, 6)
    weights = gate(x, hidden, noise).weights_BE
    order = torch.tensor([6, 2, 0, 5, 1, 3, 4])
    torch.testing.assert_close(gate(x[order], hidden[order], noise).weights_BE, weights[order])
    torch.testing.assert_close(gate(x[:1], hidden[:1], noise).weights_BE, weights[:1])


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_the_rule_of_combination_fits(gate_of, name, k):
    gate = gate_of(name, k)
    assert combine_rule(gate) == ("probabilities" if gate.rows_sum_to_one and gate.sizes.k > 1 else "logits")


@pytest.mark.parametrize("name", options("gate"))
@pytest.mark.parametrize("words", [["k=1"], ["k=2"], ["k=5"]], ids=str)
def test_the_gate_learns_whether_its_choice_was_right(learner_of, draw, noise, name, words):
    """d loss / d z of the sample's best expert changes sign when that expert goes from right to wrong."""
    signs = []
    x, hidden = draw(7, 12), draw(7, 5, 6)
    for chance in (0.97, 0.01):
        mixture = learner_of(f"gate={name}", *words).mixture.eval()
        best = mixture.gate(x, hidden, noise).weights_BE.argmax(-1)
        probs = torch.full((7, 5, 4), 0.25)
        probs[torch.arange(7), best] = torch.tensor([chance, *[(1 - chance) / 3] * 3])
        mixture.experts = FixedExperts(probs.log(), hidden)
        output = mixture(x, noise)
        [gradient] = torch.autograd.grad(-output.log_probs_BC[:, 0].sum(), output.routing.logits_BE)
        signs.append(gradient[torch.arange(7), best].sign())
    assert (signs[0] == -1).all() and (signs[1] == 1).all()


@pytest.mark.parametrize("name", options("gate"))
def test_every_parameter_of_the_gate_learns(learner_of, draw, noise, name):
    mixture = learner_of(f"gate={name}").mixture
    mixture(draw(7, 12), noise).log_probs_BC[:, 0].sum().backward()
    for parameter_name, parameter in mixture.gate.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, parameter_name
