"""What a network loses without experts, against experts that are removed by hand."""

import numpy as np
import pytest
import torch

from moe_lab.data.dataset import Split
from moe_lab.evaluation import ablation as module
from moe_lab.evaluation.ablation import ablation, kept_numbers
from moe_lab.mixture.record import Record, together
from tests.models.conftest import mlp, noise_of, transformer

GATES = (
    "top_k",
    "switch",
    "softmax",
    "sigmoid",
    "noisy_top_k",
    "gshard_top2",
    "hash",
    "attentive",
    "gumbel",
    "relu",
    "entmax",
)


@pytest.fixture
def test_split():
    generator = torch.Generator().manual_seed(3)
    return Split(torch.randn(40, 24, generator=generator), torch.arange(40) % 3, torch.arange(40))


@torch.no_grad()
def trace_of(network, split):
    records = {name: Record() for name in network.routed}
    for name, layer in network.eval()(split.x_ND, noise_of(network)).layers.items():
        records[name].add(layer.routing, (len(split), network.places))
    return together(records)


def ablated(network, split):
    return ablation(network, split, noise_of(network), trace_of(network, split))


def losses_by_hand(network, split, gone_NE, k, shared=None):
    """Loss and error of an mlp whose rows take the k largest logits of the experts left, softmax over these, and what a
    shared network gives, if there is one."""
    layer, losses = network.routed["block0"], []
    bank, head = layer.experts.bank, layer.gate.head
    for x_D, y, gone_E in zip(split.x_ND, split.y_N, gone_NE, strict=True):
        hidden = (x_D @ network.embedding.weight_IO + network.embedding.bias_1O[0]).clamp(min=0)
        logits = (hidden @ head.weight_IO + head.bias_1O[0]).tolist()
        left = sorted((e for e in range(5) if not gone_E[e]), key=logits.__getitem__, reverse=True)[:k]
        weights = torch.tensor([logits[e] for e in left]).softmax(0)
        y_D = hidden.clone()
        if shared is not None:
            inner = (hidden @ shared.inner.weight_IO + shared.inner.bias_1O[0]).clamp(min=0)
            y_D = y_D + inner @ shared.outer.weight_IO + shared.outer.bias_1O[0]
        for weight, e in zip(weights, left, strict=True):
            inner = (hidden @ bank.inner.weight_IO[e] + bank.inner.bias_1O[e, 0]).clamp(min=0)
            y_D = y_D + weight * (inner @ bank.outer.weight_IO[e] + bank.outer.bias_1O[e, 0])
        log_probs = (y_D @ network.head.weight_IO + network.head.bias_1O[0]).log_softmax(0)
        losses.append((-log_probs[y].item(), int(log_probs.argmax()) != y))
    return np.array(losses).T


@pytest.mark.parametrize("dispatch", ["auto", "dense"])
def test_by_hand(test_split, dispatch):
    network = mlp(dispatch=dispatch)
    found = ablated(network, test_split)
    nobody = np.zeros((40, 5), bool)
    with torch.no_grad():
        loss_N, _ = losses_by_hand(network, test_split, nobody, 2)
        np.testing.assert_allclose(found["loss"], loss_N, rtol=1e-5)
        for e in range(5):
            removed_N, _ = losses_by_hand(network, test_split, nobody | (np.arange(5) == e), 2)
            np.testing.assert_allclose(found["removed_loss"][0, e], removed_N, rtol=1e-5)
        assert np.abs(found["removed_loss"][0] - loss_N).max() > 0.01
        expert_NE = trace_of(network, test_split).layers[0].experts_TK
        order = np.argsort(-np.bincount(expert_NE.ravel(), minlength=5), kind="stable")
        assert found["kept_expert"][0].tolist() == order.tolist()
        for m in range(1, 6):
            gone_E = ~np.isin(np.arange(5), order[:m])
            kept_N, kept_wrong_N = losses_by_hand(network, test_split, nobody | gone_E, 2)
            assert found["kept_loss"][0, m - 1] == pytest.approx(kept_N.mean(), rel=1e-5)
            assert found["kept_error_rate"][0, m - 1] == kept_wrong_N.mean()
        first_NE = expert_NE[:, :1] == np.arange(5)
        second_N, _ = losses_by_hand(network, test_split, first_NE, 2)
    np.testing.assert_allclose(found["second_choice_loss"][0], second_N, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("dispatch", ["auto", "dense"])
def test_all_layers_at_once_by_hand(test_split, dispatch):
    network = mlp(dispatch=dispatch, shared_experts=2)
    shared = network.block0.shared.network
    found, layer = ablated(network, test_split), trace_of(network, test_split).layers[0]
    nobody = np.zeros((40, 5), bool)
    whole_N, _ = losses_by_hand(network, test_split, nobody, 2, shared)
    np.testing.assert_allclose(found["loss"], whole_N, rtol=1e-5)
    # two shared experts less, two routed ones more
    off_N, _ = losses_by_hand(network, test_split, nobody, 4)
    np.testing.assert_allclose(found["shared_disabled_loss"], off_N, rtol=1e-5)
    most = np.bincount(layer.experts_TK.ravel(), minlength=5).argmax()
    most_N, _ = losses_by_hand(network, test_split, nobody | (np.arange(5) == most), 2, shared)
    np.testing.assert_allclose(found["most_used_disabled_loss"], most_N, rtol=1e-5)
    # a sixteenth to three of five experts are one, four are two: the two that are selected
    assert found["top_disabled_share"].tolist() == [0.2, 0.4]
    for number, loss_N in enumerate(found["top_disabled_loss"], 1):
        gone_NE = (layer.experts_TK[:, :number, None] == np.arange(5)).any(1)
        top_N, _ = losses_by_hand(network, test_split, gone_NE, 2, shared)
        np.testing.assert_allclose(loss_N, top_N, rtol=1e-5)


def test_all_layers_are_disabled_together(test_split):
    """The block before the last changes what the last one sees: neither of them alone gives this loss."""
    found = ablated(transformer(shared_experts=1), test_split)
    most = found["kept_expert"][:, 0]
    alone_LN = found["removed_loss"][np.arange(2), most]
    assert (np.abs(found["most_used_disabled_loss"] - alone_LN).max(1) > 1e-3).all()
    # the first choice of every row is the likeliest of its experts
    of_last = ablated(transformer(depth=2, where=(1,)), test_split)
    np.testing.assert_array_equal(of_last["top_disabled_loss"][0], of_last["second_choice_loss"][0])


@pytest.mark.parametrize(
    ("words", "options"), [((), {}), (("gate=relu",), {"shared_experts": 1}), (("gate=top_p",), {"shared_experts": 1})]
)
def test_without_shared_experts_or_a_fixed_number_of_routed_ones(test_split, words, options):
    assert "shared_disabled_loss" not in ablated(mlp(*words, **options), test_split)


def test_shares_that_leave_fewer_than_k(test_split):
    assert ablated(mlp("k=4"), test_split)["top_disabled_share"].tolist() == [0.2]
    found = ablated(mlp("gate=softmax"), test_split)
    assert found["top_disabled_share"].tolist() == [] and found["top_disabled_loss"].shape == (0, 40)


@pytest.mark.parametrize("gate", GATES)
def test_dense_and_sparse_rows_alike_and_a_layer_at_a_time(test_split, gate):
    """The second choices of rows whose first is e are those without e; of a gate that draws, with the same numbers."""
    words = (f"gate={gate}",)
    found, dense = (ablated(transformer(*words, dispatch=one), test_split) for one in ("auto", "dense"))
    for name, array in found.items():
        np.testing.assert_allclose(array, dense[name], rtol=1e-4, atol=1e-5, err_msg=name)
    # all experts kept is the network as it is, also if the gate draws
    np.testing.assert_allclose(found["kept_loss"][:, -1], found["loss"].mean(dtype=np.float64), rtol=1e-5)
    network = mlp(*words)
    of_mlp, trace = ablated(network, test_split), trace_of(network, test_split)
    layer = trace.layers[0]
    chosen_N = np.where((layer.weights_TK > 0).any(1), layer.experts_TK[np.arange(40), layer.weights_TK.argmax(1)], -1)
    routed = np.flatnonzero(chosen_N >= 0)
    removed = of_mlp["removed_loss"][0, chosen_N[routed], routed]
    np.testing.assert_allclose(of_mlp["second_choice_loss"][0, routed], removed, rtol=1e-5)


def test_what_is_left_out_beyond_the_bounds(test_split, monkeypatch):
    monkeypatch.setattr(module, "MOST_SAMPLES", 10)
    monkeypatch.setattr(module, "MOST_REMOVALS", 4)
    monkeypatch.setattr(module, "MOST_KEPT", 6)
    network = transformer()
    whole = trace_of(network, test_split)
    found = ablation(network, test_split, noise_of(network), whole)
    assert found["document"].tolist() == list(range(0, 40, 4)) and found["loss"].shape == (10,)
    for number in range(2):
        order = found["kept_expert"][number]
        # two of each layer's five experts are removed, those that most rows select
        assert sorted(order[:2]) == np.flatnonzero(~np.isnan(found["removed_loss"][number]).any(1)).tolist()
        # 1, sqrt(5) and 5, rounded
        assert np.flatnonzero(~np.isnan(found["kept_loss"][number])).tolist() == [0, 1, 4]


@pytest.mark.parametrize(("experts", "most", "numbers"), [(3, 8, [1, 2, 3]), (64, 4, [1, 4, 16, 64]), (64, 1, [1, 64])])
def test_numbers_that_are_kept(experts, most, numbers):
    assert kept_numbers(experts, most) == numbers


@pytest.mark.parametrize("words", [("gate=expert_choice",), ("experts.count=1", "k=1", "gate=softmax")])
def test_where_nothing_can_be_removed(test_split, words):
    assert ablated(mlp(*words), test_split) == {}
