"""Experts that see slots, mixtures of a sample's parts, in place of samples.

Axes besides the usual ones: **S** slots of an expert.
"""

from torch import Tensor, nn

from moe_lab.layers.linear import log_softmax
from moe_lab.routing.outputs import ExpertOutput


def on_slots(bank: nn.Module, slots_BESI: Tensor, log_shares_BES: Tensor) -> ExpertOutput:
    """What every expert of a bank predicts from its slots: the mixture of the predictions, weighted by the slots'
    shares, log P_e = log sum_s share_s P_e(slot s); and the weighted mean of its hidden features.

    slots_BESI:     what the experts see, [..., B, E, S, I].
    log_shares_BES: logarithms of weights that sum to one over an expert's slots.
    """
    samples, _, slots, _ = slots_BESI.shape[-4:]
    hidden_EXH, logits_EXC = bank(slots_BESI.movedim(-4, -3).flatten(-3, -2))
    log_probs_BESC = _by_sample(log_softmax(logits_EXC), samples, slots)
    log_probs_BEC = (log_shares_BES.unsqueeze(-1) + log_probs_BESC).logsumexp(-2)
    if hidden_EXH is None:
        return ExpertOutput(log_probs_BEC, None)
    hidden_BESH = _by_sample(hidden_EXH, samples, slots)
    return ExpertOutput(log_probs_BEC, (log_shares_BES.exp().unsqueeze(-1) * hidden_BESH).sum(-2))


def _by_sample(rows_EXO: Tensor, samples: int, slots: int) -> Tensor:
    return rows_EXO.unflatten(-2, (samples, slots)).movedim(-4, -3)
