"""moe_lab.MixtureLayer as a layer of somebody else's network."""

import copy
import io
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from moe_lab import ConfigError, MixtureLayer, RunError
from moe_lab.mixture.dispatchers import Dense, Sparse


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def network_of(**options):
    """Two layers with residual connections."""
    return Network(**options)


class Network(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.first, self.second = (MixtureLayer(6, experts=4, **options) for _ in range(2))

    def forward(self, x):
        x = x + self.first(x)
        return x + self.second(x)


@pytest.mark.parametrize("shape", [(5, 6), (2, 5, 6), (2, 3, 5, 6)])
def test_rows_of_all_leading_axes_are_routed_together(shape):
    layer, x = MixtureLayer(6, experts=4, k=2), torch.randn(shape)
    y = layer(x)
    assert y.shape == shape
    torch.testing.assert_close(y.reshape(-1, 6), layer(x.reshape(-1, 6)))
    assert layer.routing.weights_BE.shape == (x[..., 0].numel(), 4)


def test_it_trains_in_a_plain_loop():
    network = nn.Sequential(nn.Linear(6, 6), MixtureLayer(6, experts=4, regularizers=["switch_balance"]))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    x = torch.randn(64, 6)
    y, losses = x.flip(-1) * x.sign(), []
    for _ in range(100):
        optimizer.zero_grad()
        loss = (network(x) - y).square().mean()
        (loss + network[1].auxiliary_loss).backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_words_are_those_of_the_command_line():
    layer = MixtureLayer(6, "experts.activation=swiglu", "gate.weigh.over=all", gate="top_k", experts=3, k=2, hidden=5)
    bank = layer.routed.experts.bank
    assert bank.inner.weight_IO.shape == (3, 6, 10) and layer.routed.gate.sizes.k == 2
    layer(torch.randn(4, 6))
    assert (layer.routing.weights_BE.sum(-1) < 1).all()


def test_the_score_is_linear_unless_one_is_typed():
    names = [
        type(MixtureLayer(6, *words, gate=gate).routed.gate.score).__name__
        for gate, words in [("top_k", ()), ("cosine", ()), ("top_k", ("gate/score=network",))]
    ]
    assert names == ["Linear", "Cosine", "Network"]


def test_sparse_by_default_and_dense_where_a_gate_demands_it():
    kinds = {gate: type(MixtureLayer(6, gate=gate).routed.dispatcher) for gate in ("switch", "attentive", "softmax")}
    assert kinds == {"switch": Sparse, "attentive": Dense, "softmax": Dense}


def test_the_auxiliary_loss_is_the_weighted_sum():
    words = ("regularizers.importance.weight=0.5", "regularizers.z_loss.weight=2.0")
    layer = MixtureLayer(6, *words, experts=4, regularizers=["importance", "z_loss"])
    layer(torch.randn(3, 5, 6))
    importance = layer.routing.weights_BE.sum(0)
    z = layer.routing.logits_BE.logsumexp(-1)
    expected = 0.5 * importance.var() / importance.mean() ** 2 + 2.0 * (z**2).mean()
    torch.testing.assert_close(layer.auxiliary_loss, expected)
    layer.auxiliary_loss.backward()
    assert layer.routed.gate.score.head.weight_IO.grad.any()


def test_the_auxiliary_loss_is_zero_in_evaluation_and_without_regularizers():
    layer, x = MixtureLayer(6, experts=4, regularizers=["importance"]), torch.randn(5, 6)
    assert layer.auxiliary_loss == 0
    layer(x)
    assert layer.auxiliary_loss > 0
    layer.eval()(x)
    assert layer.auxiliary_loss == 0
    plain = MixtureLayer(6, experts=4)
    plain(x)
    assert plain.auxiliary_loss == 0


def test_the_auxiliary_losses_of_a_network_add_up():
    network = network_of(regularizers=["importance"])
    network(torch.randn(5, 6))
    total = network.first.auxiliary_loss + network.second.auxiliary_loss
    torch.testing.assert_close(MixtureLayer.auxiliary_loss_of(network), total)
    with pytest.raises(ValueError, match="no MixtureLayer"):
        MixtureLayer.auxiliary_loss_of(nn.Linear(2, 2))


def test_torchs_seed_decides_weights_and_noise():
    outputs = []
    for _ in range(2):
        torch.manual_seed(3)
        layer = MixtureLayer(6, gate="noisy_top_k", experts=4)
        outputs.append(layer(torch.ones(5, 6)))
    assert torch.equal(*outputs)
    x = torch.randn(5, 6)
    layer.routed.gate.noise_scale.weight_IO.data.fill_(3.0)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_two_layers_of_a_network_start_differently():
    network = network_of()
    first, second = (one.routed.experts.bank.inner.weight_IO for one in (network.first, network.second))
    assert not torch.equal(first, second)


def test_state_is_stored_and_loaded():
    network, x = network_of(gate="switch"), torch.randn(5, 6)
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    buffer.seek(0)
    torch.manual_seed(9)
    fresh = network_of(gate="switch")
    assert not torch.equal(fresh(x), network(x))
    fresh.load_state_dict(torch.load(buffer, weights_only=True))
    assert torch.equal(fresh(x), network(x))


def test_it_can_be_copied_after_a_step():
    network, x = network_of(regularizers=["importance"]), torch.randn(5, 6)
    y = network(x)
    twin = copy.deepcopy(network)
    assert torch.equal(twin(x), y)
    with pytest.raises(RuntimeError, match="routed nothing yet"):
        _ = copy.deepcopy(network).first.routing


def test_other_types_of_numbers():
    layer = MixtureLayer(6, experts=4, regularizers=["importance"]).to(torch.float64)
    y = layer(torch.randn(5, 6, dtype=torch.float64))
    assert y.dtype == layer.auxiliary_loss.dtype == torch.float64


def test_recomputed_activations_give_the_same_gradients():
    """Noise comes from torch's generator, whose state ``checkpoint`` restores for the second pass."""
    layer, x, gradients = MixtureLayer(6, gate="noisy_top_k", experts=4), torch.randn(50, 6), []
    layer.routed.gate.noise_scale.weight_IO.data.fill_(3.0)
    for run in (layer, lambda x: checkpoint(layer, x, use_reentrant=False)):
        torch.manual_seed(1)
        layer.zero_grad()
        run(x).square().sum().backward()
        gradients.append([parameter.grad.clone() for parameter in layer.parameters()])
    for plain, recomputed in zip(*gradients, strict=True):
        assert torch.equal(plain, recomputed)


def test_a_trace_of_what_was_routed():
    layer = MixtureLayer(6, gate="top_k", experts=4, k=2, record=True).eval()
    x = torch.randn(3, 5, 6)
    layer(x[:2])
    layer(x[2:])
    trace = layer.trace()
    [one] = trace.layers
    layer(x)
    weights = layer.routing.weights_BE.detach()
    best = weights.topk(2)
    assert np.array_equal(one.experts_TK, best.indices.numpy())
    np.testing.assert_allclose(one.weights_TK, best.values.numpy(), rtol=1e-6)
    # three documents of five rows
    assert trace.document_T.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert trace.position_T.tolist() == [0, 1, 2, 3, 4] * 3
    np.testing.assert_allclose(one.usage_E, layer.routing.probs_BE.detach().mean(0).numpy(), rtol=1e-6)


def test_rows_without_a_sequence_are_documents():
    layer = MixtureLayer(6, experts=4, record=True).eval()
    layer(torch.randn(3, 6))
    assert layer.trace().document_T.tolist() == [0, 1, 2]


def test_training_is_not_recorded_and_a_record_can_be_dropped():
    layer, x = MixtureLayer(6, experts=4, record=True), torch.randn(3, 6)
    layer(x)
    with pytest.raises(RunError, match=r"recorded nothing: set record=True, call network\.eval\(\)"):
        layer.trace()
    layer.eval()(x)
    assert layer.trace("ffn").layers[0].name == "ffn"
    layer.forget()
    layer(x[:2])
    assert layer.trace().rows == 2


@pytest.mark.parametrize("shape", [(10, 6), (5, 2, 6), (1, 10, 6), (3, 6)], ids=str)
def test_layers_that_recorded_other_rows_have_no_trace(shape):
    """As many rows of other documents, or another number of rows."""
    network = network_of(record=True).eval()
    network.first(torch.randn(2, 5, 6))
    network.second(torch.randn(shape))
    told = f"'first' and 'second' have recorded other rows .10 and {math.prod(shape[:-1])}."
    with pytest.raises(RunError, match=told):
        MixtureLayer.trace_of(network)


def test_the_trace_of_a_network_has_its_layers_by_name():
    network = network_of(record=True).eval()
    network(torch.randn(2, 5, 6))
    trace = MixtureLayer.trace_of(network)
    assert [layer.name for layer in trace.layers] == ["first", "second"] and trace.rows == 10
    network.second.record = False
    assert [layer.name for layer in MixtureLayer.trace_of(network).layers] == ["first"]
    with pytest.raises(RunError, match="no layer of the network records"):
        MixtureLayer.trace_of(network_of())


@pytest.mark.parametrize("shape", [(5, 7), (6,), (0, 6)])
def test_inputs_of_another_shape(shape):
    with pytest.raises(ValueError, match="expected at least one row of 6 features") as raised:
        MixtureLayer(6)(torch.zeros(shape))
    assert str(shape) in str(raised.value)


@pytest.mark.parametrize(
    ("words", "options", "message"),
    [
        ((), {"gate": "tpo_k"}, "no gate named 'tpo_k'. Did you mean top_k?"),
        ((), {"experts": 0}, "experts.count=0: must be greater than or equal to 1"),
        ((), {"k": 0}, "k=0: must be greater than or equal to 1"),
        ((), {"k": 9}, "k=9 selects more experts than there are: take k of at most experts.count=8"),
        ((), {"gate": "gumbel", "k": 2}, "this gate cannot use k=2: take k=1"),
        ((), {"gate": "hash"}, "this gate hashes its input, which inside a network moves with every step"),
        ((), {"width": 0}, "width=0: must be an integer of at least 1"),
        ((), {"regularizers": "load"}, "regularizers='load': must be a list of names: ['load']"),
        ((), {"regularizers": ["load"]}, "regularizer load needs a gate that gives load_probs_BE"),
        ((), {"regularizers": ["lasso"]}, "regularizer lasso acts after the optimizer's step"),
        (("trainer.lr=1",), {}, "trainer.lr: a mixture layer takes words that begin with experts, gate, k"),
        (("experts=mlp",), {}, "experts Mlp output predictions, but a mixture layer sums values: take experts=ffn"),
        (("gate.combine=logits",), {}, "gate.combine=logits is a rule for predictions"),
        (("experts.activation=tanh",), {}, "experts.activation=tanh: must be 'relu', 'gelu' or 'swiglu'"),
        (("k",), {}, "'k' is not KEY=VALUE"),
    ],
)
def test_bad_options_have_one_clear_line(words, options, message):
    with pytest.raises(ConfigError) as raised:
        MixtureLayer(options.pop("width", 6), *words, **options)
    assert message in str(raised.value) and "\n" not in str(raised.value)
