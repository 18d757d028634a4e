"""How early in training the rows of a network's mixture layers select their experts of the end.

Axes: P steps of training, L mixture layers, T rows of validation samples, E experts of the layer with most of them.
"""

import math

import numpy as np

from moe_lab.metrics.network_arrays import LayerArrays
from moe_lab.metrics.registry import Undefined, metric

#: shares of the training steps after which the selected experts are stored; 0 is the untrained network
SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
#: most rows whose selected experts are stored
MOST_ROWS = 4096


def step_of(share: float, steps: int) -> int:
    """The number of steps for a share of all steps, rounded up; 0 is before the first step."""
    return math.ceil(share * steps)


def kept_steps(steps: int) -> list[int]:
    """The steps after which the selected experts are stored, including the last one."""
    return sorted({steps} | {step_of(share, steps) for share in SHARES})


@metric(unit="fraction", low=0, high=1, better="none", source="Muennighoff et al. 2024, OLMoE, arXiv:2409.02060")
def saturation_by_step(arrays: LayerArrays) -> dict[str, float]:
    """By share of the steps, the share of a row's experts at the end that it already selects then, mean over rows.

    The mean is over up to 4,096 rows of evenly spaced validation samples, those that select an expert at the end. The
    share 0 is the untrained network.
    """
    stored = arrays.file("selections")
    place = {step: p for p, step in enumerate(stored["step"].tolist())}
    share_P = saturation(stored["selected"][:, arrays.number])
    return {f"{share:g}": float(share_P[place[step_of(share, max(place))]]) for share in SHARES}


def saturation(selected_PTE: np.ndarray) -> np.ndarray:
    """mean_t |A_pt and A_t| / |A_t| for each step p, [P], with A_t the experts that row t selects at the last step.

    The mean is over rows that select any then. Raises Undefined if there is no such row.
    """
    last_TE = selected_PTE[-1]
    size_T = last_TE.sum(1)
    shared_PT = (selected_PTE & last_TE).sum(2)
    there_T = size_T > 0
    if not there_T.any():
        raise Undefined("no row selects an expert at the end")
    shares_P: np.ndarray = (shared_PT[:, there_T] / size_T[there_T]).mean(1)
    return shares_P
