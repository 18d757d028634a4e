import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, generator, seeded
from moe_lab.mixture.layer_parts import controllers_of, layer_config, routed_experts
from moe_lab.parts.controllers.computing_budget import ComputingBudget
from moe_lab.parts.sizes import Sizes
from tests.conformance.cases import Case

CASE = Case(of_layers=True)
#: three experts with a network, one that gives zero
WORDS = ["gate/select=biased_top_k", "experts.count=3", "experts.hidden=6", "experts.zero=1"]


def layer_of(*words):
    with seeded(0, "layer"):
        layer, _ = routed_experts(layer_config([*WORDS, *words]), 4)
    return layer


def test_by_hand(step_of):
    layer = layer_of("k=2")
    controller = ComputingBudget(layer.gate.sizes, share=0.75, rate=0.5)
    selected = torch.tensor([[True, False, True, False], [True, False, False, True]])
    with torch.no_grad():
        controller.after_step(step_of(gate=layer.gate, selected_BE=selected))
    # of 2 x 2 choices 2, 0, 1 and 1: .5 (.25 - .5), .5 (.25 - 0), .5 (.25 - .25), and the zero expert's stays
    expected = [-0.125, 0.125, 0.0]
    assert layer.gate.select.selection_bias_1E.squeeze(0).tolist() == [*expected, 0.0]
    assert [one.item() for one in controller.readings().values()] == expected


@pytest.mark.parametrize("share", [0.5, 0.75])
def test_it_brings_the_mean_number_to_the_budget(share):
    """At first every row takes the zero expert; the bias alone moves."""
    layer, x = layer_of("k=2"), torch.randn(200, 4, generator=generator(0, "x"))
    layer.gate.score.head.bias_1O.data = torch.tensor([[0.0, 1.0, 0.0, 4.0]])
    controller = ComputingBudget(layer.gate.sizes, share=share, rate=0.1)
    with torch.no_grad():
        for _ in range(600):
            noise = Noise([generator(0, "noise")])
            output = layer(x, noise)
            controller.after_step(layer.step(output, noise, {}))
    chosen = output.routing.selected_BE.double().mean(0)
    assert chosen[:3].sum().item() == pytest.approx(2 * share, abs=0.06)
    # and evenly: a third of it each
    assert (chosen[:3] - 2 * share / 3).abs().max() < 0.03


def test_it_needs_experts_that_compute_nothing():
    config = layer_config(WORDS[:-1]) | {"controllers": {"computing_budget": NODE}}
    gate = routed_experts(config, 4)[0].gate
    with pytest.raises(ConfigError, match="controller computing_budget needs experts that compute nothing"):
        controllers_of(config, gate)


NODE = {"_target_": f"{ComputingBudget.__module__}.ComputingBudget", "share": 0.5, "rate": 0.1}


def test_it_needs_a_bias_to_move():
    config = layer_config(["gate=expert_choice", *WORDS[1:]]) | {"controllers": {"computing_budget": NODE}}
    gate = routed_experts(config, 4)[0].gate
    with pytest.raises(ConfigError, match="needs a gate with a selection bias, and this one has none"):
        controllers_of(config, gate)


def test_its_biases_are_those_of_experts_with_a_network():
    assert ComputingBudget(Sizes((4,), 0, 6, 2, idle=2)).bias_1E.shape == (1, 4)
