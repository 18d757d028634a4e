import torch

from moe_lab.parts.networks.mlp import Mlp


def test_fully_connected_layers_with_relu_between(sizes, draw):
    body, x = Mlp(sizes(), hidden=(8, 6)), draw(7, 12)
    first, last = body.layers.layers
    hidden = (x @ first.weight_IO + first.bias_1O).clamp(min=0)
    torch.testing.assert_close(body(x), hidden @ last.weight_IO + last.bias_1O)
    assert body.width == 6 and (body(x) < 0).any()
