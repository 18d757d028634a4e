"""The gate of DeepSeek-V3 against the router of transformers with the same weights and bias."""

import pytest
import torch

from moe_lab import MixtureLayer
from moe_lab.layers.noise import Noise, generator

pytestmark = pytest.mark.hf
D, E = 16, 12


@pytest.mark.parametrize(("groups", "top_groups", "k"), [(1, 1, 3), (4, 2, 3), (3, 1, 4), (6, 3, 2)])
def test_who_is_selected_and_with_which_weight(groups, top_groups, k):
    from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3TopkRouter

    torch.manual_seed(0)
    config = DeepseekV3Config(
        hidden_size=D, n_routed_experts=E, num_experts_per_tok=k, n_group=groups, topk_group=top_groups
    )
    router = DeepseekV3TopkRouter(config)
    torch.nn.init.normal_(router.weight, std=0.3)
    router.e_score_correction_bias.normal_(std=0.1)
    words = ["gate/score=linear", f"gate.select.groups={groups}", f"gate.select.top_groups={top_groups}"]
    gate = MixtureLayer(D, *words, gate="deepseek_v3", experts=E, k=k).routed.gate
    gate.score.head.weight_IO.data = router.weight.data.T.clone()
    gate.score.head.bias_1O.data.zero_()
    gate.select.selection_bias_1E.copy_(router.e_score_correction_bias)
    x = torch.randn(50, D)
    routing = gate(x, None, Noise([generator(0, "noise")]))
    _, weights, experts = router(x)
    expected = torch.zeros(50, E).scatter(-1, experts, weights)
    assert config.routed_scaling_factor == 2.5
    torch.testing.assert_close(routing.weights_BE, expected)
