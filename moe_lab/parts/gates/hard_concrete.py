"""L0: gate values that are exactly zero, exactly one, or between."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from moe_lab.parts import Combine, ExpertsOutput, Gate, Noise, Positive, Range, Routing, Score, Sizes, Traits, hyper


class HardConcrete(Gate):
    """g_e = min(1, max(0, s_e (zeta - gamma) + gamma)), s_e = sigmoid((logit u + z_e) / beta), u ~ U(0, 1).

    z = log alpha is not clamped. At test s_e = sigmoid(z_e), without noise. Each expert is active independently of the
    others: rows do not sum to one and may be all zero, and k is E, since the gate itself decides how many are active. A
    weight at 0 or 1 has no gradient; in training the noise moves it away from there. The routing's extras have the
    probability that a weight is not zero in training, ``l0_BE`` = sigmoid(z_e - beta log(-gamma / zeta)), for the
    regularizer l0; probs are l0_BE with rows divided by their sums.
    Source: Louizos, Welling and Kingma 2018, Learning sparse neural networks through L0 regularization,
    arXiv:1712.01312, eq. 10 to 13.

    score:   inputs -> z.
    beta:    temperature of the concrete distribution.
    gamma:   lower end of the stretched interval, below 0.
    zeta:    upper end, above 1.
    k:       null; every expert.
    combine: "logits"; null: resolved when the config is composed.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        score: Score,
        beta: Positive = 2 / 3,
        gamma: Annotated[float, Range(lt=0)] = -0.1,
        zeta: Annotated[float, Range(gt=1)] = 1.1,
        k: None = None,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.score = score
        self.beta_11, self.gamma_11, self.zeta_11 = hyper(beta, 2), hyper(gamma, 2), hyper(zeta, 2)

    @property
    def traits(self) -> Traits:
        return Traits(
            rows_sum_to_one=False,
            active="learned",
            k="every",
            reads_experts=self.score.reads_experts,
            extras=frozenset({"l0_BE"}),
        )

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        logits_BE = self.score(x_BD, experts, noise)
        concrete_BE = self._drawn(logits_BE, noise) if self.training else logits_BE.sigmoid()
        weights_BE = (concrete_BE * (self.zeta_11 - self.gamma_11) + self.gamma_11).clamp(0, 1)
        shifted_BE = logits_BE - self.beta_11 * (-self.gamma_11 / self.zeta_11).log()
        probs_BE = functional.logsigmoid(shifted_BE).softmax(-1)
        extras = {"l0_BE": shifted_BE.sigmoid()}
        return Routing(probs_BE, weights_BE, weights_BE > 0, None, logits_BE, extras)

    def _drawn(self, logits_BE: Tensor, noise: Noise) -> Tensor:
        return ((noise.uniform(logits_BE).logit() + logits_BE) / self.beta_11).sigmoid()
