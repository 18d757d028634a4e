"""How the routing developed during training, from the validation samples' experts after each epoch and the history.

T epochs, V validation samples, E experts.
"""

import math

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.balance import COLLAPSE_SHARE
from moe_lab.metrics.formulas import ranks
from moe_lab.metrics.over_time import by_epoch, column_T, columns_TE, require_several_epochs, settled_epoch
from moe_lab.metrics.registry import Undefined, metric, require_several_experts

#: the routing counts as settled if at least this share of samples has the expert of the last epoch
SETTLED_SHARE = 0.95
#: an entropy counts as settled within this many bits of its last value
SETTLED_BITS = 0.1


@metric(unit="fraction", low=0, high=1, better="lower", source="Csordas et al. 2024, arXiv:2312.07987")
def reassigned_share(arrays: RunArrays) -> float:
    """Share of validation samples whose arg-max expert changed in the last epoch."""
    return _changed_T(arrays)[-1]


@metric(unit="fraction", low=0, high=1, better="lower", source="Csordas et al. 2024, arXiv:2312.07987")
def reassigned_share_by_epoch(arrays: RunArrays) -> dict[str, float]:
    """By epoch, the share of validation samples whose arg-max expert differs from that of the epoch before."""
    return by_epoch(_changed_T(arrays), first=2)


@metric(unit="fraction", low=0, high=1, better="none", source="Muennighoff et al. 2024, arXiv:2409.02060")
def saturation_by_epoch(arrays: RunArrays) -> dict[str, float]:
    """By epoch, the share of validation samples whose arg-max expert is that of the last epoch."""
    return by_epoch(_saturation_T(arrays))


@metric(unit="count", low=1, high=None, better="none", source="after Muennighoff et al. 2024, arXiv:2409.02060")
def routing_settled_epoch(arrays: RunArrays) -> int:
    """The first epoch from which on at least 95 % of the validation samples have the expert of the last epoch."""
    return settled_epoch(_saturation_T(arrays) >= SETTLED_SHARE)


@metric(unit="count", low=1, high=None, better="none", source="moe-lab")
def collapse_epoch(arrays: RunArrays) -> int:
    """The first epoch after which one expert has more than 95 % of the routed validation samples."""
    for epoch, expert_V in enumerate(_expert_TV(arrays), start=1):
        loads_E = np.bincount(expert_V[expert_V >= 0], minlength=1)
        if loads_E.max() > COLLAPSE_SHARE * loads_E.sum():
            return epoch
    raise Undefined("no epoch ended with more than 95 % of the routed validation samples at one expert")


@metric(unit="count", low=1, high=None, better="none", source="moe-lab")
def sample_entropy_settled_epoch(arrays: RunArrays) -> int:
    """The first epoch from which on H(E|X) of the training split stays within 0.1 bit of its last value."""
    require_several_experts(arrays)
    return _settled_bits(column_T(arrays, "train_sample_entropy_bits"))


@metric(unit="count", low=1, high=None, better="none", source="moe-lab")
def usage_entropy_settled_epoch(arrays: RunArrays) -> int:
    """The first epoch from which on the usage entropy H(E) of training stays within 0.1 bit of its last value."""
    require_several_experts(arrays)
    return _settled_bits(column_T(arrays, "train_usage_entropy_bits"))


@metric(unit="count", low=0, high=bounds.E, better="lower", source="moe-lab")
def dead_experts_by_epoch(arrays: RunArrays) -> dict[str, float]:
    """By epoch, the number of experts that were the arg-max of no training sample during the epoch."""
    require_several_experts(arrays)
    return by_epoch((columns_TE(arrays, "load_share") == 0).sum(1))


@metric(unit="ratio", low=-1, high=1, better="none", source="Spearman 1904; Shazeer et al. 2017, arXiv:1701.06538")
def rich_get_richer(arrays: RunArrays) -> float:
    """Rank correlation of the experts' usage shares in the first epoch with those in the last; 1: the same order."""
    require_several_experts(arrays)
    share_TE = columns_TE(arrays, "usage_share")
    require_several_epochs(len(share_TE))
    first_E, last_E = (ranks(share_E) - (arrays.experts + 1) / 2 for share_E in share_TE[[0, -1]])
    if not (first_E.any() and last_E.any()):
        raise Undefined("all experts have the same share")
    return float(first_E @ last_E) / math.sqrt((first_E @ first_E) * (last_E @ last_E))


def _expert_TV(arrays: RunArrays) -> np.ndarray:
    require_several_experts(arrays)
    return arrays.stored("assignments")["expert"]


def _changed_T(arrays: RunArrays) -> np.ndarray:
    expert_TV = _expert_TV(arrays)
    require_several_epochs(len(expert_TV))
    return (expert_TV[1:] != expert_TV[:-1]).mean(1)


def _saturation_T(arrays: RunArrays) -> np.ndarray:
    expert_TV = _expert_TV(arrays)
    return (expert_TV == expert_TV[-1]).mean(1)


def _settled_bits(bits_T: np.ndarray) -> int:
    return settled_epoch(np.abs(bits_T - bits_T[-1]) <= SETTLED_BITS)
