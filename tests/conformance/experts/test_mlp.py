import torch
from torch import nn

from moe_lab.parts.experts.mlp import Mlp


def test_each_expert_is_a_plain_network(sizes, draw):
    experts, x = Mlp(sizes(), count=5, hidden=6), draw(7, 12)
    output = experts(x)
    for e in range(5):
        first, last = nn.Linear(12, 6), nn.Linear(6, 4)
        for plain, layer in ((first, experts.bank.body.layers.layers[0]), (last, experts.bank.output)):
            plain.weight.data, plain.bias.data = layer.weight_IO[e].T, layer.bias_1O[e, 0]
        hidden = first(x)
        torch.testing.assert_close(output.hidden_BEH[:, e], hidden)
        torch.testing.assert_close(output.log_probs_BEC[:, e], last(hidden.relu()).log_softmax(-1))


def test_parameter_count(sizes):
    # 12 * 6 + 6 and 6 * 4 + 4, five times
    assert sum(p.numel() for p in Mlp(sizes(), count=5, hidden=6).parameters()) == 5 * (78 + 28)


def test_more_experts_leave_the_first_as_they_were(sizes):
    banks = []
    for count in (3, 5):
        torch.manual_seed(0)
        banks.append(Mlp(sizes(), count=count, hidden=6).bank.body.layers.layers[0].weight_IO)
    assert torch.equal(banks[0], banks[1][:3])
