"""What the page on the paper's tables says of the arms on Fashion-MNIST."""

import csv

from docs.protocol_tables import of_lowest_training_error
from docs.tables import DOCS
from moe_lab.statistics import summary
from tests.docs.said_krishnamurthy2023 import (
    ATTENTIVE_I,
    ATTENTIVE_S,
    DENSE,
    GATE,
    IMPORTANCE,
    MIXTURES,
    OWN,
    SIMILARITY,
    SURE,
    TAUGHT_I,
    TAUGHT_S,
    USE,
    best,
    clothes,
    clothes_changed,
    clothes_fair,
    clothes_fair_changed,
    clothes_fair_earlier,
    extremes,
    fair,
    largest,
    of_a_mean,
    of_a_run,
    printed,
)
from tests.docs.sentences import Said, number

collapsed = min(range(10), key=clothes_fair.of(ATTENTIVE_S, USE).__getitem__)
others = [one for seed, one in enumerate(clothes_fair.pairs(TAUGHT_S, ATTENTIVE_S)) if seed != collapsed]
PUBLISHED = DOCS / "studies" / "krishnamurthy2023" / "fashion_mnist-published" / "study-runs.csv"
#: by how much the run of the lowest training error is below the mean of its arm
selected = {
    arm: summary(clothes.of(arm)).mean - of_lowest_training_error(PUBLISHED, arm) for arm in ("single", *MIXTURES)
}
sharper = [
    float(kept.less(student, teacher, SURE, 6))
    for kept in (clothes, clothes_fair)
    for student, teacher in ((TAUGHT_I, ATTENTIVE_I), (TAUGHT_S, ATTENTIVE_S))
]

with (DOCS / "studies" / "krishnamurthy2023" / "fashion_mnist-fair" / "study-tuning.csv").open(newline="") as _file:
    _tried = [row for row in csv.DictReader(_file) if row["arm"] == IMPORTANCE]
#: the mean validation errors of its six settings, the lowest first
CHOICE = sorted(
    number(summary([float(row["validation_error_rate"]) for row in _tried if row["setting"] == setting]).mean, 4)
    for setting in {row["setting"] for row in _tried}
)

FASHION = [
    Said(
        "differ by at most {} of error, and no arm's mean error by more than {}.",
        (largest(of_a_run(clothes_changed), 3), largest(of_a_mean(clothes_changed), 4)),
    ),
    Said(
        "have mean errors within {} of these, but for one student,",
        (number(sorted(map(abs, of_a_mean(clothes_fair_changed)))[-2], 4),),
    ),
    Said(
        "lies below the mean of its arm in eight of the nine arms, by {} to {}:",
        tuple(number(end(one for one in selected.values() if one > 0), 3) for end in (min, max)),
    ),
    Said(
        "as many parameters as the mixture {} and {}, the gate's network {} and {}. They are {} and {}, and {} and {}, "
        "below the original mixture with importance.",
        (
            *(kept.mean(arm) for arm in (DENSE, GATE) for kept in (clothes, clothes_fair)),
            *(kept.less(arm, IMPORTANCE, digits=4) for arm in (DENSE, GATE) for kept in (clothes, clothes_fair)),
        ),
    ),
    Said(
        "distilled from attentive + importance with {}, is {} ± {} over ten seeds, and original + importance, "
        "printed with {} among the worst, is {}.",
        (
            best("fashion_mnist-published", TAUGHT_I),
            clothes.mean(TAUGHT_I, digits=4),
            number(summary(clothes.of(TAUGHT_I)).sd, 3),
            best("fashion_mnist-published", IMPORTANCE),
            clothes.mean(IMPORTANCE, digits=4),
        ),
    ),
    Said(
        "It is {} lower under the fair protocol ({}), and {} as printed, with a quarter of the weight ({}).",
        (
            clothes_fair.less(IMPORTANCE, "original", digits=4),
            clothes_fair.ends("original", IMPORTANCE, digits=4),
            clothes.less(IMPORTANCE, "original", digits=4),
            clothes.ends("original", IMPORTANCE, digits=4),
        ),
    ),
    Said(
        "had {} under the fair protocol ({}), and this page",
        (
            clothes_fair_earlier.less(IMPORTANCE, "original", digits=4),
            clothes_fair_earlier.ends("original", IMPORTANCE, digits=4),
        ),
    ),
    Said(
        "Similarity gives {} and {} bit of I(E;Y).",
        (clothes_fair.less(SIMILARITY, "original", OWN, 2), clothes.less(SIMILARITY, "original", OWN, 2)),
    ),
    Said(
        "H(E given X) is {} bit where the printed weight .2 has {}, and I(E;Y) {} where it has {}, at an error that "
        "differs by {}.",
        (
            clothes_fair.mean(IMPORTANCE, SURE, 2),
            clothes.mean(IMPORTANCE, SURE, 2),
            clothes_fair.mean(IMPORTANCE, OWN, 2),
            clothes.mean(IMPORTANCE, OWN, 2),
            number(extremes(clothes_fair, [IMPORTANCE])[0] - extremes(clothes, [IMPORTANCE])[0], 4),
        ),
    ),
    Said("weight .8 at 1e-3 has a validation error of {}, weight .2 at 3e-3 {}.", tuple(CHOICE[:2])),
    Said(
        "the same weight .8 it decides (H(E given X) {} bit) and has {} bit more of I(E;Y) than the plain gate "
        "({}); that its error differs is not shown ({}, {}).",
        (
            clothes_fair.mean(ATTENTIVE_I, SURE, 2),
            clothes_fair.less(ATTENTIVE_I, IMPORTANCE, OWN, 2),
            clothes_fair.ends(ATTENTIVE_I, IMPORTANCE, OWN, 2),
            clothes_fair.less(ATTENTIVE_I, IMPORTANCE, sign=True),
            clothes_fair.ends(ATTENTIVE_I, IMPORTANCE),
        ),
    ),
    Said(
        "With each gate's printed weight, .2 and .8, it has {} bit more.",
        (clothes.less(ATTENTIVE_I, IMPORTANCE, OWN, 2),),
    ),
    Said(
        "{} bit of I(E;Y) ({}) and {} bit of usage, at an error that is {} higher ({}). As printed it has {} and {} "
        "bit, both with 0 inside. On MNIST it had {} and {} bit more, of which the first excludes 0.",
        (
            clothes_fair.less("attentive", "original", OWN, 2, sign=True),
            clothes_fair.ends("attentive", "original", OWN, 2),
            clothes_fair.less("attentive", "original", USE, 2, sign=True),
            clothes_fair.less("attentive", "original", digits=4),
            clothes_fair.ends("attentive", "original", digits=4),
            clothes.less("attentive", "original", OWN, 2, sign=True),
            clothes.less("attentive", "original", USE, 2, sign=True),
            fair.less("attentive", "original", OWN, 2),
            printed.less("attentive", "original", OWN, 2),
        ),
    ),
    Said(
        "one of the fair ones all but collapsed (usage {} bit).",
        (number(clothes_fair.of(ATTENTIVE_S, USE)[collapsed], 2),),
    ),
    Said(
        "its error is {} with 54,000 images where 1e-3 has {} with 60,000. On MNIST it has {} and {}.",
        tuple(kept.mean("original", digits=4) for kept in (clothes_fair, clothes, fair, printed)),
    ),
    Said(
        "falls by {} to {} bit in each of four comparisons with the teachers.",
        (number(min(sharper), 3), number(max(sharper), 3)),
    ),
    Said(
        "As printed the error falls by {} ({}) with importance and by {} ({}) with similarity;",
        (
            clothes.less(TAUGHT_I, ATTENTIVE_I, digits=4),
            clothes.ends(ATTENTIVE_I, TAUGHT_I, digits=4),
            clothes.less(TAUGHT_S, ATTENTIVE_S, digits=4),
            clothes.ends(ATTENTIVE_S, TAUGHT_S, digits=4),
        ),
    ),
    Said(
        "it falls by {} with importance ({}), and the students have {} bit less of I(E;Y) ({}).",
        (
            clothes_fair.less(TAUGHT_I, ATTENTIVE_I, digits=4),
            clothes_fair.ends(ATTENTIVE_I, TAUGHT_I, digits=4),
            clothes_fair.less(TAUGHT_I, ATTENTIVE_I, OWN, 2),
            clothes_fair.ends(ATTENTIVE_I, TAUGHT_I, OWN, 2),
        ),
    ),
    Said(
        "all but collapsed (usage {} bit, error {}) has collapsed altogether, {} of error and {} bit of usage; the "
        "other nine have {} on average. The same student had an error of {} on 2026-11-22.",
        (
            number(clothes_fair.of(ATTENTIVE_S, USE)[collapsed], 2),
            number(clothes_fair.of(ATTENTIVE_S)[collapsed], 3),
            number(clothes_fair.of(TAUGHT_S)[collapsed], 3),
            number(clothes_fair.of(TAUGHT_S, USE)[collapsed], 1),
            number(sum(others) / 9, 4),
            number(clothes_fair_earlier.of(TAUGHT_S)[collapsed], 3),
        ),
    ),
]
