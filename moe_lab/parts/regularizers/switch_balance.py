"""Switch balance: no expert gets both many samples and much probability."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor
from torch.nn import functional

from moe_lab.parts import AnyStep, ConfigError, Gate, NonNegative, Positive, Reason, Sizes, hyper
from moe_lab.parts.batch_statistics import BATCH, BatchStatistic, Sums

FIRST = "take regularizers.switch_balance.share=first"


class SwitchBalance(BatchStatistic):
    """E sum_e t_e F_e P_e, F_e the share of the batch that chose expert e, P_e its mean probability.

    t_e is 1, and ``tau`` for experts that compute nothing (zero, copy and constant experts of mixture layers): with a
    smaller tau more rows go to them.

    F counts choices before capacity. P is the mean of the full distribution before selection; the gradient flows
    through P alone. 1 at balance, which is not its least value: where F and P are large for different experts it is
    below 1.
    Source: Fedus, Zoph and Shazeer 2021 (Switch Transformer), arXiv:2101.03961, eq. 4 to 6; Jin et al. 2024 (MoE++),
    arXiv:2410.07348, eq. 7 (tau; without the factor E, and with the share "samples").

    weight: its coefficient; Fedus et al. take 0.01. Coefficients of code bases with other shares differ by the factor
            k.
    share:  F_e for k > 1: "assignments", c_e / sum_e c_e with c_e the number of samples that chose e (MegaBlocks,
            Megatron-LM); "samples", c_e / B, which makes the value k at balance (Flaxformer, Transformers); "first",
            only each sample's most probable expert counts (ST-MoE, V-MoE). For k = 1 the three are equal.
    scope:  of shares and means: moe_lab.parts.batch_statistics.
    tau:    Jin et al. take 0.75 and try 0.1 to 1.
    Raises ConfigError for another tau than 1 if all experts compute something.
    Needs at least two experts; for shares other than "first" a gate that neither gives every sample every expert
    nor gives all experts the same load by construction.
    """

    absent: ClassVar[Mapping[str, Any]] = {**BatchStatistic.absent, "tau": 1.0}
    least_experts: ClassVar[int] = 2
    reads = frozenset({"probs_BE"})

    def __init__(
        self,
        sizes: Sizes,
        *,
        weight: NonNegative = 0.01,
        share: Literal["assignments", "samples", "first"] = "assignments",
        scope: str = BATCH,
        tau: Positive = 1.0,
    ) -> None:
        super().__init__(weight, scope)
        if tau != 1 and not sizes.idle:
            raise ConfigError(
                f"regularizers.switch_balance.tau={tau:g} weighs experts that compute nothing, and there are none: "
                "take tau=1, or in a network experts.zero=1"
            )
        self._share = share
        self._idle = sizes.idle
        self.tau = hyper(tau)

    def misfit(self, gate: Gate) -> Reason | None:
        if self._share == "first":
            return None
        if gate.traits.balanced:
            lacks = "needs a gate that may load experts unevenly, and this one gives all the same number of samples"
            return Reason(lacks, (FIRST,))
        if gate.traits.active != "learned" and gate.sizes.k == gate.sizes.experts:
            return Reason(
                "needs a gate that selects, since with k equal to experts.count every share is the same and nothing is "
                "balanced",
                ("lower k", FIRST),
            )
        return None

    def rows(self, step: AnyStep) -> dict[str, Tensor]:
        probs_BE, chosen_BE = step.routing.probs_BE, step.routing.chosen_BE
        if self._share == "first":
            chosen_BE = functional.one_hot(probs_BE.argmax(-1), probs_BE.shape[-1])
        return {"chosen": chosen_BE.to(probs_BE.dtype), "probs": probs_BE}

    def value(self, sums: Sums, count_1: Tensor) -> Tensor:
        chosen_E, mean_E = sums["chosen"], sums["probs"] / count_1
        if self._share == "assignments":
            # a batch that no expert got has no shares
            share_E = chosen_E / chosen_E.sum(-1, keepdim=True).clamp(min=1)
        else:
            share_E = chosen_E / count_1
        of_each_E = share_E * mean_E
        computing, idle = of_each_E.split([mean_E.shape[-1] - self._idle, self._idle], -1)
        return mean_E.shape[-1] * (computing.sum(-1) + self.tau * idle.sum(-1))
