"""Softmax weights."""

from torch import Tensor

from moe_lab.parts import Projection, log_softmax


class Softmax(Projection):
    """p = softmax(z / T); the weights are p over all experts, or p renormalized over the selected ones.

    Over the selected (k >= 2): w_e = exp(z_e / T) / sum_{selected} exp(z / T), as in Shazeer et al. 2017
    (arXiv:1701.06538) and Mixtral (Jiang et al. 2024, arXiv:2401.04088). Over all: w_e = p_e if selected, as in Switch
    (Fedus et al. 2021, arXiv:2101.03961) for k = 1.

    over:        "all", "selected", or null: all for k = 1, selected otherwise.
    temperature: T.
    Raises ConfigError for k = 1 renormalized over the selected: that weight is always one, and gives the gate no
    gradient.
    """

    def project(self, scores_BE: Tensor) -> Tensor:
        return log_softmax(scores_BE)
