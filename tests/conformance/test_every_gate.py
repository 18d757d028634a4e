"""What holds for every gate that conf/gate names, with every k that it can use."""

import copy

import pytest
import torch
from torch import nn

from moe_lab.config.compose import options
from moe_lab.layers.noise import Noise, generator
from moe_lab.mixture.dispatch import why_dense
from moe_lab.mixture.dispatchers import Sparse, for_every_expert
from moe_lab.parts.checks import combine_rule
from moe_lab.routing.outputs import ExpertOutput
from tests.conformance.cases import case_of

#: of every gate, what its own test file says of it
CASES = {name: case_of("gate", name) for name in options("gate")}
EVERY_GATE = [(name, k) for name, case in CASES.items() for k in (None, *case.usable(1, 2, 5))]
LEARNING = [
    (mode == "training", name, k)
    for mode in ("training", "evaluation")
    for name, k in EVERY_GATE
    if CASES[name].learns_from == "prediction" and mode in CASES[name].signed and k is not None
]


class FixedExperts(nn.Module):
    """Experts whose log-probabilities are given, whatever the input."""

    hidden_features = 6

    def __init__(self, log_probs_BEC, hidden_BEH):
        super().__init__()
        self.said = ExpertOutput(log_probs_BEC, hidden_BEH)

    def compute(self, inputs):
        return None, None

    def of_all(self, computed):
        return self.said


def said_of(draw, samples=7):
    """What five experts might compute of some samples."""
    return ExpertOutput(draw(samples, 5, 4).log_softmax(-1), draw(samples, 5, 6))


def rows_of(said, rows):
    return ExpertOutput(said.log_probs_BEC[rows], said.hidden_BEH[rows])


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_a_routing_is_what_it_says(gate_of, draw, noise, name, k):
    gate = gate_of(name, k)
    routing = gate(draw(7, 12), said_of(draw), noise)
    torch.testing.assert_close(routing.probs_BE.sum(-1), torch.ones(7))
    assert (routing.logits_BE is not None) == gate.traits.gives_logits
    assert (routing.weights_BE >= 0).all()
    assert torch.equal(routing.weights_BE > 0, routing.selected_BE)
    sums_to_one = torch.allclose(routing.weights_BE.sum(-1), torch.ones(7))
    assert gate.traits.selects_k == CASES[name].selects_k
    if gate.traits.selects_k:
        assert (routing.selected_BE.sum(-1) == gate.sizes.k).all()
        assert sums_to_one == gate.traits.rows_sum_to_one
    assert sums_to_one or not gate.traits.rows_sum_to_one
    assert routing.extras.keys() == gate.traits.extras


@pytest.mark.parametrize(("name", "k"), EVERY_GATE)
def test_only_the_k_that_a_gate_can_use_is_taken(gate_of, name, k):
    assert [*gate_of(name, k).usable_k] == [*CASES[name].k]


@pytest.mark.parametrize("name", options("gate"))
def test_dependence_on_batch_mates_is_declared(gate_of, name):
    gate = gate_of(name)
    assert gate.batch_dependent == ("training" in CASES[name].batch_dependent)
    assert gate.eval().batch_dependent == ("evaluation" in CASES[name].batch_dependent)


@pytest.mark.parametrize(
    ("name", "k"), [(name, k) for name, k in EVERY_GATE if "evaluation" not in CASES[name].batch_dependent]
)
def test_rows_do_not_depend_on_their_batch_mates(gate_of, draw, noise, name, k):
    gate, x, said = gate_of(name, k).eval(), draw(7, 12), said_of(draw)
    weights = gate(x, said, noise).weights_BE
    order = torch.tensor([6, 2, 0, 5, 1, 3, 4])
    torch.testing.assert_close(gate(x[order], rows_of(said, order), noise).weights_BE, weights[order])
    torch.testing.assert_close(gate(x[:1], rows_of(said, slice(1)), noise).weights_BE, weights[:1])


@pytest.mark.parametrize("name", options("gate"))
def test_evaluation_is_deterministic(gate_of, draw, noise, name):
    gate, x, said = gate_of(name).eval(), draw(7, 12), said_of(draw)
    assert torch.equal(gate(x, said, noise).weights_BE, gate(x, said, noise).weights_BE)


@pytest.mark.parametrize(("name", "k"), [(name, k) for name, k in EVERY_GATE if CASES[name].steps])
def test_permuting_experts_permutes_the_routing(gate_of, draw, name, k):
    """The steps after the scores have no expert that they prefer."""
    gate, logits, order = gate_of(name, k), draw(7, 5), torch.tensor([3, 0, 4, 1, 2])
    for training in (not CASES[name].draws, False):
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
    mixes = {"from k=2": gate.sizes.k > 1, "always": True, "never": False}[CASES[name].mixes]
    assert combine_rule(gate) == ("probabilities" if mixes else "logits")


@pytest.mark.parametrize(("training", "name", "k"), LEARNING)
def test_the_gate_learns_whether_its_choice_was_right(learner_of, draw, training, name, k):
    """d loss / d z of the sample's best expert changes sign when that expert goes from right to wrong."""
    signs = []
    x, hidden = draw(7, 12), draw(7, 5, 6)
    mixture = learner_of(f"gate={name}", f"k={k}").mixture.train(training)
    for chance in (0.97, 0.01):
        said = ExpertOutput(None, hidden)
        best = mixture.gate(x, said, Noise([generator(5, "noise")])).weights_BE.argmax(-1)
        probs = torch.full((7, 5, 4), 0.25)
        probs[torch.arange(7), best] = torch.tensor([chance, *[(1 - chance) / 3] * 3])
        mixture.experts = FixedExperts(probs.log(), hidden)
        output = mixture(x, Noise([generator(5, "noise")]))
        routed = output.routing.selected_BE.any(-1)
        [gradient] = torch.autograd.grad(-output.log_probs_BC[:, 0].sum(), output.routing.logits_BE)
        signs.append(gradient[torch.arange(7), best][routed].sign())
        assert routed.sum() >= 4
    assert (signs[0] == -1).all() and (signs[1] == 1).all()


@pytest.mark.parametrize(("name", "k"), [one for one in EVERY_GATE if one[1] in (None, 2)])
def test_sparse_dispatch_is_dense_dispatch(learner_of, draw, name, k):
    """In outputs and gradients, for every gate that may be dispatched sparsely; the others say why not."""
    made = learner_of(f"gate={name}", f"k={'null' if k is None else k}").double().train()
    reason = why_dense(made.mixture.experts, made.mixture.gate, made.objective, {})
    assert (reason is not None) == (CASES[name].dense or (made.mixture.gate.sizes.k == 5 and CASES[name].selects_k))
    x, y, results = draw(9, 12).double(), torch.arange(9) % 4, []
    state = copy.deepcopy(made.state_dict())
    for way in ("dense", "sparse") if reason is None else ("dense",):
        noise, mixture = Noise([generator(0, "noise")]), made.mixture
        mixture.dispatcher = Sparse() if way == "sparse" else for_every_expert(mixture.gate)
        made.load_state_dict(state)
        output = mixture(x, noise)
        _, losses = made.losses(mixture.step(x, y, output, noise))
        gradients = torch.autograd.grad(losses.total, list(made.parameters()), materialize_grads=True)
        results.append((output.routing.selected_BE, output.log_probs_BC, *gradients))
    for first, last in zip(results[0], results[-1], strict=True):
        torch.testing.assert_close(last, first, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.learns_from in ("scores", "draw")])
def test_its_own_objective_teaches_the_gate_whether_its_choice_was_right(learner_of, draw, name):
    """As above, with k = 1 and the objective that the gate chooses, from scores of -1."""
    signs = []
    x, hidden, y = draw(7, 12), draw(7, 5, 6), torch.zeros(7, dtype=torch.long)
    learner = learner_of(f"gate={name}", "k=1")
    mixture, head = learner.mixture, learner.mixture.gate.score.head
    head.weight_IO.data.zero_()
    head.bias_1O.data.fill_(-1.0)
    for chance in (0.97, 0.01):
        if CASES[name].settle is not None:
            CASES[name].settle(learner)
        said = ExpertOutput(None, hidden)
        best = mixture.gate(x, said, Noise([generator(5, "noise")])).weights_BE.argmax(-1)
        probs = torch.full((7, 5, 4), 0.25)
        probs[torch.arange(7), best] = torch.tensor([chance, *[(1 - chance) / 3] * 3])
        mixture.experts = FixedExperts(probs.log(), hidden)
        noise = Noise([generator(5, "noise")])
        output = mixture(x, noise)
        loss = learner.objective(mixture.step(x, y, output, noise))
        [gradient] = torch.autograd.grad(loss.sum(), output.routing.logits_BE)
        signs.append(gradient[torch.arange(7), best].sign())
    assert (signs[0] == -1).all() and (signs[1] == 1).all()


@pytest.mark.parametrize("name", options("gate"))
def test_every_parameter_of_the_gate_learns(learner_of, draw, noise, name):
    learner = learner_of(f"gate={name}")
    mixture, x, y = learner.mixture, draw(7, 12), torch.arange(7) % 4
    assert mixture.gate.learns_from == CASES[name].learns_from
    assert (not list(mixture.gate.parameters())) == (CASES[name].learns_from == "nothing")
    step = mixture.step(x, y, mixture(x, noise), noise)
    learner.losses(step)[1].total.backward()
    for parameter_name, parameter in mixture.gate.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, parameter_name
