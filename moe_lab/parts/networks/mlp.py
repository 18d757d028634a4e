"""Fully connected bodies."""

from torch import Tensor, nn

from moe_lab.parts import Body, Linear, Sizes, Widths


class Mlp(Body):
    """Fully connected layers with ReLU between them; the output is before the last ReLU.

    hidden: width of each layer; the last is the body's.
    """

    def __init__(self, sizes: Sizes, *, hidden: Widths = (64, 32)) -> None:
        super().__init__(width=hidden[-1])
        self.layers = Chain(sizes.features, hidden)

    def forward(self, x_BD: Tensor) -> Tensor:
        return self.layers(x_BD)


class Chain(nn.Module):
    """Linear layers of the given widths, ReLU between them but not after the last; [..., B, I] -> [..., B, O]."""

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (inputs, *widths)
        self.layers = nn.ModuleList([Linear(*pair) for pair in zip(sizes[:-1], widths, strict=True)])

    def forward(self, x_BI: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            x_BI = layer(x_BI.relu() if number else x_BI)
        return x_BI
