"""Equal weights."""

from torch import Tensor

from moe_lab.parts import Sizes, Weigh


class Equal(Weigh):
    """w_e = 1 / k if selected; p = softmax(z).

    The weights have no gradient. The scores are trained by an objective's own term (matching_pursuit, expert_loss), or
    by the loss of the expert that was drawn (stochastic).
    """

    rows_sum_to_one = True
    still = frozenset({"weights_BE"})

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        weights_BE = selected_BE / selected_BE.sum(-1, keepdim=True).clamp(min=1).to(logits_BE.dtype)
        return logits_BE.softmax(-1), weights_BE, weights_BE.log()
