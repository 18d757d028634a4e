"""A vision transformer whose blocks hold mixture layers."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from moe_lab.config.ranges import Count, NonNegativeInt
from moe_lab.errors import ConfigError
from moe_lab.layers.linear import Linear, log_softmax
from moe_lab.layers.noise import Noise
from moe_lab.layers.patches import patches
from moe_lab.layers.transformer import LayerNorm
from moe_lab.mixture.mixture import Constrain
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.models.blocks import MakeLayer, Where, blocks_of, routed_in, through
from moe_lab.models.network import Network
from moe_lab.routing.values import NetworkOutput

#: sides of a patch to try, the largest first
SIDES = (7, 4, 2)


class VisionTransformer(Network):
    """Embeddings of an image's patches, then blocks of attention and feed-forward networks; classes from their mean.

    Rows of its mixture layers are the patches of all images, image by image, in rows from the top left.
    Source: Dosovitskiy et al. 2020, An image is worth 16x16 words, arXiv:2010.11929, with the mean in place of a class
    token; mixture layers in it: Riquelme et al. 2021, Scaling vision with sparse mixture of experts, arXiv:2106.05974.

    patch:  side of a patch; null: the largest of 7, 4 and 2 that divides the image.
    width:  D, of the features of a patch.
    depth:  number of blocks.
    heads:  of the attention; divides the width.
    hidden: of the feed-forward networks of blocks without a mixture layer; null: four times the width.
    where:  blocks with a mixture layer: "all", "every_other" (1, 3, 5 ...), "last", or their numbers, from 0.
    shared_experts: experts beside those of each mixture layer that every row has, whatever the gate decides.
    Raises ConfigError for samples that are not images, or not divisible into patches.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        make_layer: MakeLayer,
        *,
        patch: Count | None = None,
        width: Count = 64,
        depth: Count = 2,
        heads: Count = 4,
        hidden: Count | None = None,
        where: Where = "all",
        shared_experts: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        self._shape, self._patch = shape, side_of(shape, patch)
        channels, high, wide = shape
        self._places = high // self._patch * (wide // self._patch)
        self.embedding = Linear(channels * self._patch**2, width)
        self.position_SD = nn.Parameter(0.02 * torch.randn(self._places, width))
        self.blocks = blocks_of(
            make_layer,
            places=self._places,
            depth=depth,
            width=width,
            heads=heads,
            hidden=hidden,
            where=where,
            shared_experts=shared_experts,
        )
        self.norm = LayerNorm(width)
        self.head = Linear(width, classes)

    @property
    def routed(self) -> Mapping[str, RoutedExperts]:
        return routed_in(self.blocks)

    @property
    def places(self) -> int:
        return self._places

    def forward(
        self, x_BD: Tensor, noise: Mapping[str, Noise], constrain: Mapping[str, Constrain] | None = None
    ) -> NetworkOutput:
        x_TI = patches(x_BD, self._shape, self._patch).flatten(-3, -2)
        x_TD = self._by_place(self.embedding(x_TI)).add(self.position_SD.unsqueeze(-3)).flatten(-3, -2)
        x_TD, layers = through(self.blocks, x_TD, self._places, x_TI, noise, constrain)
        mean_BD = self._by_place(self.norm(x_TD)).mean(-2)
        return NetworkOutput(log_softmax(self.head(mean_BD)), layers)

    def attributes(self, x_BD: Tensor) -> Mapping[str, Tensor]:
        """``position``: the number of the patch, in rows from the top left. ``patch_ink``: the mean of its pixels."""
        x_BSI = patches(x_BD, self._shape, self._patch)
        position_BS = torch.arange(self._places, device=x_BD.device).expand(x_BSI.shape[:-1])
        return {"position": position_BS, "patch_ink": x_BSI.mean(-1)}

    def _by_place(self, x_TD: Tensor) -> Tensor:
        """[..., B, S, D]"""
        return x_TD.unflatten(-2, (-1, self._places))


def side_of(shape: tuple[int, ...], patch: int | None) -> int:
    """The side of a patch. Raises ConfigError for samples that are not images, or that it does not divide."""
    if len(shape) != 3:
        raise ConfigError(
            f"network=vision_transformer cuts images, and these samples have the shape {shape}: take network=mlp"
        )
    sides = [side for side in (SIDES if patch is None else (patch,)) if not (shape[1] % side or shape[2] % side)]
    if not sides:
        given = f"network.patch={patch} does" if patch else f"none of {', '.join(map(str, SIDES))}"
        raise ConfigError(
            f"{given} {'not divide' if patch else 'divides'} images of {shape[1]} x {shape[2]}: "
            "give network.patch, a divisor of both"
        )
    return sides[0]
