"""A plain network for classification."""

from torch import Tensor, nn

from moe_lab.parts import Body, Linear


class Classifier(nn.Module):
    """A body with a linear layer on top, one plain expert: x_BD -> (features before their ReLU, logits_BC).

    A recipe may put a dropout into ``drop``.
    """

    def __init__(self, body: Body, classes: int) -> None:
        super().__init__()
        self.body = body
        self.drop = nn.Identity()
        self.output = Linear(body.width, classes)

    def forward(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        hidden_BH = self.body(x_BD)
        return hidden_BH, self.output(self.drop(hidden_BH.relu()))
