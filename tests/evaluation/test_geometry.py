"""The geometry of routers and experts, against products row by row and least squares."""

import numpy as np
import pytest
import torch

from moe_lab.evaluation import geometry as module
from moe_lab.evaluation.geometry import geometry
from tests.evaluation.test_ablation import test_split as test_split
from tests.models.conftest import mlp, noise_of, transformer


def found_of(network, split):
    return geometry(network, split, noise_of(network), 8)


@torch.no_grad()
def by_hand(network, split):
    """Layer inputs, outputs of all experts and what is selected, of an mlp."""
    layer = network.eval().block0.routed
    hidden = (split.x_ND @ network.embedding.weight_IO + network.embedding.bias_1O[0]).clamp(min=0)
    bank = layer.experts.bank
    pre_ENH = torch.einsum("nd,edh->enh", hidden, bank.inner.weight_IO) + bank.inner.bias_1O
    y_ENO = torch.einsum("enh,eho->eno", pre_ENH.clamp(min=0), bank.outer.weight_IO) + bank.outer.bias_1O
    selected = layer.gate(hidden, None, noise_of(network)["block0"]).selected_BE
    return y_ENO.transpose(0, 1).double().numpy(), selected.numpy()


def share_in_span(y_O, others_KO):
    """The squared length of the least-squares fit of y by the others, as a share of that of y."""
    factors, *_ = np.linalg.lstsq(others_KO.T, y_O, rcond=None)
    return ((others_KO.T @ factors) ** 2).sum() / (y_O**2).sum()


@pytest.mark.parametrize("words", [("k=3",), ("gate=relu",), ("gate=switch",)])
def test_outputs(test_split, words):
    network = mlp(*words)
    found, (y_NEO, selected_NE) = found_of(network, test_split), by_hand(network, test_split)
    unit_NEO = y_NEO / np.linalg.norm(y_NEO, axis=2, keepdims=True)
    np.testing.assert_allclose(found["output_cosine"][0], np.einsum("neo,nfo->ef", unit_NEO, unit_NEO) / 40, atol=1e-6)
    shares = [
        share_in_span(y_EO[e], y_EO[np.flatnonzero(selected_E & (np.arange(5) != e))])
        for y_EO, selected_E in zip(y_NEO, selected_NE, strict=True)
        for e in np.flatnonzero(selected_E)
        if selected_E.sum() > 1
    ]
    # the ridge of 1e-4 makes a share smaller by about as much
    np.testing.assert_allclose(found["output_overlap"][0], np.mean(shares) if shares else np.nan, atol=1e-3)


@torch.no_grad()
def test_router(test_split, monkeypatch):
    network = transformer("experts.activation=gelu")
    found = found_of(network, test_split)
    for number, layer in enumerate(network.routed.values()):
        bank, rows_ED = layer.experts.bank, layer.gate.head.weight_IO.mT
        np.testing.assert_array_equal(found["router_weights"][number], rows_ED)
        for i in range(5):
            for j in range(5):
                pre_H = rows_ED[i] @ bank.inner.weight_IO[j] + bank.inner.bias_1O[j, 0]
                assert found["router_response"][number, i, j] == pytest.approx(pre_H.norm().item(), rel=1e-5)
    monkeypatch.setattr(module, "NUMBERS", 300)
    for name, array in found_of(network, test_split).items():
        np.testing.assert_allclose(found[name], array, atol=1e-6, err_msg=name)


def test_layers_that_differ_and_what_they_lack(test_split):
    """A gate without a linear layer, and experts without a network."""
    network = mlp("gate=hash", "experts.zero=1", "experts.copy=1")
    found = found_of(network, test_split)
    assert np.isnan(found["router_weights"]).all() and np.isnan(found["router_response"]).all()
    there = np.isfinite(found["output_cosine"][0])
    # the zero expert gives nothing to compare; the copy is the seventh
    assert there.sum() == 36 and not there[5].any() and there[6, :5].all()
    linear = found_of(mlp("gate=top_k", "experts.zero=1", "experts.copy=1"), test_split)
    assert np.isfinite(linear["router_response"][0, :5, :5]).all() and np.isnan(linear["router_response"][0, 5:]).all()


def test_a_layer_that_is_smaller_than_another():
    padded = module._padded([np.ones((2, 3)), np.full((1, 4), 2.0)])
    np.testing.assert_array_equal(padded[0], [[1, 1, 1, np.nan]] * 2)
    np.testing.assert_array_equal(padded[1], [[2, 2, 2, 2], [np.nan] * 4])
