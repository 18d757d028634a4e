"""The cross entropy of a model's predictions."""

from torch import Tensor

from moe_lab.parts import Config, Objective, Sizes, Step


class CrossEntropy(Objective):
    """loss_i = -log q(y_i|x_i) in nats, with q the whole model's prediction: the loss of networks of mixture layers.

    For a single mixture this is objective=mixture.
    Source: Good 1952, Rational decisions (the logarithmic score).
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    @property
    def alias(self) -> Config:
        return {"_target_": "moe_lab.parts.objectives.mixture.Mixture", "second_softmax": False}

    def forward(self, step: Step) -> Tensor:
        return -step.output.log_likelihood_B(step.y_B)
