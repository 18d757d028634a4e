"""Blocks of attention and a feed-forward network or a mixture layer, with or without shared experts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Union

import torch
from torch import Tensor, nn

from moe_lab.config.ranges import NonNegativeInt
from moe_lab.errors import ConfigError, expect, given
from moe_lab.layers.noise import Noise
from moe_lab.layers.stacking import by_name
from moe_lab.layers.transformer import LayerNorm, SelfAttention
from moe_lab.mixture.mixture import Constrain
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.parts.experts.ffn import Ffn
from moe_lab.parts.networks.feed_forward import FeedForward
from moe_lab.routing.decision import Routing
from moe_lab.routing.values import LayerOutput

#: the name of a block, the width of its features and the number of a sample's rows -> its mixture layer
MakeLayer = Callable[[str, int, int], RoutedExperts]
#: the blocks that have a mixture layer
Where = Union[Literal["all", "every_other", "last"], tuple[NonNegativeInt, ...]]


@dataclass(frozen=True)
class Within:
    """Inputs of a mixture layer besides its rows: its own noise, and a function that may change its gate's decision."""

    noise: Noise
    constrain: Constrain


class Plain(nn.Module):
    """One feed-forward network, with the activation and biases of an expert of ``like``."""

    def __init__(self, width: int, hidden: int, like: RoutedExperts) -> None:
        super().__init__()
        experts = expect(Ffn, like.experts)
        self.network = FeedForward(width, hidden, experts.activation, experts.bias)

    def forward(self, x_TD: Tensor, layer: Within | None, raw_TI: Tensor | None) -> tuple[Tensor, None]:
        _, y_TD = self.network(x_TD)
        return y_TD, None


class Mixed(nn.Module):
    """A mixture layer, and shared experts for every row: ``shared_experts`` of an expert's width, as one network.

    Shared experts are not part of the routing. Source: Dai et al. 2024 (DeepSeekMoE), arXiv:2401.06066, section 3.2.
    """

    def __init__(self, width: int, routed: RoutedExperts, shared_experts: int) -> None:
        super().__init__()
        self.routed = routed
        self.shared_experts = shared_experts
        hidden = shared_experts * given(routed.experts.hidden_features, "the experts' hidden layer")
        self.shared = Plain(width, hidden, routed) if shared_experts else None

    def forward(self, x_TD: Tensor, layer: Within | None, raw_TI: Tensor | None) -> tuple[Tensor, LayerOutput]:
        within = given(layer, "what the layer draws from")
        output = self.routed(x_TD, within.noise, within.constrain, raw_TI=raw_TI)
        if self.shared is None:
            return output.y_TD, output
        shared_TD, _ = self.shared(x_TD, None, None)
        return output.y_TD + shared_TD, output


def shared_experts_of(network: nn.Module) -> int:
    """How many shared experts each mixture layer of a network has."""
    return max((layer.shared_experts for layer in network.modules() if isinstance(layer, Mixed)), default=0)


@contextmanager
def without_shared(network: nn.Module) -> Iterator[None]:
    """Inside, the shared experts of all mixture layers of a network give zero."""
    shared = [layer.shared for layer in network.modules() if isinstance(layer, Mixed) and layer.shared is not None]
    hooks = [one.register_forward_hook(_zero) for one in shared]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _zero(module: nn.Module, inputs: tuple[Any, ...], output: tuple[Tensor, None]) -> tuple[Tensor, None]:
    return torch.zeros_like(output[0]), None


class Block(nn.Module):
    """x + attention(norm(x)), then x + f(norm(x)), with f ``feed_forward``.

    Source: Xiong et al. 2020, On layer normalization in the transformer architecture, arXiv:2002.04745 (pre-norm).

    causal: whether a row depends only on itself and the rows before it in its sequence.
    """

    def __init__(self, width: int, heads: int, feed_forward: Plain | Mixed, *, causal: bool = False) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = LayerNorm(width), LayerNorm(width)
        self.attention = SelfAttention(width, heads, causal=causal)
        self.feed_forward = feed_forward

    def forward(
        self, x_TD: Tensor, places: int, layer: Within | None, raw_TI: Tensor
    ) -> tuple[Tensor, LayerOutput | None]:
        """``places``: S. ``raw_TI``: the network's input at each row."""
        x_TD = x_TD + self.attention(self.attention_norm(x_TD), places)
        y_TD, output = self.feed_forward(self.feed_forward_norm(x_TD), layer, raw_TI)
        return x_TD + y_TD, output


def blocks_of(
    make_layer: MakeLayer,
    *,
    places: int,
    depth: int,
    width: int,
    heads: int,
    hidden: int | None,
    where: Where,
    shared_experts: int,
    causal: bool = False,
) -> Mapping[str, Block]:
    """``depth`` blocks by name, with a mixture layer in those of ``where``; the others have a plain network of
    ``hidden`` units, by default four times the width. Raises ConfigError for numbers that do not fit each other."""
    check_heads(heads, width)
    layers = {number: make_layer(block_name(number), width, places) for number in numbers_of(where, depth)}
    like = next(iter(layers.values()))
    inner = [
        Mixed(width, layers[number], shared_experts) if number in layers else Plain(width, hidden or 4 * width, like)
        for number in range(depth)
    ]
    return by_name({block_name(number): Block(width, heads, one, causal=causal) for number, one in enumerate(inner)})


def through(
    blocks: Mapping[str, Block],
    x_TD: Tensor,
    places: int,
    raw_TI: Tensor,
    noise: Mapping[str, Noise],
    constrain: Mapping[str, Constrain] | None,
) -> tuple[Tensor, dict[str, LayerOutput]]:
    """The rows after all blocks, and each mixture layer's output, by the name of its block."""
    layers, given_to = {}, within(routed_in(blocks), noise, constrain)
    for name, block in blocks.items():
        x_TD, output = block(x_TD, places, given_to.get(name), raw_TI)
        if output is not None:
            layers[name] = output
    return x_TD, layers


def routed_in(blocks: Mapping[str, Block]) -> dict[str, RoutedExperts]:
    """The mixture layers by the names of their blocks, in order."""
    places = {name: block.feed_forward for name, block in blocks.items()}
    return {name: place.routed for name, place in places.items() if isinstance(place, Mixed)}


def block_name(number: int) -> str:
    return f"block{number}"


def within(
    layers: Iterable[str], noise: Mapping[str, Noise], constrain: Mapping[str, Constrain] | None
) -> dict[str, Within]:
    """The inputs of each mixture layer besides its rows."""
    return {name: Within(noise[name], (constrain or {}).get(name, unchanged)) for name in layers}


def unchanged(routing: Routing) -> Routing:
    """The gate's decision, unchanged."""
    return routing


def numbers_of(where: Where, depth: int) -> tuple[int, ...]:
    """The blocks of ``depth`` that have a mixture layer: all; every other one, 1, 3, 5 ...; the last; or a list.

    Raises ConfigError if there is no such block, or none at all.
    """
    match where:
        case "all":
            found = tuple(range(depth))
        case "every_other":
            found = tuple(range(1, depth, 2))
        case "last":
            found = (depth - 1,)
        case _:
            found = tuple(sorted(set(where)))
    if not found or found[-1] >= depth:
        shown = where if isinstance(where, str) else str(list(where)).replace(" ", "")
        raise ConfigError(
            f"network.where={shown} names no block of depth={depth}, whose blocks are numbered from 0: "
            f"take all, last or a list such as [{depth - 1}]"
        )
    return found


def check_heads(heads: int, width: int) -> None:
    """Raise ConfigError if the heads of the attention do not divide the width."""
    if width % heads:
        raise ConfigError(f"network.heads={heads} does not divide network.width={width}: take a divisor of it")
