"""The two rules by which a mixture combines its experts, in log space (DESIGN: the right combination).

``probabilities``: q = sum_e w_e P_e, for rows of weights that sum to one over at least two experts.
``logits``: q = softmax(sum_e w_e l_e), for k = 1 and for weights that are no distribution. There the probability rule
would give the gate the same gradient whether the chosen expert is right or wrong, or a loss without a lower bound.
"""

import torch
from torch import Tensor


def combine_probabilities(weights_BE: Tensor, log_probs_BEC: Tensor) -> Tensor:
    """log q_BC = log sum_e w_e P_e, without ever taking the logarithm of a weight.

    With m the largest log-probability among experts of positive weight:
    log q = m + log sum_{w_e > 0} w_e exp(log P_e - m), masked before the exponential, so an expert of weight zero
    adds neither a value nor a gradient. A row without any weight gives -inf.
    """
    weights_BE1 = weights_BE.unsqueeze(-1)
    masked_BEC = log_probs_BEC.masked_fill(weights_BE1 <= 0, -torch.inf)
    top_B1C = masked_BEC.detach().amax(-2, keepdim=True)
    top_B1C = top_B1C.where(top_B1C.isfinite(), 0.0)
    mass_BC = (weights_BE1 * (masked_BEC - top_B1C).exp()).sum(-2)
    return top_B1C.squeeze(-2) + mass_BC.log()


def combine_logits(weights_BE: Tensor, log_probs_BEC: Tensor) -> Tensor:
    """log q_BC = log_softmax_c(sum_e w_e l_ec).

    Log-probabilities serve as logits: they differ by a constant in c, which log_softmax takes out again. A row
    without any weight predicts every class alike (loss log C).
    """
    return (weights_BE.unsqueeze(-2) @ log_probs_BEC).squeeze(-2).log_softmax(-1)


RULES = {"probabilities": combine_probabilities, "logits": combine_logits}
