"""Attentive scores: whether an expert gets a sample depends on the features that it computes of it."""

import math
from typing import Literal

from torch import Tensor

from moe_lab.parts import Body, ExpertsOutput, Linear, Noise, Score, Sizes, given


class Attentive(Score):
    """z_e = (h_g W_q) . (h_e W_k) / sqrt(H), attention of the gate's features over the experts' features.

    h_g [B, G] are the features of the gate's own body, h_e [B, E, H] the experts' last hidden layers. W_q is G x H and
    W_k, which all experts share, H x H, without bias (in the paper G = H). Nothing is detached, so the gate's loss also
    trains the experts through their keys. All experts run for every sample, whatever k is.
    Source: Krishnamurthy, Watkins and Gaertner 2023, Improving Expert Specialization in Mixture of Experts,
    arXiv:2302.14703.

    body:  the gate's network without its last layer.
    query: take h_g "pre" or "post" its activation (ReLU); the paper's networks differ in this.
    key:   take h_e "pre" or "post" its activation (ReLU).
    Raises ConfigError for experts without a hidden layer.
    """

    reads_experts = True

    def __init__(
        self,
        sizes: Sizes,
        *,
        body: Body,
        query: Literal["pre", "post"] = "pre",
        key: Literal["pre", "post"] = "pre",
    ) -> None:
        super().__init__()
        hidden = sizes.read_hidden("the attentive gate", "experts=gaussian in regression", "another gate")
        self.body = body
        self.query = Linear(body.width, hidden, bias=False)
        self.key = Linear(hidden, hidden, bias=False)
        self._relu_query = query == "post"
        self._relu_key = key == "post"
        self._scale = 1 / math.sqrt(hidden)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        features_BG = self.body(x_BD)
        query_BH = self.query(features_BG.relu() if self._relu_query else features_BG)
        hidden_BEH = given(None if experts is None else experts.hidden_BEH, "hidden_BEH")
        flat_XH = (hidden_BEH.relu() if self._relu_key else hidden_BEH).flatten(-3, -2)
        key_BEH = self.key(flat_XH).unflatten(-2, hidden_BEH.shape[-3:-1])
        return (key_BEH @ query_BH.unsqueeze(-1)).squeeze(-1) * self._scale

    def columns(self) -> tuple[Tensor, ...]:
        """None, since an expert's key is computed from its features."""
        return ()
