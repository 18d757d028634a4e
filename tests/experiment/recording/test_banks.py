"""Banks of experts are found and named, and one expert's parameters are all that is emptied."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from moe_lab.errors import DataError
from moe_lab.experiment.recording.banks import Bank, banks_of, decision, layer_names

E, D, H = 3, 4, 5


class Stacked(nn.Module):
    """Weights [E, D, H], biases [E, H], and one that experts share."""

    def __init__(self):
        super().__init__()
        self.up, self.bias = nn.Parameter(torch.ones(E, D, H)), nn.Parameter(torch.ones(E, H))
        self.shared = nn.Parameter(torch.ones(H))


class InRows(nn.Module):
    """Weights [E x H, D] of all experts, one below the other."""

    num_experts = E

    def __init__(self):
        super().__init__()
        self.up = nn.Parameter(torch.ones(E * H, D))


def model(bank):
    """Two layers, of which the second has the bank."""
    block = nn.Module()
    block.experts = bank
    found = nn.Module()
    found.layers = nn.ModuleList([nn.Linear(1, 1), nn.ModuleDict({"mlp": block})])
    found.config = SimpleNamespace(model_type="strange")
    return found


@pytest.mark.parametrize(
    ("bank", "emptied"),
    [
        (Stacked(), D * H + H),
        (InRows(), H * D),
        (nn.ModuleList([nn.Linear(D, H) for _ in range(E)]), D * H + H),
        (nn.ModuleDict({f"expert_{e}": nn.Linear(D, H) for e in range(E)}), D * H + H),
    ],
    ids=["stacked", "in rows", "list", "dict"],
)
def test_a_bank_and_one_of_its_experts(bank, emptied):
    (found,) = banks_of(model(bank))
    assert found.name == "layer1" and found.experts == E and found.router is None
    for parameter in bank.parameters():
        nn.init.ones_(parameter)
    whole = sum(parameter.sum().item() for parameter in bank.parameters())
    with torch.no_grad():
        for one in found.parameters_of(1):
            one.zero_()
    assert whole - sum(parameter.sum().item() for parameter in bank.parameters()) == emptied


def test_a_model_without_a_bank_is_named():
    with pytest.raises(DataError, match="^strange \\(Module\\) cannot be recorded: it has no module `experts`"):
        banks_of(model(nn.Identity()))


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["model.layers.1.mlp.experts", "model.layers.2.mlp.experts"], ["layer1", "layer2"]),
        (["encoder.0.a.experts", "decoder.0.a.experts"], ["encoder.0.a", "decoder.0.a"]),
        (["layers.0.attention.experts", "layers.0.mlp.experts"], ["layers.0.attention", "layers.0.mlp"]),
        (["mlp.experts"], ["mlp"]),
    ],
)
def test_layers_are_named_by_their_number_in_the_model(paths, names):
    assert layer_names(paths) == names


def test_modules_beside_the_bank_that_every_row_passes():
    block = nn.ModuleDict(
        {"experts": Stacked(), "shared_expert": nn.Linear(1, 1), "shared_expert_gate": nn.Linear(1, 1)}
    )
    assert Bank("layer0", block["experts"], block, None, 0).shared == ["shared_expert"]


X, INDEX, WEIGHTS = torch.ones(6, D), torch.zeros(6, 2, dtype=torch.long), torch.ones(6, 2)


@pytest.mark.parametrize(
    ("arguments", "keywords", "is_one"),
    [
        ((X, INDEX, WEIGHTS), {}, True),
        ((X,), {"top_k_index": INDEX, "top_k_weights": WEIGHTS}, True),
        ((X,), {}, False),
        ((X, WEIGHTS, INDEX), {}, False),
        ((X, INDEX[:, None], WEIGHTS), {}, False),
        ((X, INDEX, None), {}, False),
    ],
)
def test_a_decision_is_hidden_states_experts_and_weights(arguments, keywords, is_one):
    assert (decision(arguments, keywords) is not None) == is_one
