"""Sample similarity, the data-driven regularizer: samples that look alike go to the same expert."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from moe_lab.errors import ConfigError
from moe_lab.layers import hyper
from moe_lab.networks.frozen import RandomFeatures, RunFeatures
from moe_lab.parts import Regularizer, Sizes, Step
from moe_lab.ranges import NonNegative


class SampleSimilarity(Regularizer):
    """Penalizes samples that look different and share an expert.

    With P = probs_BE, r its row sums, d the distance of pixels or of a frozen network's features, and sums over the
    ordered pairs of a batch of B samples:

    default:   1/(B^2 - B) sum d2(x, x') / mean(d2) (P P^T)_xx', times ``weight``; d2 is the squared distance.
    paper:     1/(B^2 - B) sum d2 [beta_s/E P P^T - beta_d/(E^2 - E) (r r^T - P P^T)].
    reference: sum d [beta_s/E P P^T - beta_d/(E^2 - E)/B^2 (r r^T - P P^T)], d Euclidean: only the second term is
               divided by the pairs, as the authors' code has it.

    No gradient flows through the distances. Squared distances need no B x B array: with moments s = sum_x P,
    q = sum_x P |x|^2, m = sum_x P x of an expert, sum_xx' P P' d2 = 2 (s q - |m|^2).
    Source: Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 (its L_s), and its authors' code.

    weight:   of the default form (null: 1).
    beta_s, beta_d: of the other forms; beta_s must be given, beta_d is 0 if null. Where rows of P sum to one the two
              act as one coefficient.
    distance: of the reference form: "raw", or divided by the batch's "max".
    on:       "probs", the full distribution before selection, or "weights".
    features: what distances are of: "pixels"; "random", 256 features of an untrained network; "run", the hidden layers
              of a finished run's experts (train one with ``baseline=single`` for those of one network), which stay as
              they are. The paper takes a WideResNet's for CIFAR.
    run:      the folder of that run.
    Needs at least two experts. Raises ConfigError for numbers that the form does not read.
    """

    least_experts: ClassVar[int] = 2

    def __init__(
        self,
        sizes: Sizes,
        *,
        form: Literal["default", "paper", "reference"] = "default",
        weight: NonNegative | None = None,
        beta_s: NonNegative | None = None,
        beta_d: NonNegative | None = None,
        distance: Literal["raw", "max"] = "raw",
        on: Literal["probs", "weights"] = "probs",
        features: Literal["pixels", "random", "run"] = "pixels",
        run: str | None = None,
    ) -> None:
        _check(form, weight, beta_s, beta_d, distance)
        super().__init__(1.0 if weight is None else weight)
        self._form = form
        self._max = distance == "max"
        self._on_weights = on == "weights"
        self.beta_s = hyper(beta_s or 0.0)
        self.beta_d = hyper(beta_d or 0.0)
        self.features = _features(sizes, features, run)

    def forward(self, step: Step) -> Tensor:
        routing = step.output.routing
        p_BE = routing.weights_BE if self._on_weights else routing.probs_BE
        with torch.no_grad():
            x_BD = centred(self.features(step.x_BD))
        if self._form == "reference":
            return self._reference(p_BE, x_BD)
        pairs = max(x_BD.shape[-2] * (x_BD.shape[-2] - 1), 1)
        same = squared_distance_sum(p_BE, x_BD)
        if self._form == "paper":
            other = squared_distance_sum(p_BE.sum(-1, keepdim=True), x_BD) - same
            return self._betas(same, other, p_BE.shape[-1]) / pairs
        total = squared_distance_sum(torch.ones_like(p_BE[..., :1]), x_BD)
        return same / torch.where(total > 0, total, 1.0)

    def _reference(self, p_BE: Tensor, x_BD: Tensor) -> Tensor:
        distance_BB = euclidean_distance(x_BD)
        if self._max:
            top_11 = distance_BB.amax((-2, -1), keepdim=True)
            distance_BB = distance_BB / torch.where(top_11 > 0, top_11, 1.0)
        r_B1 = p_BE.sum(-1, keepdim=True)
        same = ((distance_BB @ p_BE) * p_BE).sum((-2, -1))
        other = ((distance_BB @ r_B1) * r_B1).sum((-2, -1)) - same
        return self._betas(same, other / x_BD.shape[-2] ** 2, p_BE.shape[-1])

    def _betas(self, same: Tensor, other: Tensor, experts: int) -> Tensor:
        return self.beta_s * same / experts - self.beta_d * other / (experts * (experts - 1))


def centred(x_BD: Tensor) -> Tensor:
    """x less the batch's mean, which changes no distance but loses fewer digits; what is left of a constant feature
    is rounding and becomes an exact zero."""
    mean_1D = x_BD.mean(-2, keepdim=True)
    left_BD = x_BD - mean_1D
    return torch.where(left_BD.abs() > 8 * torch.finfo(x_BD.dtype).eps * mean_1D.abs(), left_BD, 0.0)


def squared_distance_sum(p_BE: Tensor, x_BD: Tensor) -> Tensor:
    """sum over ordered pairs and experts of p_ie p_je |x_i - x_j|^2 = 2 sum_e (s_e q_e - |m_e|^2); [...]."""
    s_E = p_BE.sum(-2)
    q_E = (p_BE * x_BD.square().sum(-1, keepdim=True)).sum(-2)
    m_ED = p_BE.mT @ x_BD
    return 2 * (s_E * q_E - m_ED.square().sum(-1)).sum(-1)


def euclidean_distance(x_BD: Tensor) -> Tensor:
    """|x_i - x_j| of all pairs by one matrix product, exactly zero on the diagonal; [..., B, B]."""
    distance_BB = torch.cdist(x_BD, x_BD, compute_mode="use_mm_for_euclid_dist")
    return distance_BB * (1 - torch.eye(x_BD.shape[-2], dtype=x_BD.dtype, device=x_BD.device))


def _features(sizes: Sizes, features: str, run: str | None) -> nn.Module:
    where = "regularizers.sample_similarity"
    if (features == "run") != (run is not None):
        raise ConfigError(f"{where}: features=run and run=FOLDER, the folder of a finished run, go together")
    match features:
        case "run":
            return RunFeatures(sizes, run)
        case "random":
            return RandomFeatures(sizes)
        case _:
            return nn.Identity()


def _check(form: str, weight: float | None, beta_s: float | None, beta_d: float | None, distance: str) -> None:
    where = "regularizers.sample_similarity"
    if form == "default" and (beta_s, beta_d) != (None, None):
        raise ConfigError(
            f"{where}: beta_s and beta_d belong to form=paper and form=reference; form=default has weight"
        )
    if form != "default" and weight is not None:
        raise ConfigError(f"{where}: weight belongs to form=default; form={form} has beta_s and beta_d")
    if form != "default" and beta_s is None:
        raise ConfigError(f"{where}: form={form} needs beta_s, for example {where}.beta_s=1e-6")
    if form != "reference" and distance != "raw":
        raise ConfigError(f"{where}: distance={distance} belongs to form=reference")
