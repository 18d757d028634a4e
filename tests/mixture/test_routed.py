"""Gate and experts as a layer: by hand, with dropped rows, with slots."""

import pytest
import torch

from moe_lab.layers.noise import DefaultNoise, Noise, generator, noise_by_layer
from moe_lab.mixture.dispatchers import Dense, Slots, Sparse
from moe_lab.mixture.layer_parts import layer_config, routed_experts
from moe_lab.mixture.routed import RoutedExperts, values
from moe_lab.parts import Gate, Routing, Sizes, Traits
from moe_lab.parts.experts.ffn import Ffn
from moe_lab.routing.outputs import ExpertOutput


def layer_of(*words, width=2):
    layer, _ = routed_experts(layer_config(words), width)
    return layer


def set_linear(layer, *rows):
    layer.weight_IO.data.copy_(torch.tensor(rows))
    layer.bias_1O.data.zero_()


@pytest.mark.parametrize("dispatcher", [Sparse(), Dense()])
@pytest.mark.parametrize("gate", ["softmax", "top_k", "switch"])
def test_hand_arithmetic(gate, dispatcher):
    """Two experts of one hidden unit on two features."""
    layer = layer_of(f"gate={gate}", "experts.count=2", "experts.hidden=1")
    inner, outer = layer.experts.bank.inner, layer.experts.bank.outer
    set_linear(inner, [[1.0], [1.0]], [[2.0], [-1.0]])
    set_linear(outer, [[1.0, 2.0]], [[-1.0, 1.0]])
    # odds of the experts: 3 to 1 for x = (1, 0), 1 to 4 for x = (0, 1)
    set_linear(layer.gate.score.head, [1.0, 0.0], [0.0, 1.0])
    layer.gate.score.head.weight_IO.data.copy_(torch.tensor([[3.0, 1.0], [1.0, 4.0]]).log())
    layer.dispatcher = dispatcher
    output = layer(torch.eye(2), Noise([generator(0, "noise")]))
    # hidden of x = (1, 0): relu(1) = 1 and relu(2) = 2; of x = (0, 1): 1 and relu(-1) = 0
    # experts of x = (1, 0): (1, 2) and (-2, 2); of x = (0, 1): (1, 2) and (0, 0)
    expected = {
        # 3/4 (1, 2) + 1/4 (-2, 2) = (1/4, 2); 1/5 (1, 2)
        "softmax": [[0.25, 2.0], [0.2, 0.4]],
        "top_k": [[0.25, 2.0], [0.2, 0.4]],
        # the first expert alone, times 3/4; the second, times 4/5
        "switch": [[0.75, 1.5], [0.0, 0.0]],
    }
    torch.testing.assert_close(output.y_TD, torch.tensor(expected[gate]))
    assert (output.experts is None) == isinstance(dispatcher, Sparse)


@pytest.mark.parametrize("dispatcher", [Sparse(), Dense()])
def test_a_dropped_row_gives_zero(dispatcher):
    """All rows want the first expert, which has room for two of five: ceil(0.8 * 1 * 5 / 2) = 2."""
    words = ("gate.select.capacity_factor=0.8", "gate.select.min_capacity=1")
    layer = layer_of("gate=switch", "gate/select=capacity", *words, "experts.count=2")
    layer.gate.score.head.weight_IO.data.zero_()
    layer.gate.score.head.bias_1O.data.copy_(torch.tensor([[5.0, -5.0]]))
    layer.dispatcher = dispatcher
    x = torch.randn(5, 2, generator=generator(0, "x")).requires_grad_()
    y = layer.train()(x, Noise([generator(0, "noise")])).y_TD
    assert y.any(-1).tolist() == [True, True, False, False, False]
    assert torch.equal(y[2:], torch.zeros(3, 2))
    y.sum().backward()
    # nothing of a dropped row reaches the layer
    assert x.grad.any(-1).tolist() == [True, True, False, False, False]


def test_rows_without_any_expert_give_zeros_and_finite_gradients():
    layer = layer_of("gate=relu", "experts.count=3", width=4)
    layer.gate.score.head.weight_IO.data.zero_()
    layer.gate.score.head.bias_1O.data.fill_(-1.0)
    x = torch.ones(5, 4).requires_grad_()
    output = layer(x, Noise([generator(0, "noise")]))
    assert isinstance(layer.dispatcher, Sparse) and not output.routing.selected_BE.any()
    assert torch.equal(output.y_TD, torch.zeros(5, 4))
    output.y_TD.sum().backward()
    assert torch.equal(x.grad, torch.zeros(5, 4))
    assert all(one.grad is None or one.grad.isfinite().all() for one in layer.parameters())


def test_fine_grained_experts_count_for_the_gate():
    layer = layer_of("gate=top_k", "k=2", "experts.count=3", "experts.hidden=8", "experts.fine_grained=4", width=4)
    assert (layer.gate.sizes.experts, layer.gate.sizes.k, layer.gate.sizes.hidden) == (12, 8, 2)
    routing = layer(torch.ones(5, 4), Noise([generator(0, "noise")])).routing
    assert (routing.selected_BE.sum(-1) == 8).all() and routing.weights_BE.shape == (5, 12)


def test_orthogonality_makes_all_experts_run():
    assert isinstance(layer_of("gate=top_k").dispatcher, Sparse)
    assert isinstance(layer_of("gate=top_k", "regularizer=[orthogonality]").dispatcher, Dense)


class EvenSlots(Gate):
    """Every expert sees two slots, the row itself and its double, in equal shares."""

    traits = Traits(rows_sum_to_one=True, k="every", makes_slots=True, gives_logits=False)

    def forward(self, x_BD, experts, noise):
        weights = torch.full((*x_BD.shape[:-1], 2), 0.5)
        slots = torch.stack([x_BD, 2 * x_BD], -2).unsqueeze(-3).expand(-1, 2, -1, -1)
        extras = {"slots_BESI": slots, "log_shares_BES": torch.full((*weights.shape, 2), 0.5).log()}
        return Routing(weights, weights, weights > 0, weights.log(), None, extras)


def test_slots_are_dispatched():
    """Linear where relu is: inner weights and inputs are positive, so f(x) + f(2x) = 3 f(x) without biases."""
    experts = Ffn(Sizes((2,), 0, 2, 2), count=2, hidden=3, bias=False)
    experts.bank.inner.weight_IO.data.abs_()
    layer = RoutedExperts(experts, EvenSlots(Sizes((2,), 0, 2, 2), k=None, combine=None), Slots())
    x = torch.rand(5, 2, generator=generator(0, "x"))
    y = layer(x, Noise([generator(0, "noise")])).y_TD
    plain = experts(x).values_BEO
    torch.testing.assert_close(y, 1.5 * plain.mean(-2))


def test_experts_that_predict_are_no_layer():
    with pytest.raises(TypeError, match="values are read here"):
        values(ExpertOutput(torch.zeros(1, 1, 1), None))


def test_each_layer_has_noise_of_its_own():
    like = torch.zeros(3)
    alone = noise_by_layer([0], ["block1"])["block1"].normal(like)
    noises = noise_by_layer([0], ["block0", "block1"])
    first = noises["block0"].normal(like)
    # what block0 draws shifts nothing in block1
    assert torch.equal(noises["block1"].normal(like), alone) and not torch.equal(first, alone)
    assert torch.equal(alone, Noise([generator(0, "noise/block1")]).normal(like))
    stacked = noise_by_layer([5, 0], ["block1"], stacked=True)["block1"].normal(torch.zeros(2, 3))
    assert torch.equal(stacked[1], alone)


def test_default_noise_is_torchs_own():
    torch.manual_seed(4)
    expected = torch.randn(3), torch.rand(2)
    torch.manual_seed(4)
    noise = DefaultNoise()
    assert torch.equal(noise.normal(torch.zeros(3)), expected[0])
    assert torch.equal(noise.uniform(torch.zeros(2)), expected[1])
