"""Convolutional bodies."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from torch import Tensor, nn

from moe_lab.layers.convolution import pooled_relus
from moe_lab.parts import BatchNorm2d, Body, ConfigError, Conv2d, Count, NonNegativeInt, Sizes, Widths, in_order
from moe_lab.parts.networks.mlp import Chain


class Conv(Body):
    """Convolutions with ReLU and 2 x 2 max pooling, then fully connected layers; the output is before the last ReLU.

    The maximum is computed before the ReLU: the same values with a quarter of the work.

    filters:    output channels of each convolution.
    kernel:     height and width of every kernel.
    padding:    zeros around the input of every convolution.
    batch_norm: numbers (from 0) of the convolutions that are followed by batch normalization.
    bias:       "unnormalized": convolutions before a batch normalization have none; "all": every one has.
    hidden:     width of each fully connected layer; the last is the body's.
    batch_statistics_at_test: normalize by the batch's own statistics at test, too, as the code of arXiv:2302.14703 did
                              until 2023-02; predictions then depend on batch-mates.
    Raises ConfigError for inputs that are not images, or too small, and for a batch_norm beyond the convolutions.
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

    def forward(self, x_BD: Tensor, first: Tensor | None = None) -> Tensor:
        """The features; ``first`` is the first layer's output, if it was already computed."""
        x = self.convolutions[0].pooled_relu(self.images(x_BD), _batch_norm(self.norms[0])) if first is None else first
        for convolution, norm in zip(self.convolutions[1:], self.norms[1:], strict=True):
            x = convolution.pooled_relu(x, _batch_norm(norm))
        return self.layers(x.flatten(-3))

    def images(self, x_BD: Tensor) -> Tensor:
        """[..., B, C, H, W]"""
        return x_BD.unflatten(-1, self._shape)

    def can_go_ahead(self, x_BD: Tensor) -> bool:
        """Whether its first layer can be computed together with those of others, without side effects."""
        return _batch_norm(self.norms[0]) is None and self.convolutions[0].fits_one_pass(self.images(x_BD), None)


@contextmanager
def first_layers_at_once(*inputs: tuple[nn.Module, Tensor]) -> Iterator[None]:
    """Context in which several convolutional bodies' first layers are computed in one pass over the images.

    Reading the images is half of the work of the paper's networks.
    """
    seen = [
        (body, x) for part, x in inputs for body in part.modules() if isinstance(body, Conv) and body.can_go_ahead(x)
    ]
    if len(seen) < 2 or len({_kind(body) for body, _ in seen}) > 1:
        yield
        return
    done = pooled_relus([(body.convolutions[0], body.images(x)) for body, x in seen])
    hooks = [body.register_forward_pre_hook(_with_first(x, y)) for (body, x), y in zip(seen, done, strict=True)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _with_first(x_BD: Tensor, first: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """Adds ``first`` to the arguments of a body if it is called with exactly this input object."""
    return lambda body, given: (x_BD, first) if given[0] is x_BD else given


def _kind(body: Conv) -> tuple[object, ...]:
    """The sizes that first layers must have in common."""
    weight = body.convolutions[0].weight_OIKK
    return weight.shape[-1], weight.requires_grad, weight.dtype


def _batch_norm(norm: nn.Module) -> BatchNorm2d | None:
    return norm if isinstance(norm, BatchNorm2d) else None


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
