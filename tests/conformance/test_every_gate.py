"""What holds for every gate that conf/gate names, with every k that it can use."""

import pytest
import torch
from torch import nn

from moe_lab.config.compose import options
from moe_lab.mixture import combine_rule
from moe_lab.noise import Noise, generator
from moe_lab.routing import ExpertOutput

#: what k may be with five experts, where it is not everything from 1 to 5
USABLE = {"gshard_top2": (1, 2), "base": (1,), "uniform": (5,), "soft_moe": (5,)}
EVERY_GATE = [(name, k) for name in options("gate") for k in (None, *USABLE.get(name, (1, 2, 3, 5)))]
#: gates whose rows depend on their batch-mates in training, and those that do so in evaluation too
BATCH_DEPENDENT_IN_TRAINING = {"gshard_top2", "batch_prioritized", "base", "sinkhorn"}
BATCH_DEPENDENT = {"expert_choice"}
NOTHING_TO_LEARN = {"hash", "random", "uniform"}
#: gates that are one class
WITHOUT_STEPS = {"uniform", "soft_moe"}
#: gates whose choice the sign test can ask for; those of soft_moe are among slots, and it has a test of its own
LEARNING = [(name, k) for name, k in EVERY_GATE if name not in NOTHING_TO_LEARN | {"soft_moe"} and k in (1, 2, 5)]


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
    assert (routing.weights_BE >= 0).all()
    assert torch.equal(routing.weights_BE > 0, routing.selected_BE)
    if gate.selects_k:
        assert (routing.selected_BE.sum(-1) == gate.sizes.k).all()
        assert torch.allclose(routing.weights_BE.sum(-1), torch.ones(7)) == gate.rows_sum_to_one
    assert not (gate.rows_sum_to_one and not gate.selects_k)
    assert routing.extras.keys() == gate.extras


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_only_the_k_that_a_gate_can_use_is_taken(gate_of, name, k):
    usable = gate_of(name, k).usable_k
    assert [*usable] == list(USABLE.get(name, range(1, 6)))


@pytest.mark.parametrize("name", options("gate"))
def test_dependence_on_batch_mates_is_declared(gate_of, name):
    gate = gate_of(name)
    assert gate.batch_dependent == (name in BATCH_DEPENDENT_IN_TRAINING | BATCH_DEPENDENT)
    assert gate.eval().batch_dependent == (name in BATCH_DEPENDENT)


@pytest.mark.parametrize(("name", "k"), [one for one in EVERY_GATE if one[0] not in BATCH_DEPENDENT])
def test_rows_do_not_depend_on_their_batch_mates(gate_of, draw, noise, name, k):
    gate, x, hidden = gate_of(name, k).eval(), draw(7, 12), draw(7, 5, 6)
    weights = gate(x, hidden, noise).weights_BE
    order = torch.tensor([6, 2, 0, 5, 1, 3, 4])
    torch.testing.assert_close(gate(x[order], hidden[order], noise).weights_BE, weights[order])
    torch.testing.assert_close(gate(x[:1], hidden[:1], noise).weights_BE, weights[:1])


@pytest.mark.parametrize("name", options("gate"))
def test_evaluation_is_deterministic(gate_of, draw, noise, name):
    gate, x, hidden = gate_of(name).eval(), draw(7, 12), draw(7, 5, 6)
    assert torch.equal(gate(x, hidden, noise).weights_BE, gate(x, hidden, noise).weights_BE)


@pytest.mark.parametrize(("name", "k"), [one for one in EVERY_GATE if one[0] not in WITHOUT_STEPS])
def test_permuting_experts_permutes_the_routing(gate_of, draw, name, k):
    """The steps after the scores have no expert that they prefer."""
    gate, logits, order = gate_of(name, k), draw(7, 5), torch.tensor([3, 0, 4, 1, 2])
    for training in (True, False):
        gate.train(training)
        routings = [gate.route(one, Noise([generator(5, "noise")])) for one in (logits, logits[:, order])]
        for key in ("probs_BE", "weights_BE", "selected_BE"):
            plain, permuted = (getattr(routing, key) for routing in routings)
            torch.testing.assert_close(permuted, plain[:, order])


EXTREMES = {
    "one sample": lambda x: x[:1],
    "identical inputs": lambda x: x[:1].expand_as(x),
    "saturated logits": lambda x: x * 1e6,
    "blank inputs": lambda x: x * 0,
}


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_extremes_are_finite(learner_of, draw, noise, name, k):
    mixture = learner_of(f"gate={name}", f"k={'null' if k is None else k}").mixture
    for extreme in EXTREMES.values():
        check_finite(mixture, extreme(draw(7, 12)), noise)


@pytest.mark.parametrize("name", options("gate"))
def test_one_expert_is_finite(learner_of, draw, noise, name):
    check_finite(learner_of(f"gate={name}", "k=1", "experts=mlp", "experts.count=1").mixture, draw(7, 12), noise)


def check_finite(mixture, x, noise):
    for training in (True, False):
        output = mixture.train(training)(x, noise)
        assert output.log_probs_BC.isfinite().all()
        assert output.routing.weights_BE.isfinite().all() and output.routing.probs_BE.isfinite().all()
        torch.testing.assert_close(output.routing.probs_BE.sum(-1), torch.ones(x.shape[0]))
        mixture.zero_grad()
        output.log_probs_BC[:, 0].sum().backward()
        for parameter_name, parameter in mixture.named_parameters():
            assert parameter.grad is None or parameter.grad.isfinite().all(), parameter_name


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_the_rule_of_combination_fits(gate_of, name, k):
    gate = gate_of(name, k)
    assert combine_rule(gate) == ("probabilities" if gate.rows_sum_to_one and gate.sizes.k > 1 else "logits")


@pytest.mark.parametrize(("name", "k"), LEARNING)
@pytest.mark.parametrize("training", [True, False])
def test_the_gate_learns_whether_its_choice_was_right(learner_of, draw, name, k, training):
    """d loss / d z of the sample's best expert changes sign when that expert goes from right to wrong."""
    signs = []
    x, hidden = draw(7, 12), draw(7, 5, 6)
    mixture = learner_of(f"gate={name}", f"k={k}").mixture.train(training)
    for chance in (0.97, 0.01):
        best = mixture.gate(x, hidden, Noise([generator(5, "noise")])).weights_BE.argmax(-1)
        probs = torch.full((7, 5, 4), 0.25)
        probs[torch.arange(7), best] = torch.tensor([chance, *[(1 - chance) / 3] * 3])
        mixture.experts = FixedExperts(probs.log(), hidden)
        output = mixture(x, Noise([generator(5, "noise")]))
        routed = output.routing.selected_BE.any(-1)
        [gradient] = torch.autograd.grad(-output.log_probs_BC[:, 0].sum(), output.routing.logits_BE)
        signs.append(gradient[torch.arange(7), best][routed].sign())
        assert routed.sum() >= 4
    assert (signs[0] == -1).all() and (signs[1] == 1).all()


@pytest.mark.parametrize("name", options("gate"))
def test_every_parameter_of_the_gate_learns(learner_of, draw, noise, name):
    mixture = learner_of(f"gate={name}").mixture
    assert (not list(mixture.gate.parameters())) == (name in NOTHING_TO_LEARN)
    mixture(draw(7, 12), noise).log_probs_BC[:, 0].sum().backward()
    for parameter_name, parameter in mixture.gate.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, parameter_name
