"""Recorded layers as layers of a trace, with notes.

Axes: **T** rows, **K** slots, **E** experts, **S** rows of a sample.
"""

from collections.abc import Sequence

import numpy as np

from moe_lab.experiment.importers.router_logits import are_probabilities
from moe_lab.experiment.recording.banks import Bank
from moe_lab.routing.trace import NONE, LayerTrace


def layer_trace(
    bank: Bank, experts_TK: np.ndarray, weights_TK: np.ndarray, sample_S: np.ndarray, logits_SE: np.ndarray | None
) -> LayerTrace:
    """The layer of a bank. An expert with the weight 0 was not used, and has no slot.

    E is as large as the router's output, which also has experts without parameters, such as identities. Slots stand in
    the order of choice if no weight is larger than the one before it. Weights below 0 are none of a trace's.
    """
    used_TK = weights_TK != 0
    order_S = np.argsort(sample_S)
    kept = {} if logits_SE is None or not len(sample_S) else {"sample_S": sample_S[order_S]}
    if kept and logits_SE is not None:
        kept |= {"probs_SE" if are_probabilities(logits_SE) else "logits_SE": logits_SE[order_S]}
    return LayerTrace(
        name=bank.name,
        experts=bank.experts if logits_SE is None else max(bank.experts, logits_SE.shape[1]),
        experts_TK=np.where(used_TK, experts_TK, NONE),
        ranked=bool((weights_TK[:, :-1] >= weights_TK[:, 1:]).all()),
        weights_TK=None if (weights_TK < 0).any() else weights_TK,
        **kept,
    )


def lacks(banks: Sequence[Bank], layers: Sequence[LayerTrace]) -> dict[str, str]:
    """What the trace lacks, and why."""
    found = {}
    if shared := sorted({name for bank in banks for name in bank.shared}):
        found["shared experts"] = (
            f"{', '.join(shared)}: every row passes through them, so they are no decision and are not in the trace"
        )
    beside = sorted({one.experts - bank.experts for bank, one in zip(banks, layers, strict=True)} - {0})
    if beside:
        found["experts without parameters"] = (
            f"the last {' or '.join(map(str, beside))} of a layer are identities, or skip the layer"
        )
    if negative := [one.name for one in layers if one.weights_TK is None]:
        found["weights"] = f"some are below 0 in {', '.join(negative)}, which has no shares"
    unknown = [one.name for one in layers if one.sample_S is None]
    if unknown:
        found["distributions"] = f"the model does not declare the router's output of {', '.join(unknown)}"
    return found
