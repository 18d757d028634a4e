import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from moe_lab.layers.noise import Noise
from tests.conformance.cases import GateCase

CASE = GateCase(
    selects_k=False, mixes="always", dense=True, steps=False, learns_from="nothing", no_layer="fitted to which experts"
)


@pytest.fixture
def fitted(learner_of, draw):
    def make(*words, samples=60):
        gate = learner_of("gate=classifier_selection", *words).mixture.gate.eval()
        x, right = draw(samples, 12), draw(samples, 5) > 0
        gate.fit(x, right)
        return gate, x, right

    return make


def test_in_training_every_expert_has_the_same_weight(gate_of, draw, noise):
    routing = gate_of("classifier_selection")(draw(7, 12), None, noise)
    assert (routing.weights_BE == 0.2).all() and routing.selected_BE.all()


def test_local_accuracy_against_scikit_learn(fitted, draw, noise):
    gate, x, right = fitted("gate.neighbours=7")
    new = draw(31, 12)
    nearby = NearestNeighbors(n_neighbors=7).fit(x.numpy()).kneighbors(new.numpy(), return_distance=False)
    counts = right.float()[torch.from_numpy(nearby)].sum(1)
    overall = right.float().mean(0)
    best = (counts + overall / 2).argmax(-1)
    routing = gate(new, None, noise)
    assert torch.equal(routing.weights_BE.argmax(-1), best)
    assert (routing.weights_BE.sum(-1) == 1).all() and (routing.selected_BE.sum(-1) == 1).all()


def test_a_sample_has_no_voice_in_its_own_case(fitted, noise):
    """Leave one out: a kept sample is judged by the others."""
    gate, x, right = fitted("gate.neighbours=7")
    neighbours = NearestNeighbors(n_neighbors=8).fit(x.numpy()).kneighbors(x.numpy(), return_distance=False)[:, 1:]
    counts = right.float()[torch.from_numpy(neighbours)].sum(1)
    expected = (counts + right.float().mean(0) / 2).argmax(-1)
    assert torch.equal(gate(x, None, noise).weights_BE.argmax(-1), expected)


def test_ties_go_to_the_better_expert_then_to_the_lower_index(learner_of, noise):
    gate = learner_of("gate=classifier_selection", "gate.neighbours=1").mixture.gate.eval()
    x = torch.zeros(3, 12)
    x[:, 0] = torch.tensor([0.0, 1.0, 50.0])
    right = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]]).bool()
    gate.fit(x, right)
    # next to the first two the experts 0 to 2 are right; overall 1 and 2 are better than 0
    assert gate(x[:1] + 0.1, None, noise).weights_BE.tolist() == [[0, 1, 0, 0, 0]]


def test_k_experts_share(fitted, draw, noise):
    gate, *_ = fitted("k=2")
    weights = gate(draw(7, 12), None, noise).weights_BE
    assert ((weights == 0.5).sum(-1) == 2).all()


def test_more_samples_than_memory_and_fewer_than_neighbours(fitted, learner_of, draw, noise):
    gate, x, right = fitted("gate.memory=20", samples=60)
    assert torch.equal(gate.memory_MD, x[:20]) and torch.equal(gate.right_ME, right[:20].float())
    few, *_ = fitted(samples=3)
    routing = few(draw(7, 12), None, noise)
    assert routing.weights_BE.isfinite().all() and routing.probs_BE.isfinite().all()
    unfitted = learner_of("gate=classifier_selection").mixture.gate.eval()(draw(7, 12), None, noise)
    torch.testing.assert_close(unfitted.probs_BE, torch.full((7, 5), 0.2))


def test_what_it_keeps_is_part_of_its_state(fitted, learner_of, draw):
    gate, *_ = fitted()
    other = learner_of("gate=classifier_selection").mixture.gate.eval()
    other.load_state_dict(gate.state_dict())
    x = draw(7, 12)
    assert torch.equal(other(x, None, Noise([])).weights_BE, gate(x, None, Noise([])).weights_BE)


def test_permuting_experts_permutes_the_weights(learner_of, draw, noise):
    x, right, order = draw(60, 12), draw(60, 5) > 0, torch.tensor([3, 0, 4, 1, 2])
    answers = []
    for one in (right, right[:, order]):
        gate = learner_of("gate=classifier_selection").mixture.gate.eval()
        gate.fit(x, one)
        answers.append(gate(x + 0.1, None, noise).probs_BE)
    torch.testing.assert_close(answers[1], answers[0][:, order])
