"""Pairing runs of two arms by a quantity that should be equal, such as how evenly the experts are used."""

from collections.abc import Sequence

import numpy as np


def matched_pairs(ours: Sequence[float], theirs: Sequence[float], caliper: float) -> list[tuple[int, int]]:
    """Pairs of indices of runs whose values differ by at most ``caliper``, no run twice: the largest possible number of
    pairs, and among these the smallest total difference.

    Caliper matching (P. R. Rosenbaum 1989, Optimal matching for observational studies, JASA 84) as an assignment
    problem.

    Args:
        ours, theirs: one value per run of either arm.
        caliper: in the unit of the values, at least 0.
    """
    from scipy.optimize import linear_sum_assignment

    apart_nm = np.abs(np.subtract.outer(np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)))
    if apart_nm.size == 0:
        return []
    is_near_nm = apart_nm <= caliper
    # one pair beyond the caliper costs more than all pairs within it together
    cost_nm = np.where(is_near_nm, apart_nm, 1 + caliper * min(apart_nm.shape))
    pairs = zip(*linear_sum_assignment(cost_nm), strict=True)
    return [(int(one), int(other)) for one, other in pairs if is_near_nm[one, other]]
