"""The marks of cells, what they mean, and which comparisons count for them."""

import pytest

from moe_lab.cli.arms import show_arms
from moe_lab.cli.tables import Format
from moe_lab.reports import ArmsReport
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.findings import findings
from moe_lab.reports.arms.measured import BITS, Measured
from moe_lab.reports.arms.tables import metric_table
from moe_lab.reports.arms.usage import at_matched_usage
from tests.reports.arms.conftest import ONE

EIGHT = [0.040, 0.042, 0.044, 0.046, 0.041, 0.043, 0.045, 0.047]
BETTER = [error - 0.01 for error in EIGHT]


@pytest.fixture
def with_dense(grid, light):
    """Two gates, each with and without a regularizer, over eight seeds, and a dense network, which has no experts."""
    runs = grid({"softmax": EIGHT, "attentive": BETTER})
    for gate, errors in {"softmax": EIGHT, "attentive": BETTER}.items():
        for seed, error in enumerate(errors):
            differs = {"gate": gate, "regularizer": ["importance"], "seed": seed}
            if gate == "softmax":
                del differs["gate"]
            values = {"test_error_rate": error - 0.001 * seed, BITS: 1.6 - 2 * error, "load_entropy_bits": 2.0}
            runs.append(light(f"{gate}-importance-{seed}", differs, values))
    dense = [
        light(f"dense-{seed}", {"baseline": "dense_total", "seed": seed}, {"test_error_rate": error, BITS: ONE})
        for seed, error in enumerate(EIGHT)
    ]
    return runs + dense


def test_information_of_a_dense_network_is_no_comparison(with_dense):
    """Three other mixtures in two metrics, and the error of the dense network: 7. 2 / 2^8 x 7 = .055 is above .05, with
    9 seeds it would be below."""
    found = Measured(collect(with_dense))
    [dense] = [arm for arm in found.arms if "baseline" in arm.settings]
    assert len(found.comparisons) == 7 and (dense.key, BITS) not in found.comparisons
    assert {one.needed for one in found.comparisons.values()} == {9}


def test_what_is_undefined_in_one_run_of_several_experts_stays_in_the_family(grid, light):
    """A run whose extension ended with one expert is undefined as a dense network is; the other seven have several."""
    runs = grid({"softmax": EIGHT})
    runs += [
        light(f"b-{seed}", {"gate": "b", "seed": seed}, {"test_error_rate": error, BITS: 0.5 if seed else ONE})
        for seed, error in enumerate(BETTER)
    ]
    found = Measured(collect(runs))
    assert found.comparisons["b", BITS].family == 2 and found.comparisons["b", BITS].difference is None
    assert found.undefined(found.arms[1], BITS) == "7 of 8 defined"


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("dense_total", "softmax with 1.51 bits (1.51 to 1.52, n = 8). It is not compared with dense_total: that arm "),
        ("b", "softmax with 1.51 bits (1.51 to 1.52, n = 8). It is not compared with b: there it is defined in 7 of 8"),
    ],
)
def test_why_the_best_is_not_compared(grid, light, against, said):
    runs = grid({"softmax": EIGHT, "attentive": [error + 0.01 for error in EIGHT]})
    for seed, error in enumerate(EIGHT):
        here = {"test_error_rate": error, BITS: 0.5 if seed else None}
        runs.append(light(f"b-{seed}", {"gate": "b", "seed": seed}, here))
        here = {"test_error_rate": error, BITS: ONE}
        runs.append(light(f"dense-{seed}", {"baseline": "dense_total", "seed": seed}, here))
    told = findings(Measured(collect(runs), against))[1].replace("\N{NO-BREAK SPACE}", " ")
    assert told.startswith(f"Highest information I(E;Y): {said}")


def test_arms_without_a_common_seed(grid, light):
    runs = grid({"softmax": EIGHT[:2]})
    runs += [light(f"b-{seed}", {"gate": "b", "seed": seed}, {"test_error_rate": 0.1}) for seed in (2, 3)]
    assert "next is b. The two are not compared: they share no seed." in findings(Measured(collect(runs)))[0]
    assert "It is not compared with b: they share no seed." in findings(Measured(collect(runs), "b"))[0]


def test_seeds_are_not_too_few_because_one_arm_has_fewer(grid, light):
    """Nine seeds of each gate are enough for three comparisons, though the dense network has two seeds alone."""
    nine = [*EIGHT, 0.0445]
    runs = grid({"softmax": nine, "attentive": [error - 0.01 for error in nine]})
    runs += [light(f"dense-{seed}", {"baseline": "single", "seed": seed}, {"test_error_rate": 0.1}) for seed in (0, 1)]
    told = " ".join(findings(Measured(collect(runs))))
    assert "beyond chance (p = 0.012 after Holm over 3 comparisons)" in told and "too few seeds to show" not in told


def test_what_an_interval_of_matched_pairs_needs_is_pairs(grid):
    found = Measured(collect(grid({"softmax": EIGHT[:4], "attentive": BETTER[:4]})))
    matched = at_matched_usage(found.shown[1], found.shown[0])
    assert matched.pairs == 4 and matched.difference.method == "needs 6 pairs"


def test_the_terminal_says_what_marks_mean(grid, capsys):
    show_arms(ArmsReport(grid({"softmax": EIGHT, "attentive": BETTER}, collapsed={"softmax": 2})), Format.table)
    said = " ".join(capsys.readouterr().out.split())
    assert "* differs from softmax beyond chance, at 5 % after Holm over 2 comparisons." in said
    assert "\N{DOUBLE DAGGER} Some runs collapsed, or the seeds form two groups: the interval is not reliable." in said


def test_marks_that_are_not_there_are_not_explained(grid, capsys):
    show_arms(ArmsReport(grid({"softmax": EIGHT[:3], "attentive": BETTER[:3]})), Format.table)
    said = capsys.readouterr().out
    assert "beyond chance, at 5 %" not in said and "\N{DOUBLE DAGGER}" not in said


def test_a_number_that_all_runs_share_has_no_mark(grid):
    """H(load) is 2 bits in every run, collapsed or not."""
    found = Measured(collect(grid({"softmax": EIGHT[:5], "attentive": EIGHT[:5]}, collapsed={"attentive": 2})))
    error, usage = (
        metric_table(found, [name], found.shown).rows[0] for name in ("test_error_rate", "load_entropy_bits")
    )
    assert error[2].mark == "\N{DOUBLE DAGGER}" and usage[2].mark == ""
