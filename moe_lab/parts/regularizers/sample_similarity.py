"""Sample similarity, the data-driven regularizer: similar samples go to the same expert."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from moe_lab.layers.autograd import Kept
from moe_lab.layers.products import matmul
from moe_lab.parts import ConfigError, NonNegative, Regularizer, Sizes, Step, hyper
from moe_lab.parts.networks.frozen import RandomFeatures, RunFeatures

#: samples whose distances to others are computed at once
BLOCK = 128


class SampleSimilarity(Regularizer):
    """Penalizes different samples that share an expert.

    With P = probs_BE, r its row sums, d the distance of pixels or of a frozen network's features, and sums over the
    ordered pairs of a batch of B samples:

    default:   1/(B^2 - B) sum d2(x, x') / mean(d2) (P P^T)_xx', times ``weight``; d2 is the squared distance.
    paper:     1/(B^2 - B) sum d2 [beta_s/E P P^T - beta_d/(E^2 - E) (r r^T - P P^T)].
    reference: sum d [beta_s/E P P^T - beta_d/(E^2 - E)/B^2 (r r^T - P P^T)], d Euclidean: only the second term is
               divided by the number of pairs, as in the authors' code.

    No gradient flows through the distances. Squared distances need no B x B array: with moments s = sum_x P,
    q = sum_x P |x|^2, m = sum_x P x of an expert, sum_xx' P P' d2 = 2 (s q - |m|^2).
    Source: Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 (its L_s), and its authors' code.

    weight:   of the default form (null: 1).
    beta_s, beta_d: of the other forms; beta_s must be given, beta_d is 0 if null. If rows of P sum to one, only their
                    sum matters.
    distance: of the reference form: "raw", or divided by the batch's "max".
    on:       "probs", the full distribution before selection, or "weights".
    features: what distances are of: "pixels"; "random", 256 features of an untrained network; "run", the hidden layers
              of a finished run's experts (train one with ``baseline=single`` for those of one network), which are
              frozen. The paper takes a WideResNet's for CIFAR.
    run:      the folder of that run.
    Needs at least two experts. Raises ConfigError for numbers that the form does not read.
    """

    least_experts: ClassVar[int] = 2
    reads_input: ClassVar[bool] = True

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
        self.reads = frozenset({f"{on}_BE"})
        self.beta_s = hyper(beta_s or 0.0)
        self.beta_d = hyper(beta_d or 0.0)
        self.features = _features(sizes, features, run)

    def forward(self, step: Step) -> Tensor:
        p_EB = (step.routing.weights_BE if "weights_BE" in self.reads else step.routing.probs_BE).mT
        with torch.no_grad():
            x_BD = centred(self.features(step.x_BD))
        experts, samples = p_EB.shape[-2:]
        pairs = max(samples * (samples - 1), 1)
        if self._form == "default":
            same, total = _same_and_all(squared_pair_sums(with_row(p_EB, torch.ones_like(p_EB[..., :1, :])), x_BD))
            return same / torch.where(total > 0, total, 1.0)
        p_FB = with_row(p_EB, p_EB.sum(-2, keepdim=True))
        if self._form == "paper":
            same, every = _same_and_all(squared_pair_sums(p_FB, x_BD))
            return self._betas(same / pairs, (every - same) / pairs, experts)
        same, every = _same_and_all(euclidean_pair_sums(p_FB, x_BD, of_largest=self._max))
        return self._betas(same, (every - same) / samples**2, experts)

    def _betas(self, same: Tensor, other: Tensor, experts: int) -> Tensor:
        return self.beta_s * same / experts - self.beta_d * other / (experts * (experts - 1))


def with_row(p_EB: Tensor, row_1B: Tensor) -> Tensor:
    """P with one more row of ones for all pairs, so that all sums are computed together."""
    return torch.cat([p_EB, row_1B], -2)


def _same_and_all(sums_F: Tensor) -> tuple[Tensor, Tensor]:
    """The sum over the experts, and that of the row that ``with_row`` added."""
    return sums_F[..., :-1].sum(-1), sums_F[..., -1]


def centred(x_BD: Tensor) -> Tensor:
    """x minus the batch's first sample.

    This keeps the distances but loses fewer digits; a constant feature becomes exactly zero.
    """
    return x_BD - x_BD[..., :1, :]


def squared_pair_sums(p_FB: Tensor, x_BD: Tensor) -> Tensor:
    """sum_ij p_fi p_fj |x_i - x_j|^2 over ordered pairs, [..., F], without any B x B array; no gradient to x."""
    return _SquaredPairSums.apply(p_FB, x_BD)


class _SquaredPairSums(torch.autograd.Function):
    """2 (s_f q_f - |m_f|^2), with gradient 2 (q_f + s_f |x_i|^2 - 2 m_f x_i) to p_fi: half of autograd's operations."""

    @staticmethod
    def forward(ctx: Kept, p_FB: Tensor, x_BD: Tensor) -> Tensor:
        norms_1B = squared_norms(x_BD).mT
        s_F1 = p_FB.sum(-1, keepdim=True)
        q_F1 = (p_FB * norms_1B).sum(-1, keepdim=True)
        m_FD = matmul(p_FB, x_BD)
        ctx.save_for_backward(x_BD, norms_1B, s_F1, q_F1, m_FD)
        return 2 * (s_F1 * q_F1 - m_FD.square().sum(-1, keepdim=True)).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Kept, grad_F: Tensor) -> tuple[Tensor, None]:
        x_BD, norms_1B, s_F1, q_F1, m_FD = ctx.saved_tensors
        pairs_FB = matmul(m_FD, x_BD.mT).mul_(-2).add_(q_F1).addcmul_(s_F1, norms_1B)
        return pairs_FB.mul_(2 * grad_F.unsqueeze(-1)), None


def euclidean_pair_sums(p_FB: Tensor, x_BD: Tensor, *, of_largest: bool) -> Tensor:
    """sum_ij p_fi p_fj |x_i - x_j| over ordered pairs, [..., F]; ``of_largest``: in units of the largest distance; no
    gradient to x."""
    return _EuclideanPairSums.apply(p_FB, x_BD, of_largest)


class _EuclideanPairSums(torch.autograd.Function):
    """sum_i p_fi n_fi with n_fi = sum_j p_fj d_ij, and gradient 2 n_fi to p_fi: no distances are kept for backward."""

    @staticmethod
    def forward(ctx: Kept, p_FB: Tensor, x_BD: Tensor, of_largest: bool) -> Tensor:
        near_FB = _summed_distances(p_FB, x_BD, of_largest)
        ctx.save_for_backward(near_FB)
        return (p_FB * near_FB).sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Kept, grad_F: Tensor) -> tuple[Tensor, None, None]:
        (near_FB,) = ctx.saved_tensors
        return near_FB * (2 * grad_F.unsqueeze(-1)), None, None


def _summed_distances(p_FB: Tensor, x_BD: Tensor, of_largest: bool) -> Tensor:
    """sum_j p_fj |x_i - x_j|, [..., F, B].

    A distance is computed once for both orders of its pair, in blocks of ``BLOCK`` samples and all later ones.
    """
    near_FB, norms_B1, largest = torch.zeros_like(p_FB), squared_norms(x_BD), []
    for start in range(0, x_BD.shape[-2], BLOCK):
        block, later = slice(start, start + BLOCK), slice(start + BLOCK, None)
        distance_bB = distances(x_BD, norms_B1, start)
        near_FB[..., block] += matmul(p_FB[..., start:], distance_bB.mT)
        near_FB[..., later] += matmul(p_FB[..., block], distance_bB[..., BLOCK:])
        if of_largest:
            largest.append(distance_bB.amax((-2, -1)))
    if of_largest:
        top_11 = torch.stack(largest).amax(0)[..., None, None]
        near_FB /= torch.where(top_11 > 0, top_11, 1.0)
    return near_FB


def distances(x_BD: Tensor, norms_B1: Tensor, start: int) -> Tensor:
    """|x_i - x_j| between a block of samples and the block with all later ones, by one matrix product.

    Exactly zero for a sample and itself.
    """
    block = slice(start, start + BLOCK)
    squared_bB = matmul(x_BD[..., block, :], x_BD[..., start:, :].mT).mul_(-2)
    squared_bB.add_(norms_B1[..., block, :]).add_(norms_B1[..., start:, :].mT)
    distance_bB = squared_bB.clamp_min_(0.0).sqrt_()
    distance_bB.diagonal(dim1=-2, dim2=-1).zero_()
    return distance_bB


def squared_norms(x_BD: Tensor) -> Tensor:
    return x_BD.square().sum(-1, keepdim=True)


def _features(sizes: Sizes, features: str, run: str | None) -> nn.Module:
    where = "regularizers.sample_similarity"
    if (features == "run") != (run is not None):
        raise ConfigError(f"{where}: features=run and run=FOLDER, the folder of a finished run, go together")
    if run is not None:
        return RunFeatures(sizes, run)
    return RandomFeatures(sizes) if features == "random" else nn.Identity()


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
