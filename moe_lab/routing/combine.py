"""The two rules by which a mixture combines its experts, in log space.

``probabilities``: q = sum_e w_e P_e, for rows of weights that sum to one over at least two experts.
``logits``: q = softmax(sum_e w_e l_e), for k = 1 and for weights that are no distribution. With k = 1 the probability
rule would give the gate the same gradient whether the chosen expert is right or wrong; with other weights its loss
would have no lower bound.
"""

from dataclasses import replace
from typing import Literal

from torch import Tensor

from moe_lab.errors import given
from moe_lab.routing.decision import Routing


def combine_probabilities(routing: Routing, log_probs_BEC: Tensor) -> Tensor:
    """log q_BC = logsumexp_e(log w_e + log P_e), from the gate's own log-weights.

    Log-weights are never exponentiated: an expert whose weight is 0 in floating point but finite in log space still
    contributes, and its gate still learns. An expert that is not selected (-inf) adds neither value nor gradient.
    """
    log_weights_BE = given(routing.log_weights_BE, "log_weights_BE")
    return (log_weights_BE.unsqueeze(-1) + log_probs_BEC).logsumexp(-2)


def combine_logits(routing: Routing, log_probs_BEC: Tensor) -> Tensor:
    """log q_BC = log_softmax_c(sum_e w_e l_ec).

    Log-probabilities serve as logits: they differ from logits by a constant in c, which log_softmax removes. A row
    without any weight predicts the uniform distribution (loss log C).
    """
    return weighted_sum(routing.weights_BE, log_probs_BEC).log_softmax(-1)


def weighted_sum(weights_BE: Tensor, values_BEO: Tensor) -> Tensor:
    """sum_e w_e values_e, [..., B, O]."""
    # a product and a sum, because many small matrix products take two and a half times as long on a CPU
    return (weights_BE.unsqueeze(-1) * values_BEO).sum(-2)


#: name -> rule that combines the experts of a mixture
Rule = Literal["probabilities", "logits"]
RULES = {"probabilities": combine_probabilities, "logits": combine_logits}


def combine_selected(rule: Rule, k: int, routing: Routing, log_probs_BEC: Tensor) -> Tensor:
    """``RULES[rule]`` over only the selected experts of each sample, at most k; the others have weight zero.

    The values are the same up to rounding, at E/k times less time and memory.
    """
    chosen_BK = routing.selected_BE.int().argsort(dim=-1, descending=True, stable=True)[..., :k]
    log_weights_BE = routing.log_weights_BE
    narrow = replace(
        routing,
        weights_BE=routing.weights_BE.gather(-1, chosen_BK),
        log_weights_BE=None if log_weights_BE is None else log_weights_BE.gather(-1, chosen_BK),
    )
    index_BKC = chosen_BK.unsqueeze(-1).expand(*chosen_BK.shape, log_probs_BEC.shape[-1])
    return RULES[rule](narrow, log_probs_BEC.gather(-2, index_BKC))
