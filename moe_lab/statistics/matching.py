"""Which expert of one run is which of another: matching, and how much two routings agree.

Axes: N samples, E experts of the one run, F of the other, C classes. An expert of -1 is a sample that no expert got;
such samples are left out of a pair.
"""

from dataclasses import dataclass

import numpy as np


def match_experts(table_EF: np.ndarray) -> np.ndarray:
    """For each expert of the one run its partner in the other, so that the most samples are shared (Hungarian method,
    H. W. Kuhn 1955); -1 where there are fewer experts on the other side.

    Args:
        table_EF: samples that have this expert here and that one there (``co_assignment``).
    Returns: ``[E]``.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table_EF, maximize=True)
    partner_E = np.full(len(table_EF), -1)
    partner_E[rows] = columns
    return partner_E


def matched_share(table_EF: np.ndarray) -> float:
    """Share of the samples on which two runs agree after their experts were matched."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table_EF, maximize=True)
    return float(table_EF[rows, columns].sum() / table_EF.sum())


def co_assignment(expert_N: np.ndarray, other_N: np.ndarray, experts: int, others: int) -> np.ndarray:
    """``[E, F]``: how many samples each pair of experts shares."""
    return np.bincount(expert_N * others + other_N, minlength=experts * others).reshape(experts, others)


@dataclass(frozen=True)
class Margins:
    """What a null that permutes within the true class leaves as it is: ``[C, E]`` and ``[C, F]`` counts."""

    here_CE: np.ndarray
    there_CF: np.ndarray

    @staticmethod
    def of(expert_N: np.ndarray, other_N: np.ndarray, class_N: np.ndarray, experts: int, others: int) -> "Margins":
        classes = int(class_N.max()) + 1
        here = np.bincount(class_N * experts + expert_N, minlength=classes * experts).reshape(classes, experts)
        there = np.bincount(class_N * others + other_N, minlength=classes * others).reshape(classes, others)
        return Margins(here, there)

    def expected_pairs(self) -> float:
        """Expected number of pairs of samples that are together in both runs: sum_ef E[n_ef (n_ef - 1) / 2].

        n_ef is a sum over classes of independent hypergeometric numbers, so its mean and variance add.
        """
        n_C11 = np.maximum(self.here_CE.sum(1), 1).astype(np.float64)[:, None, None]
        a_CE1, b_C1F = self.here_CE[:, :, None].astype(np.float64), self.there_CF[:, None, :].astype(np.float64)
        mean_CEF = a_CE1 * b_C1F / n_C11
        variance_CEF = mean_CEF * (n_C11 - a_CE1) * (n_C11 - b_C1F) / (n_C11 * np.maximum(n_C11 - 1, 1))
        mean_EF = mean_CEF.sum(0)
        return float((variance_CEF.sum(0) + mean_EF**2 - mean_EF).sum() / 2)

    def drawn(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        """``[draws, E, F]`` co-assignment tables under the null."""
        tables = np.zeros((draws, self.here_CE.shape[1], self.there_CF.shape[1]))
        for here_E, there_F in zip(self.here_CE, self.there_CF, strict=True):
            used_e, used_f = np.flatnonzero(here_E), np.flatnonzero(there_F)
            tables[:, used_e[:, None], used_f] += _random_tables(here_E[used_e], there_F[used_f], draws, rng)
        return tables


def _random_tables(rows_e: np.ndarray, columns_f: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Random tables with these positive margins. Of one row or one column there is only one; SciPy 1.17.1 gives
    negative numbers there, and where a margin is 0."""
    from scipy.stats import random_table

    if min(len(rows_e), len(columns_f)) <= 1:
        return np.outer(rows_e, columns_f) / max(1, rows_e.sum())
    return random_table(rows_e, columns_f).rvs(draws, random_state=rng).reshape(draws, len(rows_e), len(columns_f))


def adjusted_rand(table_EF: np.ndarray, pairs: float | None = None) -> float:
    """Adjusted Rand index (L. Hubert and P. Arabie 1985, Comparing partitions, eq. 5) of a co-assignment table;
    ``pairs`` in place of the table's own number of pairs together in both runs.

    Linear in ``pairs`` for given margins, so that an expected number gives the expected index. Raises ValueError where
    each run has all samples at one expert, or each sample alone: there is then nothing to adjust.
    """
    both = _pairs(table_EF) if pairs is None else pairs
    here, there, all_pairs = _pairs(table_EF.sum(1)), _pairs(table_EF.sum(0)), _pairs(table_EF.sum())
    chance, most = here * there / all_pairs, (here + there) / 2
    if most == chance:
        raise ValueError("both routings are trivial, so there is no index")
    return (both - chance) / (most - chance)


def adjusted_information(table_EF: np.ndarray) -> float:
    """Adjusted mutual information with the arithmetic mean (Vinh, Epps and Bailey 2010, JMLR 11)."""
    from sklearn.metrics import adjusted_mutual_info_score

    rows, columns = np.nonzero(table_EF)
    counts = table_EF[rows, columns].astype(int)
    return float(adjusted_mutual_info_score(np.repeat(rows, counts), np.repeat(columns, counts)))


def _pairs(counts: np.ndarray) -> float:
    counts = np.asarray(counts, dtype=np.float64)
    return float((counts * (counts - 1)).sum() / 2)
