"""The cross entropy of what a model predicts."""

from torch import Tensor

from moe_lab.parts import Config, Objective, Sizes, Step


class CrossEntropy(Objective):
    """loss_i = -log q(y_i|x_i) in nats, q what the whole model predicts: the loss of networks of mixture layers.

    Of one mixture that predicts by itself this is objective=mixture.
    Source: Good 1952, Rational decisions (the logarithmic score).
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    @property
    def alias(self) -> Config:
        return {"_target_": "moe_lab.parts.objectives.mixture.Mixture", "second_softmax": False}

    def forward(self, step: Step) -> Tensor:
        return -step.output.log_likelihood_B(step.y_B)
