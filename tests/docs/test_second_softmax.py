"""What the page on the second softmax says is computed again from its kept runs."""

from math import e, log, log2

import pytest
from scipy.stats import fisher_exact

from moe_lab.statistics import factorial, holm, sign_flip_p, summary
from moe_lab.statistics.intervals import rate
from tests.docs.sentences import ERROR, Kept, Said, number, prose, uncarried

PAGE = "studies/second-softmax.md"
USE, SURE, FOLLOWS = "usage_entropy_bits", "sample_entropy_bits", "information_per_usage"
OWN = "mutual_information_expert_prediction_bits"
kept, longer = (Kept(f"second-softmax/{name}.csv") for name in ("runs", "long"))
PLAIN, DECAY, SECOND, BOTH = ARMS = (
    "one softmax",
    "one softmax, weight decay",
    "second softmax",
    "second softmax, weight decay",
)


def mean(arm, name):
    return summary(kept.of(arm, name)).mean


def shares():
    """Of the variance of the test error: the second softmax, weight decay, both."""
    cells = {("one", "no"): PLAIN, ("one", "yes"): DECAY, ("two", "no"): SECOND, ("two", "yes"): BOTH}
    table = factorial(["softmax", "decay"], {cell: dict(enumerate(kept.of(arm, ERROR))) for cell, arm in cells.items()})
    return {effect.name: effect for effect in table.effects}


def whole(share):
    return f"{100 * share:.0f}"


DIFFERENCES = [
    (arm, name)
    for arm in (DECAY, SECOND, BOTH)
    for name in (ERROR, "collapsed", "dead_experts", USE, OWN, SURE, FOLLOWS)
]
#: over the table of the page
corrected = dict(
    zip(DIFFERENCES, holm([sign_flip_p(kept.pairs(arm, PLAIN, name)) for arm, name in DIFFERENCES]), strict=True)
)
collapsed = [seed for seed, one in enumerate(kept.of(BOTH, "collapsed")) if one]
four, none = rate(len(collapsed), 10), rate(0, 10)
variance = [shares()[name] for name in ("softmax", "decay", "softmax x decay")]
SAID = [
    Said(
        "they collapse four of ten runs onto one expert ({} to {} % of runs, 95 % Clopper-Pearson); alone neither "
        "collapses any ({} to {} %).",
        (whole(four.low), whole(four.high), whole(none.low), whole(none.high)),
    ),
    Said(
        "no sure difference by itself (p = {}); that of usage is: with both H(E) is {} bits lower than with weight "
        "decay alone and {} lower than with the second softmax alone, in ten of ten seeds (p = {} each, uncorrected).",
        (
            kept.p(BOTH, PLAIN, "collapsed"),
            *(kept.less(BOTH, arm, USE, 2) for arm in (DECAY, SECOND)),
            kept.p(BOTH, DECAY, USE),
        ),
    ),
    Said(
        "+{} points without weight decay, +{} with it ({} to {}, p = {}). It carries {} % of the variance of the test "
        "error (omega squared, {} to {} %), weight decay {} % ({} to {} %), the two together {} % ({} to {} %).",
        (
            *(
                number(100 * (mean(arm, ERROR) - mean(base, ERROR)), 1)
                for arm, base in ((SECOND, PLAIN), (BOTH, DECAY))
            ),
            *(number(100 * float(end), 1) for end in kept.ends(BOTH, DECAY, digits=6).split(" to ")),
            kept.p(BOTH, DECAY),
            *(whole(value) for one in variance for value in (one.share, one.low, one.high)),
        ),
    ),
    Said(
        "of ten experts {} are dead without either, {} and {} with one, {} with both.",
        tuple(kept.mean(arm, "dead_experts", 1) for arm in ARMS),
    ),
    Said(
        "that with both is sure (p = {}), those with one are not (p = {} and {}).",
        (
            number(corrected[BOTH, "dead_experts"], 3),
            *(number(corrected[arm, "dead_experts"], 2) for arm in (DECAY, SECOND)),
        ),
    ),
    Said(
        "its mean lies between {} and {} in all four arms.",
        tuple(number(end([mean(arm, FOLLOWS) for arm in ARMS]), 2) for end in (min, max)),
    ),
    Said(
        "H(E given X) falls to a fifth, from {} to {} bit.",
        (kept.mean(PLAIN, SURE), kept.mean(SECOND, SURE)),
    ),
    Said(
        "Its error falls to {}, its I(E; own prediction) stays at {} bit.",
        (longer.mean(BOTH, ERROR), longer.mean(BOTH, OWN, 2)),
    ),
    Said(
        "sure difference (p = {}, Fisher's exact test)",
        (number(fisher_exact([[len(collapsed), 10 - len(collapsed)], [7, 3]]).pvalue, 2),),
    ),
    Said("above log(1 + 9/e) = {} nats", (number(log(1 + 9 / e), 2),)),
    Said("at most {}.", (number(log2(10), 2),)),
]
#: the authors' runs
THEIRS = (
    "is .31 bit, exactly 0 in 7 of 10 runs, at an error of .086",
    "Theirs have seven collapsed, .086 and .31 bit,",
)


@pytest.mark.parametrize("said", SAID, ids=[one.words[:40] for one in SAID])
def test_a_sentence_has_the_numbers_of_the_kept_runs(said):
    assert said.text in prose(PAGE)


def test_no_other_number_is_said():
    assert all(one in prose(PAGE) for one in THEIRS)
    assert uncarried(PAGE, [*SAID, *(Said(one, ()) for one in THEIRS)]) == []


def test_which_runs_collapse():
    assert collapsed == [3, 6, 8, 9] and "Seeds 3, 6, 8 and 9 do." in prose(PAGE)
    assert not any(kept.of(arm, "collapsed") != [0.0] * 10 for arm in (PLAIN, DECAY, SECOND))
    left = [10 - one for seed, one in enumerate(kept.of(BOTH, "dead_experts")) if seed not in collapsed]
    assert left == [2.0] * 6
    assert longer.of(BOTH, "collapsed") == kept.of(BOTH, "collapsed")
    assert longer.of(BOTH, "dead_experts") == kept.of(BOTH, "dead_experts")
    for arm in (PLAIN, DECAY, SECOND):
        falls = [more < 0 for more in kept.pairs(BOTH, arm, USE)]
        assert all(falls) and len(falls) == 10
    assert kept.p(BOTH, DECAY, USE) == kept.p(BOTH, SECOND, USE)
    assert len(DIFFERENCES) == 21 and all(corrected[arm, FOLLOWS] > 0.05 for arm in (DECAY, SECOND, BOTH))
    assert 4.5 < mean(PLAIN, SURE) / mean(SECOND, SURE) < 5.5
