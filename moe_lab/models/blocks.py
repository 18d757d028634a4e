"""The feed-forward place of a block: a plain network, or a mixture layer with or without shared experts."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from moe_lab.errors import expect, given
from moe_lab.layers.noise import Noise
from moe_lab.layers.transformer import LayerNorm, SelfAttention
from moe_lab.mixture.mixture import Constrain
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.parts.experts.ffn import Ffn
from moe_lab.parts.networks.feed_forward import FeedForward
from moe_lab.routing.values import LayerOutput


@dataclass(frozen=True)
class Within:
    """What a mixture layer is given besides its rows: its own noise, and what may change its gate's decision."""

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
    """A mixture layer, and what shared experts add to every row: ``shared_experts`` of an expert's width, as one
    network.

    Shared experts are no part of the routing. Source: Dai et al. 2024 (DeepSeekMoE), arXiv:2401.06066, section 3.2.
    """

    def __init__(self, width: int, routed: RoutedExperts, shared_experts: int) -> None:
        super().__init__()
        self.routed = routed
        hidden = shared_experts * given(routed.experts.hidden_features, "the experts' hidden layer")
        self.shared = Plain(width, hidden, routed) if shared_experts else None

    def forward(self, x_TD: Tensor, layer: Within | None, raw_TI: Tensor | None) -> tuple[Tensor, LayerOutput]:
        within = given(layer, "what the layer draws from")
        output = self.routed(x_TD, within.noise, within.constrain, raw_TI=raw_TI)
        if self.shared is None:
            return output.y_TD, output
        shared_TD, _ = self.shared(x_TD, None, None)
        return output.y_TD + shared_TD, output


class Block(nn.Module):
    """x + attention(norm(x)), then x + f(norm(x)), f ``feed_forward``.

    Source: Xiong et al. 2020, On layer normalization in the transformer architecture, arXiv:2002.04745 (pre-norm).

    causal: whether a row sees no row of its sequence that comes after it.
    """

    def __init__(self, width: int, heads: int, feed_forward: Plain | Mixed, *, causal: bool = False) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = LayerNorm(width), LayerNorm(width)
        self.attention = SelfAttention(width, heads, causal=causal)
        self.feed_forward = feed_forward

    def forward(
        self, x_TD: Tensor, places: int, layer: Within | None, raw_TI: Tensor
    ) -> tuple[Tensor, LayerOutput | None]:
        """``places``: S. ``raw_TI``: what the network was given at each row."""
        x_TD = x_TD + self.attention(self.attention_norm(x_TD), places)
        y_TD, output = self.feed_forward(self.feed_forward_norm(x_TD), layer, raw_TI)
        return x_TD + y_TD, output


def feed_forwards(
    depth: int, width: int, hidden: int | None, layers: Mapping[int, RoutedExperts], shared_experts: int
) -> list[Plain | Mixed]:
    """The feed-forward place of each of ``depth`` blocks: a mixture layer where ``layers`` has one for its number, else
    a plain network of ``hidden`` units, by default four times the width."""
    like = next(iter(layers.values()))
    return [
        Mixed(width, layers[number], shared_experts) if number in layers else Plain(width, hidden or 4 * width, like)
        for number in range(depth)
    ]


def routed_in(blocks: Mapping[str, Block]) -> dict[str, RoutedExperts]:
    """The mixture layers by the names of their blocks, in order."""
    places = {name: block.feed_forward for name, block in blocks.items()}
    return {name: place.routed for name, place in places.items() if isinstance(place, Mixed)}
