"""arXiv:2308.00951, algorithm 1, on the patches of an image and on the rows of a mixture layer."""

import copy
from dataclasses import replace

import pytest
import torch
from soft_moe_pytorch import SoftMoE as Oracle
from torch import nn

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, generator, seeded
from moe_lab.layers.stacking import stack
from moe_lab.mixture.layer import MixtureLayer
from moe_lab.mixture.layer_parts import layer_config, routed_experts
from moe_lab.parts.checks import combine_rule
from moe_lab.parts.gates.soft_moe import SoftMoE
from moe_lab.parts.roles import Sizes
from tests.conformance.cases import GateCase

CASE = GateCase(
    small=["gate.patch=1"],
    k=[5],
    dense=True,
    steps=False,
    signed=[],  # it has no logits
    forms=[["gate.patch=2", "gate.slots=2", "gate.position=false"], ["gate.patch=8", "experts=linear"]],
)


class Fixed(nn.Module):
    """Experts that predict the same whatever they see."""

    def __init__(self, logits_EC):
        super().__init__()
        self.logits_EC = logits_EC

    def forward(self, x_EXI):
        return None, self.logits_EC.unsqueeze(1).expand(-1, x_EXI.shape[1], -1)


SIZES = Sizes(shape=(2, 4, 6), classes=4, experts=3, k=3)


def test_tokens_are_patches(noise):
    gate = SoftMoE(SIZES, patch=2, position=False)
    image = torch.arange(48.0).reshape(2, 4, 6)
    tokens = gate.tokens(image.reshape(1, 48))[0]
    assert tokens.shape == (6, 8)
    # second row of patches, third column
    assert torch.equal(tokens[5], image[:, 2:4, 4:6].flatten())


def test_against_an_independent_implementation(draw, noise):
    """Its norms make tokens and slots sqrt(d) long, so that a = d = 8 here and tokens are given in that length; its
    experts give back what they see."""
    gate = SoftMoE(Sizes(shape=(8, 1, 5), classes=4, experts=3, k=3), patch=1, slots=2, position=False)
    gate.scale_111.data.fill_(8.0)
    oracle = Oracle(8, num_slots=2, num_experts=3)
    oracle.slot_embeds.data = gate.phi_IX.data.mT.unflatten(0, (3, 2))
    oracle.experts.experts = nn.ModuleList([nn.Identity() for _ in range(3)])
    tokens = nn.functional.normalize(draw(7, 5, 8), dim=-1) * 8**0.5
    routing = gate(tokens.mT.flatten(1), None, noise)
    c = routing.extras["log_shares_BES"].exp() * routing.weights_BE.unsqueeze(-1)
    ours = (c.unsqueeze(-1) * routing.extras["slots_BESI"]).sum((-3, -2))
    torch.testing.assert_close(ours, oracle(tokens).mean(1))


def test_the_prediction_is_that_of_the_papers_formula(learner_of, draw, noise):
    """y = mean_t sum_s C_ts f_s(slot s), worked out slot by slot."""
    mixture = learner_of("gate=soft_moe", "gate.patch=2", "gate.slots=2", shape=(1, 4, 4)).mixture
    gate, x = mixture.gate, draw(3, 16)
    output = mixture(x, noise)
    tokens = gate.tokens(x)
    unit = tokens / tokens.norm(dim=-1, keepdim=True)
    logits = gate.scale_111 * unit @ (gate.phi_IX / gate.phi_IX.norm(dim=0))
    dispatch, combine = logits.softmax(1), logits.softmax(2)
    for b in range(3):
        expected = torch.zeros(4)
        for slot in range(10):
            seen = (dispatch[b, :, slot : slot + 1] * tokens[b]).sum(0)
            probs = mixture.experts(seen.unsqueeze(0)).log_probs_BEC[0, slot // 2].exp()
            expected = expected + combine[b, :, slot].mean() * probs
        torch.testing.assert_close(output.log_probs_BC[b].exp(), expected)
    torch.testing.assert_close(output.routing.weights_BE, combine.mean(1).unflatten(-1, (5, 2)).sum(-1))
    assert combine_rule(gate) == "probabilities" and output.experts.hidden_BEH.shape == (3, 5, 6)


@pytest.mark.parametrize(("chance", "rises"), [(0.97, True), (0.01, False)])
def test_the_gate_learns_which_expert_is_right(learner_of, draw, noise, chance, rises):
    """A step down the loss gives more weight to an expert that is right while the others guess, less to one that is
    wrong."""
    mixture, x = learner_of("gate=soft_moe", "gate.patch=2", shape=(1, 8, 8)).mixture, draw(7, 64)
    logits = torch.full((5, 4), 0.25)
    logits[2] = torch.tensor([chance, *[(1 - chance) / 3] * 3])
    mixture.experts.bank = Fixed(logits.log())
    before = mixture(x, noise)
    (-before.log_probs_BC[:, 0].mean()).backward()
    for parameter in mixture.gate.parameters():
        parameter.data -= 0.1 * parameter.grad
    change = mixture(x, noise).routing.weights_BE[:, 2] - before.routing.weights_BE[:, 2]
    assert (change.mean() > 0) == rises


def test_as_many_slots_as_patches_but_one_for_every_expert():
    slots = lambda **options: SoftMoE(SIZES, **options).phi_IX.shape[-1]  # noqa: E731
    assert slots(patch=1) == 24 and slots(patch=2) == 6 and slots(patch=2, slots=5) == 15
    assert SoftMoE(Sizes((1, 4, 4), 4, 5, 5), patch=4).phi_IX.shape[-1] == 5  # one patch, five experts


def test_experts_are_made_for_patches(learner_of):
    mixture = learner_of("gate=soft_moe", shape=(1, 8, 8)).mixture
    assert mixture.experts.bank.body.layers.layers[0].weight_IO.shape == (5, 16, 6)


@pytest.mark.parametrize(
    ("shape", "message"), [((12,), "these samples are not images"), ((1, 8, 6), "take a divisor of 2")], ids=str
)
def test_what_cannot_be_cut_is_refused(learner_of, shape, message):
    with pytest.raises(ConfigError, match=message):
        learner_of("gate=soft_moe", shape=shape)


#: a layer of five experts with two slots each, for documents of three rows with four features
LAYER = Sizes((4,), 0, 5, 5, places=3)


def layer_of_documents(seed=0, slots=2):
    config = layer_config(["gate=soft_moe", f"gate.slots={slots}", "experts.count=5", "experts.hidden=6"])
    with seeded(seed, "layer"):
        return routed_experts(config, 4, places=3)[0]


def test_a_layer_is_the_papers_formula(draw, noise):
    """y_t = sum_s C_ts f_s(sum_u D_us x_u) within each document, worked out row by row and slot by slot."""
    layer, x = layer_of_documents(), draw(6, 4)
    gate, output = layer.gate, layer(x, noise)
    for document in (slice(3), slice(3, 6)):
        rows = x[document]
        logits = gate.scale_111[0] * (rows / rows.norm(dim=-1, keepdim=True)) @ (gate.phi_IX / gate.phi_IX.norm(dim=0))
        dispatch, combine = logits.softmax(0), logits.softmax(1)
        expected = torch.zeros(3, 4)
        for slot in range(10):
            seen = (dispatch[:, slot : slot + 1] * rows).sum(0, keepdim=True)
            expected = expected + combine[:, slot : slot + 1] * layer.experts(seen).values_BEO[0, slot // 2]
        torch.testing.assert_close(output.y_TD[document], expected)
        torch.testing.assert_close(output.routing.weights_BE[document], combine.unflatten(-1, (5, 2)).sum(-1))


def test_a_layer_against_an_independent_implementation(draw, noise):
    """As for images: a = d = 4, rows of the length sqrt(d)."""
    layer, x = layer_of_documents(), nn.functional.normalize(draw(2, 3, 4), dim=-1) * 2
    layer.gate.scale_111.data.fill_(4.0)
    oracle = Oracle(4, num_slots=2, num_experts=5)
    oracle.slot_embeds.data = layer.gate.phi_IX.data.mT.unflatten(0, (5, 2))
    oracle.experts.experts = nn.ModuleList(Only(layer.experts, expert) for expert in range(5))
    torch.testing.assert_close(layer(x.flatten(0, 1), noise).y_TD.unflatten(0, (2, 3)), oracle(x))


class Only(nn.Module):
    """One expert of a bank."""

    def __init__(self, experts, number):
        super().__init__()
        self.experts, self.number = experts, number

    def forward(self, x):
        return self.experts(x.flatten(0, -2)).values_BEO[:, self.number].unflatten(0, x.shape[:-1])


def test_rows_of_a_layer_mix_within_their_document(draw, noise):
    layer, x = layer_of_documents().eval(), draw(6, 4)
    before, moved = layer(x, noise).y_TD, x.clone()
    moved[5] += 1
    after = layer(moved, noise).y_TD
    torch.testing.assert_close(after[:3], before[:3])
    assert (after[3:5] != before[3:5]).any(-1).all()


def test_a_layer_that_learns_its_documents_when_they_come(draw):
    """``moe_lab.MixtureLayer`` has one slot for each expert, and takes documents of any length."""
    layer, x = MixtureLayer(4, gate="soft_moe", experts=5, hidden=6).eval(), draw(2, 3, 4)
    y = layer(x)
    torch.testing.assert_close(layer(x[:1]), y[:1])
    assert layer.routed.gate.phi_IX.shape == (4, 5) and layer(x.reshape(1, 6, 4)).shape == (1, 6, 4)


def test_stacked_layers_equal_solo_layers(draw):
    solos, x = [layer_of_documents(seed) for seed in range(3)], draw(6, 4)
    together = stack(copy.deepcopy(solos))
    noise = Noise([generator(seed, "noise") for seed in range(3)], stacked=True)
    for own in (x, draw(3, 6, 4)):
        output = together(own, noise)
        for run, solo in enumerate(solos):
            alone = solo(own if own.ndim == 2 else own[run], Noise([generator(run, "noise")]))
            torch.testing.assert_close(output.y_TD[run], alone.y_TD)
            torch.testing.assert_close(output.routing.weights_BE[run], alone.routing.weights_BE)


@pytest.mark.parametrize("options", [{"patch": 2}, {"position": True}, {"position": False}], ids=str)
def test_options_of_images_are_refused_in_a_layer(options):
    (name,) = options
    with pytest.raises(ConfigError, match=rf"gate\.{name}=(2|true|false) is for images.*leave it null"):
        SoftMoE(LAYER, **options)


def test_as_many_slots_in_a_layer_as_a_document_has_rows():
    assert SoftMoE(LAYER).phi_IX.shape == (4, 5)  # three rows, but one slot for each expert
    assert SoftMoE(replace(LAYER, places=16)).phi_IX.shape == (4, 15)


def test_null_options_have_one_meaning():
    assert SoftMoE(SIZES, patch=2).resolved == {"patch": 2, "position": True}
    assert SoftMoE(Sizes((1, 8, 8), 4, 3, 3), position=False).resolved == {"patch": 4, "position": False}
