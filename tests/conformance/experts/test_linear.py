import torch
from torch.nn import functional

from moe_lab.parts.experts.linear import Linear


def test_each_expert_is_a_softmax_regression(sizes, draw):
    experts, x = Linear(sizes(), count=5), draw(7, 12)
    output = experts(x)
    assert output.hidden_BEH is None and experts.hidden_features is None
    for e in range(5):
        layer = experts.bank.output
        expected = functional.log_softmax(functional.linear(x, layer.weight_IO[e].T, layer.bias_1O[e, 0]), -1)
        torch.testing.assert_close(output.log_probs_BEC[:, e], expected)


def test_experts_start_apart(sizes):
    weights = Linear(sizes(), count=5).bank.output.weight_IO
    assert len({tuple(one.flatten().tolist()) for one in weights}) == 5
