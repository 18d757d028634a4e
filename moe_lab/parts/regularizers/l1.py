"""L1 norm of the weights, with a coefficient that adapts to a given number of active experts."""

from typing import Literal

import torch
from torch import Tensor, nn

from moe_lab.parts import (
    AnyStep,
    ConfigError,
    Gate,
    NonNegative,
    Positive,
    Reason,
    Regularizer,
    Sizes,
    Step,
    StepSizes,
    hyper,
)

#: initial lambda, as in Wang et al., and its bounds, since the way back from larger values would take long
LEAST_LAMBDA, LARGEST_LAMBDA = 1e-8, 1e8


class L1(Regularizer):
    """lambda times the L1 norm of the weights R; lambda adapts so that ``target_active`` experts are active.

    balanced: E / (k B^2) sum_e (sum_i R_ie) (#_i R_ie > 0), k = ``target_active``: experts that many samples use have a
              larger cost. At balance with k active experts it equals the plain form.
    plain:    1/B sum_ie R_ie.
    After every step lambda is multiplied by ``factor`` if more than ``target_active`` experts are active on average
    over the batch, and divided by it if fewer are; it stays within 1e-8 and 1e8. A fixed lambda has no meaning if scale
    can be exchanged between gate and experts (R / c times c f is the same), so it is not the default.
    Source: Wang, Zhu and Chen 2024 (ReMoE), arXiv:2412.14711.

    target_active: mean number of active experts per sample; at most E.
    adapt:         false keeps lambda at ``weight``.
    weight:        lambda at the start (null: 1e-8), or the fixed one, which must be given.
    factor:        of lambda in one step; 1.2 in the paper, whose runs have 60,000 steps. If lambda rises faster than
                   the scores can follow, it overshoots, and a gate that gives no sample any expert has no gradient to
                   recover (digits, 50 epochs: this happened with 1.2 in 2 of 5 seeds, in the plain form in 5 of 5, with
                   1.05 in none of 10).
    form:          "balanced" or "plain".
    Its lambda and the number of active experts per sample are logged. Needs a gate whose weights do not sum to one, and
    to adapt one that learns how many experts are active, such as relu.
    """

    reads = frozenset({"weights_BE"})

    def __init__(
        self,
        sizes: Sizes,
        *,
        target_active: Positive = 1.0,
        adapt: bool = True,
        weight: NonNegative | None = None,
        factor: Positive = 1.05,
        form: Literal["balanced", "plain"] = "balanced",
    ) -> None:
        if target_active > sizes.experts:
            raise ConfigError(
                f"regularizers.l1.target_active={target_active:g}: there are {sizes.experts} experts, so take at most "
                f"{sizes.experts}"
            )
        if weight is None and not adapt:
            raise ConfigError("regularizers.l1: adapt=false needs weight, for example regularizers.l1.weight=0.01")
        first = LEAST_LAMBDA if weight is None else weight
        super().__init__(first)
        if adapt:
            self.weight = nn.Buffer(torch.full((), first))
        self._adapt = adapt
        self._balanced = form == "balanced"
        self.target_active = hyper(target_active)
        self.factor = hyper(factor)
        self.active = hyper(0.0)

    def misfit(self, gate: Gate) -> Reason | None:
        if gate.traits.rows_sum_to_one:
            return Reason("needs a gate whose weights do not sum to one, and the L1 norm of this one's is a constant")
        if self._adapt and gate.traits.active != "learned":
            return Reason(
                "needs a gate that learns how many experts are active, and this one does not",
                ("take a fixed lambda with regularizers.l1.adapt=false and regularizers.l1.weight",),
            )
        if not self.reads & gate.moved:
            return Reason("would have no effect: it acts on the gate's weights, through which this gate learns nothing")
        return None

    def forward(self, step: Step) -> Tensor:
        weights_BE = step.routing.weights_BE
        samples, experts = weights_BE.shape[-2:]
        if not self._balanced:
            return weights_BE.sum((-2, -1)) / samples
        users_E = (weights_BE > 0).sum(-2)
        return experts / (self.target_active * samples**2) * (weights_BE.sum(-2) * users_E).sum(-1)

    def after_step(self, step: AnyStep, step_sizes: StepSizes) -> None:
        self.active.copy_((step.routing.weights_BE > 0).sum(-1).to(self.active.dtype).mean(-1))
        if self._adapt:
            self.weight.mul_(self.factor ** (self.active - self.target_active).sign())
            self.weight.clamp_(LEAST_LAMBDA, LARGEST_LAMBDA)

    def readings(self) -> dict[str, Tensor]:
        return {"lambda": self.weight, "active_experts": self.active}
