"""Soft mixture: the inputs of experts are slots, each a mixture of an image's patches or a document's rows."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from moe_lab.layers.patches import patches
from moe_lab.parts import Combine, ConfigError, Count, ExpertsOutput, Gate, Noise, Routing, Sizes, Traits, log_softmax

#: height and width of a patch of images
PATCH = 4


class SoftMoE(Gate):
    """Every expert's inputs are mixtures of an image's patches, or in a mixture layer of the rows of a document.

    Tokens t are these T patches or rows, slots s the S of each expert. With L_ts = a (x_t / |x_t|) . (phi_s / |phi_s|),
    a learned scale: dispatch D_ts = softmax over t, so that slot s is sum_t D_ts x_t; combine C_ts = softmax over all
    slots. In a layer y_t = sum_s C_ts f_s, as in the paper, so w_te is the sum of C_ts over e's slots. By itself the
    mixture predicts the class from slots, and y = sum_s c_s f_s, c_s = mean_t C_ts, is the mean over tokens of the
    paper's output; w_e is the sum of c_s. Rows of w sum to one, and an expert's output is the mixture of those for its
    slots. Samples never mix.
    Source: Puigcerver et al. 2023, From sparse to soft mixtures of experts, arXiv:2308.00951, algorithm 1.

    patch:    height and width of a patch; null: 4. In a layer, whose rows are parts already, it must be null.
    slots:    S; null: as many slots in all as tokens, as in the paper, but at least one per expert; in
              ``moe_lab.MixtureLayer``, which does not know how many rows will come, one per expert.
    position: add a learned vector to the patches of each place, as in the paper's vision transformers before their
              first layer; without it the position of a patch is not known. null: true. In a layer it must be null.
    k:        null; every expert.
    combine:  "probabilities" or "logits"; null: resolved when the config is composed.
    Raises ConfigError if samples are not images, or cannot be divided into such patches; in a layer for a patch or a
    position.
    """

    #: by itself; it mixes what experts predict from slots as class probabilities
    task = "classification"
    traits = Traits(
        rows_sum_to_one=True,
        k="every",
        makes_slots=True,
        gives_logits=False,
        extras=frozenset({"slots_BESI", "log_shares_BES"}),
        looks_ahead=True,
    )

    def __init__(
        self,
        sizes: Sizes,
        *,
        patch: Count | None = None,
        slots: Count | None = None,
        position: bool | None = None,
        k: None = None,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self._image = sizes.shape if len(sizes.shape) == 3 else None
        self._patch = patch or PATCH
        places = self._image is not None and position is not False
        if self._image is None:
            _check_rows(patch, position)
            tokens, features = sizes.places, sizes.features
        else:
            self.resolved = {"patch": self._patch, "position": places}
            features = math.prod(self.expert_shape({"patch": patch}, sizes.shape))
            tokens = sizes.features // features
        self._slots = slots or max(1, round(tokens / sizes.experts))
        self.phi_IX = nn.Parameter(torch.randn(features, sizes.experts * self._slots) / math.sqrt(features))
        self.scale_111 = nn.Parameter(torch.ones(1, 1, 1))
        self.position_TI = nn.Parameter(0.02 * torch.randn(tokens, features)) if places else None

    @classmethod
    def expert_shape(cls, options: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
        """A patch: (channels, patch, patch)."""
        patch = options["patch"] or PATCH
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
        """The patches of every image, with their places, or the rows of every document: [..., N, T, I] of N."""
        if self._image is None:
            return x_BD.unflatten(-2, (-1, self.places))
        tokens_NTI = patches(x_BD, self._image, self._patch)
        return tokens_NTI if self.position_TI is None else tokens_NTI + self.position_TI.unsqueeze(-3)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        tokens_NTI = self.tokens(x_BD)
        phi_1IX = functional.normalize(self.phi_IX, dim=-2).unsqueeze(-3)
        logits_NTX = self.scale_111 * (functional.normalize(tokens_NTI, dim=-1) @ phi_1IX)
        slots = (self.sizes.experts, self._slots)
        slots_NESI = (logits_NTX.softmax(-2).mT @ tokens_NTI).unflatten(-2, slots)
        log_c_BES = self._of_rows(log_softmax(logits_NTX)).unflatten(-1, slots)
        log_weights_BE = log_c_BES.logsumexp(-1)
        weights_BE = log_weights_BE.exp()
        extras = {"slots_BESI": slots_NESI, "log_shares_BES": log_c_BES - log_weights_BE.unsqueeze(-1)}
        every_BE = torch.ones_like(weights_BE, dtype=torch.bool)
        return Routing(weights_BE, weights_BE, every_BE, log_weights_BE, extras=extras)

    def _of_rows(self, log_combine_NTX: Tensor) -> Tensor:
        """log C of each row of a layer, or of an image the logarithm of the mean of C over its patches: [..., B, X]."""
        if self._image is None:
            return log_combine_NTX.flatten(-3, -2)
        return log_combine_NTX.logsumexp(-2) - math.log(log_combine_NTX.shape[-2])


def _check_rows(patch: int | None, position: bool | None) -> None:
    """Raise ConfigError for options of images in a mixture layer."""
    for name, value in (("patch", patch), ("position", position)):
        if value is not None:
            raise ConfigError(
                f"gate.{name}={str(value).lower()} is for images, and a mixture layer gets rows of features: leave "
                "it null"
            )
