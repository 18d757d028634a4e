"""The experts of mixture layers: feed-forward networks from a layer's width to the same width."""

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from moe_lab.parts import (
    Computed,
    Config,
    ConfigError,
    Count,
    ExpertCount,
    Experts,
    GroupedRows,
    NonNegativeInt,
    Sizes,
    ValueOutput,
)
from moe_lab.parts.networks.feed_forward import Activation, FeedForward
from moe_lab.parts.networks.idle import Idle


class Ffn(Experts):
    """E feed-forward networks with values as outputs, not predictions: the experts of mixture layers.

    y_e = a(x W_e + b_e) V_e + c_e, a ReLU or GELU; with swiglu (silu(x W_e + b_e) * (x U_e + d_e)) V_e + c_e. The
    features that gates and regularizers may read are x W_e + b_e.
    After them come experts without a network, which count in E and k like the others, so that the gate can send rows
    that need little computing to them. Zero experts output 0, copy experts x, constant experts a_1 x + a_2 v, with v a
    trained vector and (a_1, a_2) = softmax(x W).
    Source: Shazeer et al. 2017, arXiv:1701.06538 (relu); Jiang et al. 2024 (Mixtral), arXiv:2401.04088 (swiglu, no
    bias); Dai et al. 2024 (DeepSeekMoE), arXiv:2401.06066 (fine-grained experts); Jin et al. 2024 (MoE++),
    arXiv:2410.07348, eq. 3 to 5 (zero, copy, constant).

    count:        the number of experts with a network.
    hidden:       the width of an expert's hidden layer before it is divided; null: four times the layer's width.
    activation:   "relu", "gelu" or "swiglu".
    bias:         whether the linear layers have biases.
    fine_grained: m: every expert is m experts of the width H = hidden / m, and k m are selected. The number of active
                  parameters stays equal, except for the output biases. E = m (count + zero + copy + constant).
    zero:         experts that output 0.
    copy:         experts that output their input. Jin et al. take 1, 1 and 2 of the three kinds with 8 or 16 others.
    constant:     experts that output a weighted mean of their input and a constant.
    Raises ConfigError if m does not divide ``hidden``.
    """

    runs_sparse = True
    predicts = False
    absent: ClassVar[Mapping[str, Any]] = {"zero": 0, "copy": 0, "constant": 0}

    def __init__(
        self,
        sizes: Sizes,
        *,
        count: ExpertCount = 8,
        hidden: Count | None = None,
        activation: Activation = "relu",
        bias: bool = True,
        fine_grained: Count = 1,
        zero: NonNegativeInt = 0,
        copy: NonNegativeInt = 0,
        constant: NonNegativeInt = 0,
    ) -> None:
        whole = hidden or 4 * sizes.features
        if whole % fine_grained:
            raise ConfigError(
                f"experts.fine_grained={fine_grained} does not divide experts.hidden={whole}: take a divisor of it"
            )
        width = whole // fine_grained

        def network() -> FeedForward:
            return FeedForward(sizes.features, width, activation, bias)

        computing, kinds = fine_grained * count, [fine_grained * kind for kind in (zero, copy, constant)]
        super().__init__(computing, network, width)
        self.count += sum(kinds)
        self.idle = Idle(sizes.features, computing, *kinds) if sum(kinds) else None
        self.activation: Activation = activation
        self.bias = bias

    @property
    def computing(self) -> int:
        return self.count if self.idle is None else self.idle.first

    def compute(self, inputs: Tensor | GroupedRows) -> Computed:
        return self.bank(inputs) if self.idle is None else self.idle.beside(self.bank, inputs)

    @classmethod
    def offered(cls, options: Config) -> int:
        return sum(options[kind] for kind in ("count", *cls.absent))

    @classmethod
    def fineness(cls, options: Config) -> int:
        return options["fine_grained"]

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> ValueOutput:
        return ValueOutput(last_EBO.transpose(-3, -2), hidden_BEH)
