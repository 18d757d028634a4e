"""What the page on the paper's tables says of the arms on Fashion-MNIST."""

from tests.docs.said_krishnamurthy2023 import (
    ATTENTIVE_I,
    ATTENTIVE_S,
    GATE,
    IMPORTANCE,
    OWN,
    SIMILARITY,
    SURE,
    TAUGHT_I,
    TAUGHT_S,
    USE,
    best,
    clothes,
    clothes_fair,
    extremes,
    fair,
    printed,
)
from tests.docs.sentences import Said, number

collapsed = min(range(10), key=clothes_fair.of(ATTENTIVE_S, USE).__getitem__)
others = [one for seed, one in enumerate(clothes_fair.pairs(TAUGHT_S, ATTENTIVE_S)) if seed != collapsed]

FASHION = [
    Said(
        "distilled from attentive + importance with {}, is {} ± {} over ten seeds, and original + importance, "
        "printed with {} among the worst, is {}.",
        (
            best("fashion_mnist-published", TAUGHT_I),
            clothes.mean(TAUGHT_I, digits=4),
            ".008",
            best("fashion_mnist-published", IMPORTANCE),
            clothes.mean(IMPORTANCE, digits=4),
        ),
    ),
    Said(
        "under the fair protocol, by {} ({});",
        (clothes_fair.less(IMPORTANCE, "original", digits=4), clothes_fair.ends("original", IMPORTANCE, digits=4)),
    ),
    Said(
        "their contrast under the fair protocol, {} (-.0007 to +.0150), contains 0. Similarity gives {} and {} bit "
        "of I(E;Y).",
        (
            clothes_fair.less(SIMILARITY, IMPORTANCE, digits=4, sign=True),
            clothes_fair.less(SIMILARITY, "original", OWN, 2),
            clothes.less(SIMILARITY, "original", OWN, 2),
        ),
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
    Said(
        "the same weight .8 it decides (H(E given X) {} bit) and has {} bit more of I(E;Y) than the plain gate "
        "({}), at an error that is {} higher ({}).",
        (
            clothes_fair.mean(ATTENTIVE_I, SURE, 2),
            clothes_fair.less(ATTENTIVE_I, IMPORTANCE, OWN, 2),
            clothes_fair.ends(ATTENTIVE_I, IMPORTANCE, OWN, 2),
            clothes_fair.less(ATTENTIVE_I, IMPORTANCE),
            clothes_fair.ends(ATTENTIVE_I, IMPORTANCE),
        ),
    ),
    Said(
        "with each gate's printed weight, .2 and .8, the difference is {} bit.",
        (clothes.less(ATTENTIVE_I, IMPORTANCE, OWN, 2),),
    ),
    Said(
        "{} bit of I(E;Y) ({}) and {} bit of usage under the fair protocol; {} and {} as printed, both with 0 inside. "
        "On MNIST it had {} and {} bit more, of which the first excludes 0.",
        (
            clothes_fair.less("attentive", "original", OWN, 2, sign=True),
            clothes_fair.ends("attentive", "original", OWN, 2),
            clothes_fair.less("attentive", "original", USE, 2, sign=True),
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
        "its error is {} with 54,000 images where 1e-3 has {} with 60,000.",
        (clothes_fair.mean("original", digits=4), clothes.mean("original", digits=4)),
    ),
    Said(
        "The students of attentive + similarity have {} of error and {} bit of H(E given X).",
        (
            clothes.less(TAUGHT_S, ATTENTIVE_S, digits=4, sign=True),
            clothes.less(TAUGHT_S, ATTENTIVE_S, SURE, 3, sign=True),
        ),
    ),
    Said(
        "those of attentive + importance have {} of error ({}) and {} bit of H(E given X), I(E;Y) the same, and "
        "with {} the",
        (
            clothes_fair.less(TAUGHT_I, ATTENTIVE_I, digits=4, sign=True),
            clothes_fair.ends(TAUGHT_I, ATTENTIVE_I, digits=4),
            clothes_fair.less(TAUGHT_I, ATTENTIVE_I, SURE, 3, sign=True),
            clothes_fair.mean(TAUGHT_I, digits=4),
        ),
    ),
    Said(
        "is worse than that, {} of error against {} and {} bit of usage, and is what widens the line; the other "
        "nine have {} on average.",
        (
            number(clothes_fair.of(TAUGHT_S)[collapsed], 3),
            number(clothes_fair.of(ATTENTIVE_S)[collapsed], 3),
            number(clothes_fair.of(TAUGHT_S, USE)[collapsed], 1),
            number(sum(others) / 9, 4),
        ),
    ),
    Said(
        "is best by both protocols, {} and {}, {} and {} below the original mixture with importance.",
        (
            clothes.mean(GATE),
            clothes_fair.mean(GATE),
            clothes.less(GATE, IMPORTANCE, digits=4),
            clothes_fair.less(GATE, IMPORTANCE, digits=4),
        ),
    ),
]
