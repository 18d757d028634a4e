"""Matching the experts of two runs, and the agreement of two routings that follows from the classes alone.

Axes: N samples, E experts of the one run, F of the other, C classes. An expert of -1 is a sample that no expert got;
such samples are left out of a pair.
"""

from dataclasses import dataclass

import numpy as np

from moe_lab.statistics.partitions import table_of


def match_experts(table_EF: np.ndarray) -> np.ndarray:
    """Match each expert of one run to an expert of the other, so that the most samples are shared (Hungarian method, H.
    W. Kuhn 1955); -1 for experts without a partner, if the other run has fewer.

    Args:
        table_EF: number of samples with expert e in the one run and f in the other (``partitions.table_of``).
    Returns: ``[E]``.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table_EF, maximize=True)
    partner_E = np.full(len(table_EF), -1)
    partner_E[rows] = columns
    return partner_E


def matched_share(table_EF: np.ndarray) -> float:
    """Share of the samples on which two runs agree after their experts are matched."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(table_EF, maximize=True)
    return float(table_EF[rows, columns].sum() / table_EF.sum())


@dataclass(frozen=True)
class Margins:
    """The counts ``[C, E]`` and ``[C, F]``, which are fixed under a null that permutes within the true class."""

    here_CE: np.ndarray
    there_CF: np.ndarray

    @staticmethod
    def of(expert_N: np.ndarray, other_N: np.ndarray, class_N: np.ndarray, experts: int, others: int) -> "Margins":
        classes = int(class_N.max()) + 1
        return Margins(table_of(class_N, expert_N, classes, experts), table_of(class_N, other_N, classes, others))

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
        """Random co-assignment tables under the null, ``[draws, E, F]``."""
        tables = np.zeros((draws, self.here_CE.shape[1], self.there_CF.shape[1]))
        for here_E, there_F in zip(self.here_CE, self.there_CF, strict=True):
            used_e, used_f = np.flatnonzero(here_E), np.flatnonzero(there_F)
            tables[:, used_e[:, None], used_f] += _random_tables(here_E[used_e], there_F[used_f], draws, rng)
        return tables


def _random_tables(rows_e: np.ndarray, columns_f: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Random tables with these positive margins. With one row or one column there is only one table. SciPy 1.17.1
    returns negative numbers in that case, and also if a margin is 0."""
    from scipy.stats import random_table

    if min(len(rows_e), len(columns_f)) <= 1:
        return np.outer(rows_e, columns_f) / max(1, rows_e.sum())
    return random_table(rows_e, columns_f).rvs(draws, random_state=rng).reshape(draws, len(rows_e), len(columns_f))


def adjusted_information(table_EF: np.ndarray) -> float:
    """Adjusted mutual information with the arithmetic mean (Vinh, Epps and Bailey 2010, JMLR 11)."""
    from sklearn.metrics import adjusted_mutual_info_score

    rows, columns = np.nonzero(table_EF)
    counts = table_EF[rows, columns].astype(int)
    return float(adjusted_mutual_info_score(np.repeat(rows, counts), np.repeat(columns, counts)))
