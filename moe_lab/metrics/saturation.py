"""How early in training the rows of a network's mixture layers select the experts that they select at its end.

Axes: P steps of training, L mixture layers, T rows of validation samples, E experts of the layer with most of them.
"""

import math

import numpy as np

from moe_lab.metrics.network_arrays import LayerArrays
from moe_lab.metrics.registry import Undefined, metric

#: shares of the steps of training after which the selected experts are kept; 0 is the untrained network
SHARES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
#: most rows whose selected experts are kept
MOST_ROWS = 4096


def step_of(share: float, steps: int) -> int:
    """The first step, counted from 1, by whose end a share of all steps is done; 0 before the first."""
    return math.ceil(share * steps)


def kept_steps(steps: int) -> list[int]:
    """The steps after which the selected experts are kept, the last one among them."""
    return sorted({steps} | {step_of(share, steps) for share in SHARES})


@metric(unit="fraction", low=0, high=1, better="none", source="Muennighoff et al. 2024, OLMoE, arXiv:2409.02060")
def saturation_by_step(arrays: LayerArrays) -> dict[str, float]:
    """By share of the steps, the share of a row's last selected experts that it selects already then, mean over rows.

    Over the rows of up to 4,096 rows' worth of evenly spaced validation samples that select an expert at the end of
    training. The share 0 is the untrained network.
    """
    stored = arrays.file("selections")
    place = {step: p for p, step in enumerate(stored["step"].tolist())}
    share_P = saturation(stored["selected"][:, arrays.number])
    return {f"{share:g}": float(share_P[place[step_of(share, max(place))]]) for share in SHARES}


def saturation(selected_PTE: np.ndarray) -> np.ndarray:
    """mean_t |A_pt and A_t| / |A_t| for each step p, [P], A_t the experts that row t selects at the last one; over rows
    that select any then. Raises Undefined without such a row."""
    last_TE = selected_PTE[-1]
    size_T = last_TE.sum(1)
    shared_PT = (selected_PTE & last_TE).sum(2)
    there_T = size_T > 0
    if not there_T.any():
        raise Undefined("no row selects an expert at the end")
    shares_P: np.ndarray = (shared_PT[:, there_T] / size_T[there_T]).mean(1)
    return shares_P
