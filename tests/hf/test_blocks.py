"""The mixture layer against the blocks of transformers with the same weights: values, and gradients of everything."""

import pytest
import torch

from moe_lab import MixtureLayer

pytestmark = pytest.mark.hf
D, H, E = 16, 24, 6


def outcomes(layer, block, x):
    """(ours, theirs) of the output and of the gradient of x; the loss leaves gradients in the parameters, too."""
    found = []
    for one in (layer, block):
        mine = x.clone().requires_grad_()
        y = one(mine)
        (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        found.append((y.detach(), mine.grad))
    return list(zip(*found, strict=True))


def assert_all_close(pairs):
    for ours, theirs in pairs:
        assert ours.any()
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("k", [2, 3])
def test_mixtral(k):
    from transformers.models.mixtral.configuration_mixtral import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    torch.manual_seed(0)
    config = MixtralConfig(hidden_size=D, intermediate_size=H, num_local_experts=E, num_experts_per_tok=k)
    block = MixtralSparseMoeBlock(config).train()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    words = ["experts.activation=swiglu", "experts.bias=false"]
    layer = MixtureLayer(D, *words, gate="mixtral", experts=E, k=k, hidden=H)
    head, bank = layer.routed.gate.score.head, layer.routed.experts.bank
    head.weight_IO.data = block.gate.weight.data.T.clone()
    head.bias_1O.data.zero_()
    bank.inner.weight_IO.data = block.experts.gate_up_proj.data.mT.clone()
    bank.outer.weight_IO.data = block.experts.down_proj.data.mT.clone()
    pairs = outcomes(layer, block, torch.randn(2, 7, D))
    gradients = [
        (head.weight_IO.grad, block.gate.weight.grad.T),
        (bank.inner.weight_IO.grad, block.experts.gate_up_proj.grad.mT),
        (bank.outer.weight_IO.grad, block.experts.down_proj.grad.mT),
    ]
    assert_all_close([*pairs, *gradients])


@pytest.mark.parametrize("capacity", [2, 64])
def test_switch(capacity):
    """One sequence of 20 tokens: room for two tokens an expert drops some, and room for 64 drops none."""
    from transformers.models.switch_transformers.configuration_switch_transformers import SwitchTransformersConfig
    from transformers.models.switch_transformers.modeling_switch_transformers import SwitchTransformersSparseMLP

    torch.manual_seed(0)
    config = SwitchTransformersConfig(
        d_model=D, d_ff=H, num_experts=E, expert_capacity=capacity, router_jitter_noise=0.0, dropout_rate=0.0
    )
    block = SwitchTransformersSparseMLP(config).train()
    # ceil(0.1 * 1 * 20 / 6) = 1, so that the least capacity holds
    words = ["gate/select=capacity", "gate.select.capacity_factor=0.1", f"gate.select.min_capacity={capacity}"]
    layer = MixtureLayer(D, "experts.bias=false", *words, gate="switch", experts=E, hidden=H)
    head, bank = layer.routed.gate.score.head, layer.routed.experts.bank
    experts = [block.experts[f"expert_{e}"] for e in range(E)]
    head.weight_IO.data = block.router.classifier.weight.data.T.clone()
    head.bias_1O.data.zero_()
    bank.inner.weight_IO.data = torch.stack([one.wi.weight.data.T for one in experts])
    bank.outer.weight_IO.data = torch.stack([one.wo.weight.data.T for one in experts])
    x = torch.randn(1, 20, D)
    pairs = outcomes(layer, block, x)
    dropped = ~layer.routing.selected_BE.any(-1)
    assert dropped.any() == (capacity == 2) and not pairs[0][0][0, dropped].any()
    gradients = [
        (head.weight_IO.grad, block.router.classifier.weight.grad.T),
        (bank.inner.weight_IO.grad, torch.stack([one.wi.weight.grad.T for one in experts])),
        (bank.outer.weight_IO.grad, torch.stack([one.wo.weight.grad.T for one in experts])),
    ]
    assert_all_close([*pairs, *gradients])
