"""Convolutional bodies."""

from typing import Literal

from torch import Tensor, nn

from moe_lab.errors import ConfigError
from moe_lab.layers import BatchNorm2d, Conv2d, in_order
from moe_lab.networks.mlp import Chain
from moe_lab.parts import Body, Sizes
from moe_lab.ranges import Count, NonNegativeInt, Widths


class Conv(Body):
    """Convolutions, each with ReLU and a 2 x 2 maximum, then fully connected layers; the last one's value before
    its ReLU.

    The maximum is taken before the ReLU: the same values, a quarter of the work.

    filters:    output channels of each convolution.
    kernel:     height and width of every kernel.
    padding:    zeros around the input of every convolution.
    batch_norm: numbers (from 0) of the convolutions that are followed by batch normalization.
    bias:       "unnormalized": convolutions before a batch normalization have none; "all": every one has.
    hidden:     width of each fully connected layer; the last is the body's.
    batch_statistics_at_test: normalize by the batch's own statistics at test too, as the code of arXiv:2302.14703 did
                until 2023-02; predictions then depend on batch-mates.
    Raises ConfigError for inputs that are no images, or too small, and for a batch_norm beyond the convolutions.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        filters: Widths = (8,),
        kernel: Count = 3,
        padding: NonNegativeInt = 0,
        batch_norm: tuple[NonNegativeInt, ...] = (),
        bias: Literal["unnormalized", "all"] = "unnormalized",
        hidden: Widths = (64, 32),
        batch_statistics_at_test: bool = False,
    ) -> None:
        if beyond := [number for number in batch_norm if number >= len(filters)]:
            raise ConfigError(f"batch_norm={beyond}: there are {len(filters)} convolutions, numbered from 0")
        super().__init__(width=hidden[-1])
        self._shape = sizes.shape
        channels = (_channels(sizes.shape), *filters)
        convolutions: list[Conv2d] = []
        norms: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(zip(channels[:-1], filters, strict=True)):
            normalized = number in batch_norm
            biased = bias == "all" or not normalized
            convolutions.append(Conv2d(inputs, outputs, kernel, padding=padding, bias=biased))
            norm = BatchNorm2d(outputs, batch_statistics_at_test=batch_statistics_at_test)
            norms.append(norm if normalized else nn.Identity())
        self.convolutions, self.norms = in_order(convolutions), in_order(norms)
        side = [_side(length, len(filters), kernel, padding) for length in sizes.shape[1:]]
        self.layers = Chain(filters[-1] * side[0] * side[1], hidden)

    def forward(self, x_BD: Tensor) -> Tensor:
        x = x_BD.unflatten(-1, self._shape)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution.pooled_relu(x, norm if isinstance(norm, BatchNorm2d) else None)
        return self.layers(x.flatten(-3))


def _channels(shape: tuple[int, ...]) -> int:
    if len(shape) != 3:
        raise ConfigError(f"a convolution needs images, and this data set's samples have the shape {shape}: take mlp")
    return shape[0]


def _side(length: int, convolutions: int, kernel: int, padding: int) -> int:
    """Height or width after the convolutions and their pooling."""
    left = length
    for _ in range(convolutions):
        left = (left + 2 * padding - kernel + 1) // 2
    if left < 1:
        raise ConfigError(f"{convolutions} convolutions with pooling leave nothing of {length} pixels: take fewer")
    return left
