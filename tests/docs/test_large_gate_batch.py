"""What docs/studies/large-gate-batch.md says is computed again from the runs that are stored beside it."""

import csv
import itertools
from statistics import mean

from docs.tables import DOCS, arms_of
from moe_lab.statistics.paired import holm, sign_flip_interval
from tests.docs.sentences import ERROR, Kept, number, prose

TEXT = prose("studies/large-gate-batch.md")
RUNS = Kept("large-gate-batch/digits/study-runs.csv")
BASE, *OTHERS = arms_of(RUNS.values)
USAGE, DEAD, SURE = "load_entropy_bits", "dead_experts", "sample_entropy_bits"
CLASS, SHARE = "mutual_information_expert_label_bits", "information_per_usage"
COMPARED = (ERROR, USAGE, DEAD, CLASS)
LARGEST = "B = 512, equal steps"


def differences(arm, name):
    return RUNS.pairs(arm, BASE, name)


def across_zero(pairs):
    low, high = sign_flip_interval(pairs)
    return low < 0 < high


def sign_flip_p(pairs):
    """The sign-flip test of ten pairs: the share of 2^10 signs with a mean as far from 0."""
    flips = itertools.product((1, -1), repeat=10)
    sums = [sum(sign * one for sign, one in zip(signs, pairs, strict=True)) for signs in flips]
    return sum(abs(one) >= abs(sum(pairs)) - 1e-12 for one in sums) / 2**10


def corrected(pairs):
    """p of each after Holm's correction over all."""
    return dict(zip(pairs, holm([sign_flip_p(some) for some in pairs.values()]), strict=True))


def test_in_as_many_epochs_fewer_experts_are_used():
    for arm in ("B = 128", "B = 512"):
        assert max(differences(arm, USAGE)) < 0 < min(differences(arm, DEAD))
        assert across_zero(differences(arm, ERROR)) and across_zero(differences(arm, CLASS))
    more = [number(mean(differences(arm, DEAD)), 1) for arm in ("B = 128", "B = 512")]
    assert f"{more[0]} and {more[1]} experts more are dead" in TEXT


def test_in_as_many_epochs_the_share_of_the_class_is_higher():
    for arm in ("B = 128", "B = 512"):
        assert min(differences(arm, SHARE)) > 0


def test_in_as_many_steps_the_largest_batch_uses_more_experts():
    assert min(differences(LARGEST, USAGE)) > 0 > max(differences(LARGEST, DEAD))
    more, fewer = number(mean(differences(LARGEST, USAGE)), 2), number(-mean(differences(LARGEST, DEAD)), 1)
    assert f"H(load) is {more} bits higher and {fewer} experts fewer are dead, in ten of ten seeds." in TEXT
    assert all(across_zero(differences("B = 128, equal steps", name)) for name in COMPARED)


def test_how_sure_its_error_and_its_information_are():
    lines = {(arm, name): differences(arm, name) for arm in OTHERS for name in COMPARED if (arm, name) in RUNS.values}
    of_all = corrected(lines)
    of_errors = corrected({arm: differences(arm, ERROR) for arm in OTHERS})
    assert len(of_all) == 17 and len(of_errors) == 5 and of_all[LARGEST, USAGE] < 0.05 > of_all[LARGEST, DEAD]
    bits, points = mean(differences(LARGEST, CLASS)), -100 * mean(differences(LARGEST, ERROR))
    assert sum(one < 0 for one in differences(LARGEST, ERROR)) == 9
    assert (
        f"The error is {number(points, 1)} points lower, in nine of ten seeds: p is {number(of_errors[LARGEST], 3)} "
        f"after Holm's correction over the errors of the five arms, and {number(of_all[LARGEST, ERROR], 2)} over all "
        f"seventeen comparisons. That I(E;Y) is {number(bits, 2)} bits higher is inconclusive: p is "
        f"{number(of_all[LARGEST, CLASS], 2)} over all seventeen."
    ) in TEXT


def test_that_the_error_of_a_dense_network_differs_is_not_shown():
    assert (
        f"({RUNS.less('dense', LARGEST, digits=4)} lower, {RUNS.ends('dense', LARGEST, digits=4)})" in TEXT
        and mean(RUNS.pairs("dense", LARGEST)) < 0
        and across_zero(RUNS.pairs("dense", LARGEST))
    )


def test_the_learning_rate_matters_too():
    with (DOCS / "studies" / "large-gate-batch" / "digits" / "study-tuning.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arm"] == LARGEST]
    now, then = (
        number(mean(float(row["validation_error_rate"]) for row in rows if row["setting"] == f"trainer.lr={rate}"), 4)
        for rate in ("3e-3", "1e-2")
    )
    earlier = Kept("large-gate-batch/digits/earlier.csv")
    assert (
        f"({now} against {then}, three seeds): with 1e-2 {earlier.mean(LARGEST, DEAD, 1)} experts were dead, with 3e-3 "
        f"it is {RUNS.mean(LARGEST, DEAD, 1)}, and the error was {earlier.mean(LARGEST, digits=4)} in place of "
        f"{RUNS.mean(LARGEST, digits=4)}"
    ) in TEXT


SHARED = Kept("large-gate-batch/processes.csv")


def test_balance_within_a_process():
    pairs = {name: SHARED.pairs("rank", "global", name) for name in (*COMPARED, SURE, SHARE)}
    assert {name for name, some in pairs.items() if not across_zero(some)} == {SURE}
    higher = sum(one > 0 for one in pairs[SURE])
    assert higher == 9 and len(pairs) == 6
    assert (
        f"Only H(E given X) is higher, by {SHARED.less('rank', 'global', SURE)} bits, in nine of ten seeds (p is "
        f"{number(corrected(pairs)[SURE], 2)} after Holm's correction over the six metrics)"
    ) in TEXT


def test_statistics_of_the_whole_batch_are_those_of_one_process():
    assert SHARED.of("global") == RUNS.of("B = 512")
