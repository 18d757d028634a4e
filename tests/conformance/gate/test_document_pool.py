"""arXiv:2605.06663: rows of a document choose among the experts of one pool."""

import torch

from moe_lab import MixtureLayer
from tests.conformance.cases import GateCase
from tests.models.conftest import mlp, noise_of, transformer

CASE = GateCase(forms=(("gate.select.over=before",),), structure=("gate.select.pool=3",), grows=True)


def test_the_patches_of_an_image_share_a_pool(draw):
    x = draw(8, 24)
    network = transformer("gate=document_pool", "gate.select.pool=2").eval()
    for layer in network(x, noise_of(network)).layers.values():
        selected_NSE = layer.routing.selected_BE.unflatten(0, (-1, network.places))
        # k = 2 of a pool of two: all rows of an image have the same experts, and not all images
        assert torch.equal(selected_NSE, selected_NSE[:, :1].expand_as(selected_NSE))
    assert not torch.equal(selected_NSE[:1], selected_NSE[1:2]) or not torch.equal(selected_NSE[:1], selected_NSE[2:3])
    # a sample does not depend on its batch-mates
    alone = network(x[:1], noise_of(network)).log_probs_BC
    torch.testing.assert_close(alone, network(x, noise_of(network)).log_probs_BC[:1])


def test_samples_that_are_rows_have_no_pool(draw):
    x = draw(8, 24)
    pooled, plain = (mlp(f"gate={gate}").eval() for gate in ("document_pool", "top_k"))
    torch.testing.assert_close(pooled(x, noise_of(pooled)).log_probs_BC, plain(x, noise_of(plain)).log_probs_BC)


def test_a_layer_of_ones_own_takes_its_last_axis_but_one_for_the_rows_of_a_document():
    torch.manual_seed(0)
    layer = MixtureLayer(6, "gate.select.pool=2", gate="document_pool", experts=5, k=2).eval()
    layer(torch.randn(3, 4, 6))
    selected_NSE = layer.routing.selected_BE.unflatten(0, (3, 4))
    assert torch.equal(selected_NSE, selected_NSE[:, :1].expand_as(selected_NSE))
