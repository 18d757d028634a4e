"""The role of networks without their last layer."""

from abc import abstractmethod

from torch import Tensor, nn


class Body(nn.Module):
    """A network without its last layer: x_BD -> features [..., B, ``width``] before their ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, x_BD: Tensor) -> Tensor: ...
