"""Statistics over seeds: intervals, tests, matching.

Pure functions of numbers and label arrays, on NumPy and SciPy.
An interval here is over repeated training with other seeds on one fixed test set. It does not include the draw of the
test samples, whose standard error moe_lab/reports/kit/headline.py computes.
"""

from moe_lab.statistics.agreement import Agreement, agreement, crossed_seeds, mean_over_pairs
from moe_lab.statistics.blocked import PartialCorrelation, partial_correlation
from moe_lab.statistics.factorial import Effect, Factorial, Incomplete, factorial
from moe_lab.statistics.intervals import Rate, Summary, rate, rate_summary, summary, two_modes
from moe_lab.statistics.matched import matched_pairs
from moe_lab.statistics.matching import match_experts
from moe_lab.statistics.paired import (
    Comparison,
    all_pairs,
    compare,
    difference_summary,
    equivalence_p,
    holm,
    seeds_needed,
    sign_flip_interval,
    sign_flip_p,
)
from moe_lab.statistics.replication import (
    Published,
    Verdict,
    best_of,
    direction_verdict,
    effect_verdict,
    level_verdict,
)

__all__ = [
    "Agreement",
    "Comparison",
    "Effect",
    "Factorial",
    "Incomplete",
    "PartialCorrelation",
    "Published",
    "Rate",
    "Summary",
    "Verdict",
    "agreement",
    "all_pairs",
    "best_of",
    "compare",
    "crossed_seeds",
    "difference_summary",
    "direction_verdict",
    "effect_verdict",
    "equivalence_p",
    "factorial",
    "holm",
    "level_verdict",
    "match_experts",
    "matched_pairs",
    "mean_over_pairs",
    "partial_correlation",
    "rate",
    "rate_summary",
    "seeds_needed",
    "sign_flip_interval",
    "sign_flip_p",
    "summary",
    "two_modes",
]
