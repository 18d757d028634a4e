"""What docs/studies/large-gate-batch.md says is computed again from the runs that are stored beside it."""

import csv
import itertools
import re
from pathlib import Path
from statistics import mean, stdev

import pytest

from moe_lab.statistics.paired import holm, sign_flip_interval

PAGE = Path(__file__).parents[2] / "docs" / "studies" / "large-gate-batch.md"
TEXT = PAGE.read_text()
#: an empty cell as two blanks, as joined cells have it
SQUEEZED = re.sub(r"\| (?=\|)", "|  ", TEXT)
with open(PAGE.with_suffix("") / "digits.csv", newline="") as _file:
    RUNS = list(csv.DictReader(_file))
#: decimals that the page shows
SHOWN = {
    "test_error_rate": 4,
    "load_entropy_bits": 2,
    "dead_experts": 1,
    "sample_entropy_bits": 2,
    "mutual_information_expert_label_bits": 2,
    "information_per_usage": 2,
}
COMPARED = [name for name in SHOWN if name not in ("sample_entropy_bits", "information_per_usage")]
BASE, *OTHERS = dict.fromkeys(run["arm"] for run in RUNS)


def has(arm, name):
    """Whether the arm has the metric: a dense network has an error alone."""
    return any((run["arm"], run["name"]) == (arm, name) for run in RUNS)


def values(arm, name):
    """Of seeds 0 to 9."""
    found = {int(run["seed"]): float(run["value"]) for run in RUNS if (run["arm"], run["name"]) == (arm, name)}
    return [found[seed] for seed in range(10)]


def differences(arm, name):
    return [one - base for one, base in zip(values(arm, name), values(BASE, name), strict=True)]


def number(value, decimals, sign=""):
    return f"{value:{sign}.{decimals}f}".replace("0.", ".") if abs(value) < 1 else f"{value:{sign}.{decimals}f}"


@pytest.mark.parametrize("arm", [BASE, *OTHERS])
def test_means(arm):
    (rate,) = {run["setting"].removeprefix("trainer.lr=") for run in RUNS if run["arm"] == arm}
    cells = [
        f"{number(mean(values(arm, name)), digits)} ± {number(stdev(values(arm, name)), digits)}"
        if has(arm, name)
        else ""
        for name, digits in SHOWN.items()
    ]
    assert f"| {' | '.join([arm, rate, *cells])} |" in SQUEEZED


@pytest.mark.parametrize("arm", OTHERS)
def test_differences(arm):
    cells = []
    for name in COMPARED:
        if not has(arm, name):
            cells.append("")
            continue
        pairs = differences(arm, name)
        ends = [number(end, SHOWN[name], "+") for end in sign_flip_interval(pairs)]
        cells.append(f"{number(mean(pairs), SHOWN[name], '+')} ({ends[0]} to {ends[1]})")
    assert f"| {' | '.join([arm, *cells])} |" in SQUEEZED


def test_in_as_many_epochs_fewer_experts_are_used():
    for arm in ("B = 128", "B = 512"):
        assert max(differences(arm, "load_entropy_bits")) < 0 < min(differences(arm, "dead_experts"))
        for name in ("test_error_rate", "mutual_information_expert_label_bits"):
            low, high = sign_flip_interval(differences(arm, name))
            assert low < 0 < high
    more = [number(mean(differences(arm, "dead_experts")), 1) for arm in OTHERS[:2]]
    assert f"{more[0]} and {more[1]} experts more are dead" in TEXT


def test_in_as_many_epochs_the_share_of_the_class_is_higher():
    for arm in ("B = 128", "B = 512"):
        assert min(differences(arm, "information_per_usage")) > 0


def test_in_as_many_steps_the_largest_batch_balances_better():
    assert min(differences("B = 512, equal steps", "load_entropy_bits")) > 0
    low, high = sign_flip_interval(differences("B = 512, equal steps", "dead_experts"))
    assert low < 0 < high
    for name in COMPARED:
        low, high = sign_flip_interval(differences("B = 128, equal steps", name))
        assert low < 0 < high


def sign_flip_p(pairs):
    """The sign-flip test of ten pairs: the share of 2^10 signs with a mean as far from 0."""
    flips = itertools.product((1, -1), repeat=10)
    sums = [sum(sign * one for sign, one in zip(signs, pairs, strict=True)) for signs in flips]
    return sum(abs(one) >= abs(sum(pairs)) - 1e-12 for one in sums) / 2**10


def test_that_the_error_is_lower_is_inconclusive():
    ps = [sign_flip_p(differences(arm, "test_error_rate")) for arm in OTHERS]
    largest = OTHERS.index("B = 512, equal steps")
    assert f"{holm(ps)[largest]:.2f}" == "0.16" and min(ps) == ps[largest] and len(ps) == 5
    assert "and .16 for the error after that over its five arms" in " ".join(TEXT.split())


def test_that_the_information_is_higher_is_inconclusive_over_all_seventeen():
    lines = [(arm, name) for arm in OTHERS for name in COMPARED if has(arm, name)]
    corrected = dict(zip(lines, holm([sign_flip_p(differences(*line)) for line in lines]), strict=True))
    assert len(lines) == 17
    p = corrected["B = 512, equal steps", "mutual_information_expert_label_bits"]
    assert f"p is {number(p, 2)} for I(E;Y) after Holm's correction over all seventeen" in " ".join(TEXT.split())
    assert corrected["B = 512, equal steps", "load_entropy_bits"] < 0.05


with open(PAGE.with_suffix("") / "processes.csv", newline="") as _file:
    ON_FOUR = list(csv.DictReader(_file))
DIGITS_ON_FOUR = SHOWN | {"sample_entropy_bits": 3, "information_per_usage": 3}


def on_four(statistics, name):
    """Of seeds 0 to 9, on four processes."""
    runs = [run for run in ON_FOUR if (run["statistics"], run["name"]) == (statistics, name)]
    return [float({int(run["seed"]): run["value"] for run in runs}[seed]) for seed in range(10)]


def of_own_share(name):
    pairs = zip(on_four("rank", name), on_four("global", name), strict=True)
    return [rank - of_all for rank, of_all in pairs]


def test_balance_within_a_process():
    for statistics in ("global", "rank"):
        cells = [
            f"{number(mean(values_), digits)} ± {number(stdev(values_), digits)}"
            for name, digits in DIGITS_ON_FOUR.items()
            for values_ in [on_four(statistics, name)]
        ]
        assert f"| {' | '.join([statistics, *cells])} |" in TEXT
    cells, ps = [], {}
    for name, digits in DIGITS_ON_FOUR.items():
        pairs = of_own_share(name)
        ends = sign_flip_interval(pairs)
        assert (ends[0] < 0 < ends[1]) == (name != "sample_entropy_bits")
        low, high = (number(end, digits, "+") for end in ends)
        cells.append(f"{number(mean(pairs), digits, '+')} ({low} to {high})")
        ps[name] = sign_flip_p(pairs)
    assert f"| {' | '.join(['rank less global', *cells])} |" in TEXT
    corrected = dict(zip(ps, holm(list(ps.values())), strict=True))
    assert f"{corrected['sample_entropy_bits']:.2f}" == "0.02" and len(ps) == 6
    assert sum(one > 0 for one in of_own_share("sample_entropy_bits")) == 9


def test_statistics_of_the_whole_batch_are_those_of_one_process():
    assert on_four("global", "test_error_rate") == values("B = 512", "test_error_rate")
