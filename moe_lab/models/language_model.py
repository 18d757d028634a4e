"""A language model whose blocks hold mixture layers."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.config.ranges import Count, NonNegativeInt
from moe_lab.layers.linear import Linear
from moe_lab.layers.noise import Noise
from moe_lab.layers.transformer import Embedding, LayerNorm
from moe_lab.mixture.mixture import Constrain
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.models.blocks import MakeLayer, Where, blocks_of, routed_in, through
from moe_lab.models.network import Network
from moe_lab.parts.reasons import Reason, Unfit
from moe_lab.parts.roles import Gate
from moe_lab.routing.groups import DOCUMENT
from moe_lab.routing.values import TokensOutput


class LanguageModel(Network):
    """Predicts the next token at each place: embeddings, then blocks of causal attention and feed-forward networks.

    Rows of its mixture layers are the tokens of all windows, window by window. No prediction depends on later tokens,
    so gates that would are refused. The data set defines the length of a window (dataset.context).
    Source: Radford et al. 2019, Language models are unsupervised multitask learners (GPT-2); mixture layers in it:
    Fedus et al. 2021, Switch transformers, arXiv:2101.03961.

    width:  D, of the features of a token.
    depth:  number of blocks.
    heads:  of the attention; divides the width.
    hidden: of the feed-forward networks of blocks without a mixture layer; null: four times the width.
    where:  blocks with a mixture layer: "all", "every_other" (1, 3, 5 ...), "last", or their numbers, from 0.
    shared_experts: experts beside those of each mixture layer that every row has, whatever the gate decides.
    Raises ConfigError for a gate whose decision depends on other tokens in evaluation.
    """

    reads_tokens: ClassVar[bool] = True

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        make_layer: MakeLayer,
        *,
        width: Count = 64,
        depth: Count = 2,
        heads: Count = 4,
        hidden: Count | None = None,
        where: Where = "all",
        shared_experts: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        (self._places,), self._tokens = shape, classes
        self.embedding = Embedding(classes, width)
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
            causal=True,
        )
        for layer in self.routed.values():
            _check_causal(layer.gate)
        self.norm = LayerNorm(width)
        self.head = Linear(width, classes)

    @property
    def routed(self) -> Mapping[str, RoutedExperts]:
        return routed_in(self.blocks)

    @property
    def places(self) -> int:
        return self._places

    @property
    def numbers(self) -> int:
        return max(super().numbers, self._places * self._tokens)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The documents, which are the windows."""
        return DOCUMENT, "position"

    def class_T(self, y_B: Tensor) -> Tensor:
        """The next token."""
        return y_B.flatten(-2)

    def forward(
        self, x_BD: Tensor, noise: Mapping[str, Noise], constrain: Mapping[str, Constrain] | None = None
    ) -> TokensOutput:
        """``x_BD``: the tokens of each window, int64 [..., B, S]."""
        token_T1 = x_BD.flatten(-2).unsqueeze(-1)
        x_TD = self.embedding(x_BD).add(self.position_SD.unsqueeze(-3)).flatten(-3, -2)
        x_TD, layers = through(self.blocks, x_TD, self._places, token_T1, noise, constrain)
        # for this many classes it is faster along the rows than moe_lab.layers.linear.log_softmax
        log_probs_TV = self.head(self.norm(x_TD)).log_softmax(-1)
        return TokensOutput(log_probs_TV.unflatten(-2, (-1, self._places)), layers)


def _check_causal(gate: Gate) -> None:
    """Raise Unfit for a gate whose decision depends on other tokens in evaluation, including later ones."""
    if gate.traits.looks_ahead:
        raise Unfit(
            "this gate",
            Reason(
                "decides about a token by looking at tokens of its window that come after it, so that a language model "
                "would see the tokens that it has to predict",
                ("take gate=top_k" if gate.traits.makes_slots else "take gate.select.over=before",),
                gate=_is_causal,
            ),
        )
    if not _is_causal(gate):
        raise Unfit(
            "this gate",
            Reason(
                "decides about a token from the other tokens of its batch, in evaluation, too, so a language model "
                "would see the tokens that it has to predict",
                ("take gate=top_k",),
                gate=_is_causal,
            ),
        )


def _is_causal(gate: Gate) -> bool:
    return "evaluation" not in gate.traits.batch_dependent and not gate.traits.looks_ahead
