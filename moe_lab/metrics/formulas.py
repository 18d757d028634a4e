"""Plug-in entropy and mutual information in bits, from counts or from non-negative weights.

Axes: E experts, C classes (or the values of any other column); ``...`` any axes before the last.
"""

import numpy as np

#: most numbers whose logarithms and products are in memory at once
AT_A_TIME = 2**20


def entropy_bits(weights: np.ndarray) -> np.ndarray:
    """H(p) = -sum_i p_i log2 p_i with p = weights / sum(weights) along the last axis, and 0 log 0 = 0.

    C. E. Shannon, A Mathematical Theory of Communication, 1948, section 6.

    Args:
        weights: ``[..., E]``, counts or weights, non-negative.
    Returns: ``[...]``, in bits, between 0 and log2 E.
    Raises: ValueError if the sum of a row is not positive.
    """
    if weights.ndim > 1 and weights.size > AT_A_TIME:
        parts = -(-weights.size // AT_A_TIME)
        return np.concatenate([entropy_bits(part) for part in np.array_split(weights, min(parts, len(weights)))])
    totals = weights.sum(-1, keepdims=True, dtype=np.float64)
    if not (totals > 0).all():
        raise ValueError("entropy of a row of zeros is undefined: leave such rows out and count them")
    p = weights / totals
    log2_p = np.log2(p, out=np.zeros_like(p), where=p > 0)
    # 0 - x and not -x, so that the entropy of a certain outcome is 0.0, not -0.0
    return 0.0 - (p * log2_p).sum(-1)


def mutual_information_bits(joint_EC: np.ndarray) -> float:
    """I(E;C) = sum_ec p_ec log2(p_ec / (p_e p_c)) of a joint table of counts or weights, without bias correction.

    T. M. Cover and J. A. Thomas, Elements of Information Theory, 2006, eq. 2.28. With counts n the logarithm is of n_ec
    n / (n_e n_c), a ratio of whole numbers, so that a table of independent rows gives exactly 0.

    Args:
        joint_EC: ``[E, C]``, counts or weights, non-negative.
    Returns: bits, between 0 and min(H(E), H(C)).
    Raises: ValueError if the table is empty.
    """
    joint_EC = np.asarray(joint_EC, dtype=np.float64)
    total = joint_EC.sum()
    if not total > 0:
        raise ValueError("mutual information of an empty table")
    outer_EC = joint_EC.sum(1, keepdims=True) * joint_EC.sum(0, keepdims=True)
    filled = joint_EC > 0
    information = (joint_EC[filled] / total * np.log2(joint_EC[filled] * total / outer_EC[filled])).sum()
    # the plug-in value is never negative; a sum of rounded terms may be, by some 1e-17
    return max(0.0, float(information))


def conditional_entropy_bits(joint_EC: np.ndarray) -> float:
    """H(C|E) = sum_e p_e H(C|E=e) of a joint table of counts or weights; rows of zeros are ignored.

    T. M. Cover and J. A. Thomas, Elements of Information Theory, 2006, eq. 2.10.

    Args:
        joint_EC: ``[E, C]``, counts or weights, non-negative, not all zero.
    Returns: bits, between 0 and log2 C.
    """
    rows_EC = joint_EC[joint_EC.sum(1) > 0]
    return float(np.average(entropy_bits(rows_EC), weights=rows_EC.sum(1)))


def miller_madow_bits(counts: np.ndarray) -> float:
    """H + (m - 1) / (2 N ln 2): the plug-in entropy of N samples in m non-empty cells, corrected for its bias.

    G. A. Miller, Note on the bias of information estimates, 1955. For counts only: weights have no N.

    Args:
        counts: whole numbers of any shape, not all zero.
    Returns: bits; it may exceed the logarithm of the number of cells.
    """
    filled = counts[counts > 0]
    return float(entropy_bits(filled)) + (len(filled) - 1) / (2 * filled.sum() * np.log(2))


def mutual_information_miller_madow_bits(counts_EC: np.ndarray) -> float:
    """H(E) + H(C) - H(E,C), each by ``miller_madow_bits``. It may be negative and is not clipped."""
    parts = (counts_EC.sum(1), counts_EC.sum(0), counts_EC)
    of_expert, of_class, joint = (miller_madow_bits(counts) for counts in parts)
    return of_expert + of_class - joint


def conditional_information_bits(given_M: np.ndarray, one_M: np.ndarray, other_M: np.ndarray) -> tuple[float, float]:
    """I(Y;Z|E) = sum p_eyz log2(p_eyz p_e / (p_ey p_ez)) of three columns of whole numbers: plug-in and Miller-Madow.

    T. M. Cover and J. A. Thomas, Elements of Information Theory, 2006, eq. 2.60. The second is H(E,Y) + H(E,Z) -
    H(E,Y,Z) - H(E), each by Miller and Madow, not clipped. Only non-empty cells are kept, at most M, so memory does not
    grow with the product of the columns' values.

    Args:
        given_M, one_M, other_M: E, Y and Z of the M samples, counted from 0; M is positive.
    Returns: bits, the first between 0 and min(H(Y), H(Z)).
    """
    one_pair_M, other_pair_M = cells(given_M, one_M), cells(given_M, other_M)
    columns = [cells(given_M), one_pair_M, other_pair_M, cells(one_pair_M, other_M)]
    counts = [np.bincount(column_M) for column_M in columns]
    given, pair, other, joint = (count[column_M] for count, column_M in zip(counts, columns, strict=True))
    plug_in = np.log2(joint * given / (pair * other)).mean()
    corrected = [miller_madow_bits(count) for count in counts]
    # as in mutual_information_bits, a sum of rounded terms may be negative
    return max(0.0, float(plug_in)), corrected[1] + corrected[2] - corrected[3] - corrected[0]


def cells(*columns: np.ndarray) -> np.ndarray:
    """Each sample's cell in the joint table of integer columns, as an integer from 0 without gaps."""
    cell_M = np.zeros(len(columns[0]), dtype=np.int64)
    for column_M in columns:
        cell_M = np.unique(cell_M * (int(column_M.max(initial=0)) + 1) + column_M, return_inverse=True)[1]
    return cell_M


def cell_counts(cell_M: np.ndarray) -> np.ndarray:
    """Number of samples of each non-empty cell, in the order of the cells' numbers."""
    if int(cell_M.max(initial=0)) > 8 * len(cell_M):
        return np.unique(cell_M, return_counts=True)[1]
    counts = np.bincount(cell_M)
    return counts[counts > 0]


def weighted_table(weights_ME: np.ndarray, column: np.ndarray, values: int) -> np.ndarray:
    """sum_i w_ie [column_i = c], ``[E, C]``: the weight of each expert in the samples of each value.

    Args:
        weights_ME: non-negative.
        column:     whole numbers in 0 .. values - 1, ``[M]``, or ``[M, E]`` if each expert has its own.
    """
    column_ME = np.broadcast_to(column if column.ndim == 2 else column[:, None], weights_ME.shape)
    rows = [np.bincount(own, weights, values) for own, weights in zip(column_ME.T, weights_ME.T, strict=True)]
    return np.stack(rows)


def arg_max(amounts_NE: np.ndarray) -> np.ndarray:
    """The expert of the largest amount in each row; the lowest index on ties, -1 if none is positive."""
    return np.where((amounts_NE > 0).any(-1), amounts_NE.argmax(-1), -1)


def coefficient_of_variation(amounts_E: np.ndarray) -> float:
    """Standard deviation of the E amounts (biased: divided by E) over their mean, which must be positive."""
    return float(amounts_E.std() / amounts_E.mean())


def gini(amounts_E: np.ndarray) -> float:
    """sum_ij |a_i - a_j| / (2 E^2 mean): 0 if all are equal, 1 - 1/E if one has everything.

    C. Gini, Variabilita e mutabilita, 1912.

    Args:
        amounts_E: non-negative, not all zero.
    """
    apart_EE = np.abs(amounts_E[:, None] - amounts_E[None, :])
    return float(apart_EE.mean() / (2 * amounts_E.mean()))


def ranks(values_E: np.ndarray) -> np.ndarray:
    """Ranks from 1 in rising order; equal values get the mean of their ranks."""
    below_E = (values_E[None, :] < values_E[:, None]).sum(1)
    equal_E = (values_E[None, :] == values_E[:, None]).sum(1)
    return below_E + (equal_E + 1) / 2
