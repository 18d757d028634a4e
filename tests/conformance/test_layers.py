"""Every gate as a mixture layer, with every regularizer that fits it: or refused, and why."""

import copy
from functools import cache

import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, generator, seeded
from moe_lab.layers.stacking import count_parameters, stack
from moe_lab.mixture.dispatchers import Sparse, for_every_expert
from moe_lab.mixture.layer_parts import layer_config, routed_experts
from moe_lab.parts.regularizers.sample_entropy import SampleEntropy
from tests.conformance.cases import case_of

#: five experts of width 12 on T = 9 rows
T, D = 9, 12
CASES = {name: case_of("gate", name) for name in options("gate")}
REFUSED = {name: case.no_layer for name, case in CASES.items() if case.no_layer}
ALLOWED = [name for name in CASES if name not in REFUSED]
#: what a regularizer needs to fit
WORDS = {
    "l1": ("regularizers.l1.adapt=false", "regularizers.l1.weight=0.1"),
    "switch_balance": ("regularizers.switch_balance.share=first",),
}
#: regularizers that have no gradient, or none that must reach the gate
NOT_FOR_THE_GATE = {"lasso", "orthogonality"}
#: regularizers that read targets, which a layer has none of
OF_TARGETS = {"snnl"}


@cache
def config_of(gate):
    return layer_config([f"gate={gate}", "experts.count=5", "experts.hidden=6"])


@cache
def regularizer_node(name):
    return layer_config(["gate=softmax", f"regularizer=[{name}]", *WORDS.get(name, ())])["regularizers"]


def layer_of(gate, regularizer=None, seed=0):
    """A layer and its regularizers."""
    config = config_of(gate)
    if regularizer:
        config = {**config, "regularizers": regularizer_node(regularizer)}
    with seeded(seed, "layer"):
        return routed_experts(config, D)


def noise_of(seed=0):
    return Noise([generator(seed, "noise")])


def by_hand(experts, x_TD, weights_TE):
    """sum_e w_e (relu(x W_e + b_e) V_e + c_e), an expert after the other."""
    inner, outer = experts.bank.inner, experts.bank.outer
    y_TD = torch.zeros_like(x_TD)
    for e in range(experts.count):
        hidden = (x_TD @ inner.weight_IO[e] + inner.bias_1O[e]).clamp(min=0)
        y_TD = y_TD + weights_TE[:, e : e + 1] * (hidden @ outer.weight_IO[e] + outer.bias_1O[e])
    return y_TD


@pytest.mark.parametrize("gate", REFUSED)
def test_some_gates_are_refused(gate):
    with pytest.raises(ConfigError, match=REFUSED[gate]):
        layer_of(gate)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("gate", ALLOWED)
def test_the_output_is_the_weighted_sum_and_teaches_the_gate(draw, gate, training):
    layer, _ = layer_of(gate)
    layer.train(training)
    x = draw(T, D).requires_grad_()
    output = layer(x, noise_of())
    torch.testing.assert_close(output.y_TD, by_hand(layer.experts, x, output.routing.weights_BE))
    assert isinstance(layer.dispatcher, Sparse) == (output.experts is None)
    output.y_TD.square().sum().backward()
    assert x.grad.isfinite().all()
    for name, parameter in layer.gate.named_parameters():
        if training:
            # weights that noise has cut to 0 or 1 have no gradient
            assert parameter.grad is not None and (parameter.grad.any() or gate == "hard_concrete"), name


@pytest.mark.parametrize("gate", ALLOWED)
def test_sparse_is_dense(draw, gate):
    """In values, and in the gradients of every parameter and of the input."""
    layer, _ = layer_of(gate)
    layer.double().train()
    sizes = layer.gate.sizes
    every = layer.gate.traits.selects_k and sizes.k == sizes.experts
    assert isinstance(layer.dispatcher, Sparse) == (not CASES[gate].dense and not every)
    x, results = draw(T, D).double().requires_grad_(), []
    for dispatcher in (for_every_expert(layer.gate), layer.dispatcher):
        layer.dispatcher = dispatcher
        output = layer(x, noise_of())
        wanted = [x, *layer.parameters()]
        gradients = torch.autograd.grad(output.y_TD.square().sum(), wanted, materialize_grads=True)
        results.append((output.y_TD, *gradients))
    for dense, sparse in zip(*results, strict=True):
        torch.testing.assert_close(sparse, dense, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", options("regularizer"))
def test_regularizers_read_the_routing_of_a_layer(draw, name):
    """Of every gate that it fits; at others it is refused by name, as in a mixture."""
    fitting = []
    for gate in ALLOWED:
        try:
            layer, regularizers = layer_of(gate, name)
        except ConfigError as error:
            assert name in str(error)
            continue
        fitting.append(gate)
        check_regularizer(layer, regularizers[name], draw(T, D), (gate, name))
    assert bool(fitting) != (name in OF_TARGETS)


def check_regularizer(layer, regularizer, x, case):
    noise = noise_of()
    # where a gate begins at zero, a regularizer of its weights alone has no slope
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in layer.gate.parameters():
            one.add_(0.1 * torch.randn(one.shape, dtype=one.dtype, generator=generator) * (not one.any()))
    output = layer.train()(x, noise)
    value = regularizer(layer.step(output, noise, {}))
    assert value.shape == () and value.isfinite(), case
    if case[1] == "lasso" or not count_parameters(layer.gate):
        return
    value.backward()
    gradients = [one.grad for one in layer.gate.parameters() if one.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients), case
    assert case[1] in NOT_FOR_THE_GATE or any(gradient.any() for gradient in gradients), case


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("gate", ALLOWED)
def test_stacked_runs_equal_solo_runs(draw, gate, shared):
    R = 3
    solos = []
    for run in range(R):
        layer, _ = layer_of(gate, seed=run)
        solos.append(layer)
    together, x = stack(copy.deepcopy(solos)), draw(R, T, D)
    if shared:
        x = x[:1].expand(R, T, D)
    results = outcome(
        together, x[0] if shared else x, Noise([generator(run, "noise") for run in range(R)], stacked=True)
    )
    for run, solo in enumerate(solos):
        for name, value in outcome(solo, x[run], noise_of(run)).items():
            assert results[name].shape == (R, *value.shape), name
            torch.testing.assert_close(results[name][run], value, rtol=1e-4, atol=1e-5)


def outcome(layer, x, noise):
    output = layer.train()(x, noise)
    entropy = SampleEntropy(layer.gate.sizes)(layer.step(output, noise, {}))
    loss = (output.y_TD.square().sum((-2, -1)) + entropy).sum()
    parameters = dict(layer.named_parameters())
    gradients = torch.autograd.grad(loss, list(parameters.values()), materialize_grads=True)
    routing = {"weights": output.routing.weights_BE, "entropy": entropy}
    return {"y": output.y_TD, **routing, **dict(zip(parameters, gradients, strict=True))}
