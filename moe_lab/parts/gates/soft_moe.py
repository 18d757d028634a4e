"""Soft mixture: the inputs of experts are slots, each a mixture of an image's patches."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.layers.patches import patches
from moe_lab.parts import Combine, ConfigError, Count, ExpertsOutput, Gate, Noise, Routing, Sizes, Traits, log_softmax


class SoftMoE(Gate):
    """Every expert's inputs are mixtures of an image's patches; its weight is that of its slots in all patches.

    Tokens t are the T patches of one image, slots s the S of each expert. With L_ts = a (x_t / |x_t|) . (phi_s /
    |phi_s|), a learned scale: dispatch D_ts = softmax over t, so that slot s is sum_t D_ts x_t; combine C_ts = softmax
    over all slots. Experts predict the class from a slot, and y = sum_s c_s f_s, c_s = mean_t C_ts, is the mean over
    tokens of the paper's output. So w_e = sum of c_s over e's slots, rows sum to one, and an expert's prediction is
    the c-weighted mixture of those for its slots. Experts are built for patches; samples never mix.
    Source: Puigcerver et al. 2023, From sparse to soft mixtures of experts, arXiv:2308.00951, algorithm 1.

    patch:    height and width of a patch.
    slots:    S; null: as many slots in all as tokens, as in the paper, but at least one per expert.
    position: add a learned vector to the patches of each place, as in the paper's vision transformers before their
              first layer; without it the position of a patch is not known.
    k:        null; every expert.
    combine:  "probabilities" or "logits"; null: resolved when the config is composed.
    Raises ConfigError if samples are not images, or cannot be divided into such patches.
    """

    #: experts' inputs are slots, and their predictions from these are mixed as class probabilities
    task = "classification"
    traits = Traits(
        rows_sum_to_one=True,
        k="every",
        makes_slots=True,
        gives_logits=False,
        extras=frozenset({"slots_BESI", "log_shares_BES"}),
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        patch: Count = 4,
        slots: Count | None = None,
        position: bool = True,
        k: None = None,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self._image, self._patch = sizes.shape, patch
        features = math.prod(self.expert_shape({"patch": patch}, sizes.shape))
        tokens = sizes.features // features
        self._slots = slots or max(1, round(tokens / sizes.experts))
        self.phi_IX = nn.Parameter(torch.randn(features, sizes.experts * self._slots) / math.sqrt(features))
        self.scale_111 = nn.Parameter(torch.ones(1, 1, 1))
        self.position_TI = nn.Parameter(0.02 * torch.randn(tokens, features)) if position else None

    @classmethod
    def expert_shape(cls, options: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
        """A patch: (channels, patch, patch)."""
        patch = options["patch"]
        if len(shape) != 3:
            raise ConfigError("gate=soft_moe mixes the patches of images, and these samples are not images")
        channels, height, width = shape
        if height % patch or width % patch:
            raise ConfigError(
                f"gate.patch={patch} does not divide images of {height} x {width}: take a divisor of "
                f"{math.gcd(height, width)}"
            )
        return channels, patch, patch

    def tokens(self, x_BD: Tensor) -> Tensor:
        """The patches of every image, [..., B, T, I], with their places."""
        tokens_BTI = patches(x_BD, self._image, self._patch)
        return tokens_BTI if self.position_TI is None else tokens_BTI + self.position_TI.unsqueeze(-3)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        tokens_BTI = self.tokens(x_BD)
        phi_1IX = functional.normalize(self.phi_IX, dim=-2).unsqueeze(-3)
        logits_BTX = self.scale_111 * (functional.normalize(tokens_BTI, dim=-1) @ phi_1IX)
        dispatch_BTX = logits_BTX.softmax(-2)
        log_combine_BTX = log_softmax(logits_BTX)
        slots = (self.sizes.experts, self._slots)
        slots_BESI = (dispatch_BTX.mT @ tokens_BTI).unflatten(-2, slots)
        log_c_BES = (log_combine_BTX.logsumexp(-2) - math.log(tokens_BTI.shape[-2])).unflatten(-1, slots)
        log_weights_BE = log_c_BES.logsumexp(-1)
        weights_BE = log_weights_BE.exp()
        extras = {"slots_BESI": slots_BESI, "log_shares_BES": log_c_BES - log_weights_BE.unsqueeze(-1)}
        every_BE = torch.ones_like(weights_BE, dtype=torch.bool)
        return Routing(weights_BE, weights_BE, every_BE, log_weights_BE, extras=extras)
