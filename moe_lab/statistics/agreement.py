"""Agreement between the decompositions of two seeds, beyond the agreement that following the classes alone gives.

Axes: n runs, N samples, C classes.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from moe_lab.statistics.intervals import Bounds, Summary, student_ends
from moe_lab.statistics.matching import Margins, adjusted_information, matched_share
from moe_lab.statistics.partitions import adjusted_rand_index, table_of

COLLAPSE_SHARE = 0.95
#: bounds of every measure of agreement here, and of its excess over a null
AGREEMENT_BOUNDS: Bounds = (-1.0, 1.0)
#: number of tables drawn per pair for the null of the matched agreement
NULL_DRAWS = 20


@dataclass(frozen=True)
class Agreement:
    """The agreement of two routings of the same samples.

    ``excess`` is ``ari`` minus ``null_ari``, its exact expectation if samples are permuted within their true class.
    ``matched`` and ``null_matched`` are shares of samples after matching. All are None, with the ``reason``, if a
    routing is collapsed.
    """

    matched: float | None = None
    null_matched: float | None = None
    ari: float | None = None
    null_ari: float | None = None
    ami: float | None = None
    reason: str | None = None

    @property
    def excess(self) -> float | None:
        """The headline number: agreement that the classes do not explain."""
        return None if self.ari is None or self.null_ari is None else self.ari - self.null_ari

    @property
    def matched_excess(self) -> float | None:
        return None if self.matched is None or self.null_matched is None else self.matched - self.null_matched


def agreement(
    expert_N: np.ndarray,
    other_N: np.ndarray,
    class_N: np.ndarray,
    *,
    experts: int,
    others: int,
    ami: bool = False,
    draws: int = NULL_DRAWS,
) -> Agreement:
    """The agreement of two runs on which samples belong together.

    ARI and AMI need no matching. Two runs that follow the same classes agree far beyond chance without having found the
    same decomposition (two random pairings of ten classes into five experts: ARI 0.44), so the null permutes within the
    true class, and the difference is the excess. Two collapsed routings have ARI 1 without any information, so their
    agreement is undefined.

    Args:
        expert_N, other_N: arg-max experts, -1 if no expert got the sample (left out).
        class_N: true classes.
        ami: whether to compute AMI as well, which takes several times as long.
        draws: tables drawn for the null of the matched agreement; that of ARI is exact.
    """
    both_N = (expert_N >= 0) & (other_N >= 0)
    if not both_N.any():
        return Agreement(reason="no sample was routed in both runs")
    here_M, there_M, class_M = expert_N[both_N], other_N[both_N], class_N[both_N]
    table_EF = table_of(here_M, there_M, experts, others)
    if max(table_EF.sum(1).max(), table_EF.sum(0).max()) > COLLAPSE_SHARE * len(here_M):
        return Agreement(reason="collapsed")
    margins = Margins.of(here_M, there_M, class_M, experts, others)
    drawn = margins.drawn(draws, np.random.default_rng(0))
    return Agreement(
        matched=matched_share(table_EF),
        null_matched=float(np.mean([matched_share(table) for table in drawn])),
        ari=adjusted_rand_index(table_EF),
        null_ari=adjusted_rand_index(table_EF, margins.expected_pairs()),
        ami=adjusted_information(table_EF) if ami else None,
    )


def mean_over_pairs(pairs: dict[tuple[int, int], float]) -> Summary:
    """Mean over pairs of runs with an interval over runs: pairs share runs, so n is the number of runs.

    Jackknife over runs of the mean over pairs (J. N. Arvesen 1969, Jackknifing U-statistics, Annals of Mathematical
    Statistics 40), with Student's t for n - 1 degrees of freedom on the logit of -1 to 1 (``student_ends``). No
    interval below three runs or if leaving one run out leaves no pair.

    Args:
        pairs: (run, run) -> value from -1 to 1, at least one.
    """
    runs = sorted({run for pair in pairs for run in pair})
    values = np.array(list(pairs.values()))
    mean, n = float(values.mean()), len(runs)
    left_out = [[value for pair, value in pairs.items() if run not in pair] for run in runs]
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    if n < 3 or not all(left_out):
        return Summary(n, mean, sd, None, None, "none: fewer than three runs")
    pseudo_n = n * mean - (n - 1) * np.array([np.mean(rest) for rest in left_out])
    error = float(pseudo_n.std(ddof=1)) / n**0.5
    if not -1 < mean < 1 or error == 0:
        return Summary(n, mean, sd, mean, mean, "all values are equal")
    low, high = student_ends(mean, error, n - 1, AGREEMENT_BOUNDS)
    return Summary(n, mean, sd, low, high, "jackknife over runs, of the logit")


def crossed_seeds(
    excess: dict[tuple[int, int], float], init: Sequence[Hashable], order: Sequence[Hashable]
) -> dict[str, Summary]:
    """Mean excess of pairs that share only the initialization, only the order of the samples, or neither. It shows
    which of them decides the decomposition. Groups without a pair are left out.

    Args:
        excess: (run, run) -> excess agreement.
        init, order: ``seed_init`` and ``seed_order`` of each run.
    """
    groups: dict[str, dict[tuple[int, int], float]] = {"same initialization": {}, "same order": {}, "neither": {}}
    names = {(True, False): "same initialization", (False, True): "same order", (False, False): "neither"}
    for (one, other), value in excess.items():
        name = names.get((init[one] == init[other], order[one] == order[other]))
        if name is not None:
            groups[name][one, other] = value
    return {name: mean_over_pairs(pairs) for name, pairs in groups.items() if pairs}
