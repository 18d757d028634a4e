"""The experts of mixture layers: feed-forward networks from a layer's width to the same width."""

from torch import Tensor

from moe_lab.parts import Config, ConfigError, Count, ExpertCount, Experts, Sizes, ValueOutput
from moe_lab.parts.networks.feed_forward import Activation, FeedForward


class Ffn(Experts):
    """E feed-forward networks whose outputs are values: they predict nothing, and are the experts of mixture layers.

    y_e = a(x W_e + b_e) V_e + c_e, a ReLU or GELU; with swiglu (silu(x W_e + b_e) * (x U_e + d_e)) V_e + c_e. The
    features that gates and regularizers may read are x W_e + b_e.
    Source: Shazeer et al. 2017, arXiv:1701.06538 (relu); Jiang et al. 2024 (Mixtral), arXiv:2401.04088 (swiglu, no
    bias); Dai et al. 2024 (DeepSeekMoE), arXiv:2401.06066 (fine-grained experts).

    count:        the number of experts, of which E = count x fine_grained are made.
    hidden:       the width of an expert's hidden layer before it is divided; null: four times the layer's width.
    activation:   "relu", "gelu" or "swiglu".
    bias:         whether the linear layers have biases.
    fine_grained: m: every expert is m experts of the width H = hidden / m, and k m are selected. The active parameters
                  stay equal, but for the output biases.
    Raises ConfigError if m does not divide ``hidden``.
    """

    runs_sparse = True
    predicts = False

    def __init__(
        self,
        sizes: Sizes,
        *,
        count: ExpertCount = 8,
        hidden: Count | None = None,
        activation: Activation = "relu",
        bias: bool = True,
        fine_grained: Count = 1,
    ) -> None:
        whole = hidden or 4 * sizes.features
        if whole % fine_grained:
            raise ConfigError(
                f"experts.fine_grained={fine_grained} does not divide experts.hidden={whole}: take a divisor of it"
            )
        width = whole // fine_grained

        def network() -> FeedForward:
            return FeedForward(sizes.features, width, activation, bias)

        super().__init__(count * fine_grained, network, width)
        self.activation: Activation = activation
        self.bias = bias

    @classmethod
    def fineness(cls, options: Config) -> int:
        return options["fine_grained"]

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> ValueOutput:
        return ValueOutput(last_EBO.transpose(-3, -2), hidden_BEH)
