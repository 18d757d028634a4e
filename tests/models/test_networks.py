"""Networks of mixture layers: their outputs, the places of their layers, and stacked runs."""

import copy

import pytest
import torch
from torch.nn import functional

from moe_lab.errors import ConfigError
from moe_lab.layers.stacking import count_parameters, stack
from moe_lab.models.blocks import numbers_of
from moe_lab.models.vision_transformer import side_of
from tests.models.conftest import mlp, noise_of, transformer


@pytest.mark.parametrize("network_of", [transformer, mlp])
def test_log_probabilities_and_the_routing_of_each_layer(network_of, x):
    network = network_of()
    output = network(x, noise_of(network))
    torch.testing.assert_close(output.log_probs_BC.exp().sum(-1), torch.ones(8))
    assert list(output.layers) == list(network.routed)
    rows = 8 * 6 if network_of is transformer else 8
    for layer in output.layers.values():
        assert layer.routing.weights_BE.shape == (rows, 5) and layer.y_TD.shape == (rows, 12)
    functional.nll_loss(output.log_probs_BC, torch.arange(8) % 3).backward()
    # experts that no row selected have zeros, which are gradients too
    assert all(one.grad is not None and one.grad.isfinite().all() for one in network.parameters())
    assert all(one.gate.score.head.weight_IO.grad.any() for one in network.routed.values())


def test_the_mlp_by_hand(x):
    network = mlp(shared_experts=2)
    output = network(x, noise_of(network))
    hidden = (x @ network.embedding.weight_IO + network.embedding.bias_1O).clamp(min=0)
    bank, weights = network.routed["block0"].experts.bank, output.layers["block0"].routing.weights_BE
    mixed = torch.zeros_like(hidden)
    for e in range(5):
        inner = (hidden @ bank.inner.weight_IO[e] + bank.inner.bias_1O[e]).clamp(min=0)
        mixed = mixed + weights[:, e : e + 1] * (inner @ bank.outer.weight_IO[e] + bank.outer.bias_1O[e])
    shared = network.block0.shared.network
    # two shared experts of seven hidden units each
    assert shared.inner.weight_IO.shape == (12, 14)
    always = (hidden @ shared.inner.weight_IO + shared.inner.bias_1O).clamp(min=0) @ shared.outer.weight_IO
    summed = hidden + mixed + always + shared.outer.bias_1O
    logits = summed @ network.head.weight_IO + network.head.bias_1O
    torch.testing.assert_close(output.log_probs_BC, logits.log_softmax(-1))


def test_a_dropped_row_is_carried_by_the_residual(x):
    network = mlp("gate=relu")
    network.routed["block0"].gate.score.head.weight_IO.data.zero_()
    network.routed["block0"].gate.score.head.bias_1O.data.fill_(-1.0)
    hidden = network.embedding(x).relu()
    expected = network.head(hidden).log_softmax(-1)
    torch.testing.assert_close(network(x, noise_of(network)).log_probs_BC, expected)


@pytest.mark.parametrize("network_of", [transformer, mlp])
def test_hash_hashes_what_the_network_was_given(network_of, x):
    """So a patch keeps its expert while the network learns, whatever surrounds it."""
    network = network_of("gate=hash")
    before = network(x, noise_of(network))
    for parameter in network.parameters():
        parameter.data.mul_(1.1)
    after = network(x, noise_of(network))
    for name, layer in before.layers.items():
        assert torch.equal(layer.routing.selected_BE, after.layers[name].routing.selected_BE)
        assert layer.routing.selected_BE.any(0).sum() > 1
    if network_of is transformer:
        other = torch.cat([x[:, :8], x[:, 8:].flip(0)], -1)
        chosen = [network(one, noise_of(network)).layers["block1"].routing.selected_BE for one in (x, other)]
        # the first two of six patches are the same, the others are those of other images
        same = (chosen[0] == chosen[1]).all(-1).view(8, 6)
        assert same[:, :2].all() and not same.all()


@pytest.mark.parametrize(
    ("where", "numbers"),
    [("all", (0, 1, 2, 3, 4)), ("every_other", (1, 3)), ("last", (4,)), ((3, 1), (1, 3)), ((0,), (0,))],
)
def test_where_layers_stand(where, numbers):
    assert numbers_of(where, 5) == numbers
    network = transformer(depth=5, where=where)
    assert list(network.routed) == [f"block{number}" for number in numbers]


@pytest.mark.parametrize(
    ("where", "depth", "text"),
    [((2,), 2, r"where=\[2\] names"), ((), 2, r"where=\[\]"), ("every_other", 1, "every_other")],
)
def test_blocks_that_are_not_there(where, depth, text):
    with pytest.raises(ConfigError, match=f"{text}.*numbered from 0"):
        numbers_of(where, depth)


def test_a_layers_numbers_do_not_depend_on_the_other_layers():
    every, last = transformer(), transformer(where="last")
    for ours, theirs in zip(every.routed["block1"].parameters(), last.routed["block1"].parameters(), strict=True):
        assert torch.equal(ours, theirs)
    first, second = (every.routed[name].experts.bank.inner.weight_IO for name in ("block0", "block1"))
    assert not torch.equal(first, second)


def test_plain_blocks_are_as_their_options_say():
    network = transformer("experts.activation=swiglu", "experts.bias=false", where=(1,), hidden=9)
    plain = network.blocks["block0"].feed_forward.network
    # two matrices into the hidden layer of swiglu, one out of it, no biases
    assert count_parameters(plain) == 12 * 18 + 9 * 12
    assert count_parameters(transformer(where=(1,)).blocks["block0"].feed_forward) == 12 * 48 + 48 + 48 * 12 + 12


def test_places_matter_only_by_their_positions(x):
    """Without positions the network does not know the order of the patches."""
    network = transformer().eval()
    noise = noise_of(network)
    image = x.view(8, 1, 6, 4)
    turned = torch.cat([image[..., 2:, :], image[..., :2, :]], -2).flatten(1)
    assert not torch.allclose(network(x, noise).log_probs_BC, network(turned, noise).log_probs_BC)
    network.position_SD.data.zero_()
    torch.testing.assert_close(network(x, noise).log_probs_BC, network(turned, noise).log_probs_BC)


@pytest.mark.parametrize(
    ("shape", "side"), [((1, 28, 28), 7), ((3, 32, 32), 4), ((1, 8, 8), 4), ((1, 6, 4), 2), ((1, 14, 21), 7)]
)
def test_the_largest_patch_that_divides_the_image(shape, side):
    assert side_of(shape, None) == side


@pytest.mark.parametrize(
    ("shape", "patch", "text"),
    [
        ((5,), None, r"cuts images, and these samples have the shape \(5,\): take network=mlp"),
        ((1, 9, 9), None, "none of 7, 4, 2 divides images of 9 x 9: give network.patch, a divisor of both"),
        ((1, 8, 8), 3, "network.patch=3 does not divide images of 8 x 8"),
    ],
)
def test_samples_that_cannot_be_cut(shape, patch, text):
    with pytest.raises(ConfigError, match=text):
        side_of(shape, patch)


def test_heads_divide_the_width():
    with pytest.raises(ConfigError, match=r"network\.heads=5 does not divide network\.width=12"):
        transformer(heads=5)


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("gate", ["switch", "noisy_top_k", "softmax", "attentive", "gumbel", "gshard_top2"])
@pytest.mark.parametrize("network_of", [transformer, mlp])
def test_stacked_runs_equal_solo_runs(network_of, gate, shared, x):
    options = {"shared_experts": 1} if network_of is mlp else {"shared_experts": 1, "where": (1,)}
    solos = [network_of(f"gate={gate}", seed=run, **options).train() for run in range(3)]
    xs = x.expand(3, 8, 24) if shared else torch.stack([x, x.flip(-1), 2 * x])
    together = stack(copy.deepcopy(solos))
    results = outcome(together, x if shared else xs, noise_of(together, 0, 1, 2, stacked=True))
    for run, solo in enumerate(solos):
        for name, value in outcome(solo, xs[run], noise_of(solo, run)).items():
            assert results[name].shape == (3, *value.shape), name
            torch.testing.assert_close(results[name][run], value, rtol=1e-4, atol=1e-5, msg=name)


def outcome(network, x, noise):
    output = network(x, noise)
    parameters = dict(network.named_parameters())
    loss = output.log_probs_BC[..., 0].sum()
    gradients = torch.autograd.grad(loss, list(parameters.values()), materialize_grads=True)
    layers = {f"weights of {name}": layer.routing.weights_BE for name, layer in output.layers.items()}
    return {"log_probs": output.log_probs_BC, **layers, **dict(zip(parameters, gradients, strict=True))}
