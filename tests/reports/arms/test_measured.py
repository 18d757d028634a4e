"""What the report says of arms: best, by how much, how surely."""

import math

import pytest

from moe_lab.errors import RunError
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.findings import findings
from moe_lab.reports.arms.measured import BITS, USAGE, Measured
from moe_lab.reports.arms.overview import overview
from moe_lab.reports.arms.tables import factorial_tables, main_metrics, metric_table, named_tables, no_factorial
from moe_lab.reports.arms.usage import matched
from moe_lab.reports.arms.usage_table import usage_table
from moe_lab.statistics import Factorial

CLASSES = "expert_entropy_by_class_bits"
S = "\N{NO-BREAK SPACE}"
EIGHT = [0.040, 0.042, 0.044, 0.046, 0.041, 0.043, 0.045, 0.047]


@pytest.fixture
def sure(grid):
    """The attentive gate is better by 1 point on each of eight seeds: 2 comparisons, p = 2 x 2 / 2^8."""
    return Measured(collect(grid({"softmax": EIGHT, "attentive": [error - 0.01 for error in EIGHT]})))


def test_the_arm_nearest_to_the_defaults_is_compared_with(sure):
    assert sure.baseline.name == "softmax"
    assert set(sure.comparisons) == {("attentive", "test_error_rate"), ("attentive", BITS)}


def test_a_sure_difference(sure):
    comparison = sure.comparisons["attentive", "test_error_rate"]
    assert comparison.adjusted_p == pytest.approx(2 * 2 / 256)
    error, bits = findings(sure)
    # mean .0335, sd .00245, standard error .000866, t_7(.975) = 2.365; on the logit the reach is
    # .000866 * 2.365 / (.0335 * .9665) = .0632: from .03152 to .03560
    assert error.startswith(f"Lowest test error: attentive with 3.4{S}% (3.2 to 3.6, n = 8). Against softmax ")
    assert "beyond chance (p = 0.016 after Holm over 2 comparisons)" in error
    # less a point of error is 2 * .01 bit more, on all eight seeds and in all eight pairs of equal usage
    assert bits.startswith("Highest information I(E;Y): attentive with 1.53")
    assert f"At matched H(load) (8 pairs of runs within 0.1 bit) it is +0.020{S}bits (+0.0" in bits


def test_stars_stand_in_the_family_alone(sure):
    table = metric_table(sure, main_metrics(sure), sure.shown)
    assert table.header == ["metric", "softmax", "attentive", "better"]
    names = ["Test error (%)", "Information I(E;Y) (bits)", "I(E;Y)/H(load) (%)"]
    assert [row[0].text for row in table.rows] == names
    assert [row[2].mark for row in table.rows] == ["*", "*", ""] and table.rows[0][1].mark == ""


def test_a_table_by_name_leaves_out_arms_that_have_none_of_it(light):
    told = {"attribute_information_per_usage": ({"ink": 0.25}, "fraction"), "test_error_rate": 0.1}
    runs = [light("m", {}, told), light("a", {"gate": "attentive"}, told)]
    runs.append(light("one", {"baseline": "single"}, {"test_error_rate": 0.2}))
    [(title, _, table)] = named_tables(Measured(collect(runs)))
    assert title == "What experts specialize in" and table.header == ["metric", "softmax", "attentive", "better"]


def test_too_few_seeds_are_said_to_be_too_few(grid):
    found = Measured(collect(grid({"softmax": EIGHT[:3], "attentive": [e - 0.01 for e in EIGHT[:3]]})))
    assert "too few seeds to be sure: 2 comparisons need at least 7" in findings(found)[0]
    assert not any(one.sure for one in found.comparisons.values())


def test_what_may_be_chance_is_said_to_be(grid):
    worse = [error + (0.002 if turn % 2 else -0.003) for turn, error in enumerate(EIGHT)]
    assert "which may be chance (p = " in findings(Measured(collect(grid({"softmax": EIGHT, "attentive": worse}))))[0]


def test_where_the_baseline_is_best_the_next_is_told(grid):
    found = Measured(collect(grid({"softmax": EIGHT[:3], "attentive": [0.1, 0.2, 0.3]})))
    assert "softmax with 4.2" in findings(found)[0]
    assert "the arm that others are compared with; next is attentive, +15.8" in findings(found)[0]


def test_single_runs_are_no_result(grid):
    found = Measured(collect(grid({"softmax": [0.129], "attentive": [0.119]})))
    assert findings(found)[0] == f"Test error: attentive 11.9{S}%, softmax 12.9{S}%; one seed each, unproven."
    assert found.comparisons == {} and found.factorials == {}


def test_of_many_single_runs_the_ends_are_told(grid):
    found = Measured(collect(grid({gate: [0.1 * place] for place, gate in enumerate("abcde")})))
    assert findings(found)[0] == (
        f"Test error of 5 arms: lowest a with 0.0{S}%, then b with 10.0{S}%; highest e with 40.0{S}%; one seed each, "
        "unproven."
    )


def test_collapse_is_told_and_marked(grid):
    errors = {"softmax": EIGHT[:5], "attentive": EIGHT[:5]}
    found = Measured(collect(grid(errors, collapsed={"attentive": 2})))
    # Clopper-Pearson of 2 of 5: 5.3 to 85.3 %
    assert findings(found)[-1] == f"Collapsed to one expert: attentive in 2 of 5 seeds (95 % interval 5 to 85{S}%)."
    assert metric_table(found, ["test_error_rate"], found.shown).rows[0][2].mark == "\N{DOUBLE DAGGER}"
    columns, _ = overview(found, 100)[0]
    assert "collapsed" in columns


def test_runs_that_did_not_learn_are_told(light):
    """Of ten classes, which the list with one value a class tells, guessing errs in 90 %."""
    runs = [
        light(f"{gate}-{seed}", {"gate": gate, "seed": seed}, {"test_error_rate": error, CLASSES: [0.0] * 10})
        for gate, errors in {"softmax": (0.1, 0.2), "hash": (0.9, 0.3)}.items()
        for seed, error in enumerate(errors)
    ]
    told = "Not learned, no better than guessing: hash in 1 of 2 seeds."
    assert told in findings(Measured(collect(runs)))
    assert "Not learned, no better than guessing: hash." in findings(Measured(collect([runs[0], runs[2]])))


EVEN = {USAGE: 1.0, BITS: 0.5, "load_share": [0.5, 0.5]}


def test_a_mean_with_undefined_members_says_so_and_is_not_compared(light):
    """One arm collapses in three of four seeds, where I(E;Y)/H(load) is 0/0: its mean is that of one survivor."""
    runs = [light(f"a{seed}", {"seed": seed}, EVEN | {"information_per_usage": 0.5}) for seed in range(4)]
    fallen = {USAGE: 0.0, BITS: 0.0, "information_per_usage": None}
    for seed in range(4):
        survives = EVEN | {"information_per_usage": 0.9, BITS: 0.9}
        runs.append(light(f"b{seed}", {"gate": "b", "seed": seed}, fallen if seed else survives))
    found = Measured(collect(runs))
    a, b = found.arms
    assert found.undefined(b, "information_per_usage") == "1 of 4 defined" and not found.undefined(a, USAGE)
    [row] = metric_table(found, ["information_per_usage"], found.shown).rows
    assert [str(cell) for cell in row[1:3]] == ["50.0", "90.0 (1 of 4 defined)"]
    assert found.primary == [BITS]
    # (.9 - .5) - 3 * .5, over 4; with four seeds there is no interval, and the seeds are shown
    assert "+0.40, −0.50, −0.50, −0.50; a 95 % interval needs 6 seeds" in findings(found)[0].replace(
        "\N{MINUS SIGN}", "−"
    )


def test_arms_are_compared_at_matched_usage(light):
    """H(load) of softmax 1, 1.5, 2 bits and of b 1.05, 1.44, 9: two pairs, .05 more and .06 less.

    I(E;Y) is .1 and .3 more.
    """
    values = {"softmax": [(1.0, 0.5), (1.5, 0.6), (2.0, 0.7)], "b": [(1.44, 0.9), (9.0, 5.0), (1.05, 0.6)]}
    runs = [
        light(f"{gate}{seed}", {"gate": gate, "seed": seed}, {USAGE: h, BITS: bits})
        for gate, some in values.items()
        for seed, (h, bits) in enumerate(some)
    ]
    found = Measured(collect(runs), "gate=softmax")
    [one] = matched(found).values()
    assert (one.pairs, one.possible) == (2, 3)
    assert one.difference.mean == pytest.approx(0.2) and one.usage == pytest.approx(-0.005)
    assert one.difference.ends is None and one.difference.method == "needs 6 pairs"
    assert usage_table(found) == [["b", "2 of 3", "+0.20", "needs 6 pairs", "\N{MINUS SIGN}0.005"]]
    far = Measured(collect([runs[0], runs[1], runs[4], light("b3", {"gate": "b", "seed": 3}, {USAGE: 8.0, BITS: 5.0})]))
    assert "No two runs of these arms use their experts equally evenly" in findings(far)[0]


def test_intervals_stay_within_the_bounds_of_their_metric(light):
    """Two seeds far apart: Student's t would reach far beyond 0 and 1, and beyond the 3 experts and log2 3 bits."""
    runs = [
        light(
            f"r{seed}",
            {"seed": seed},
            {
                "test_error_rate": (0.02, 0.4)[seed],
                "dead_experts": ((0, 2)[seed], "count"),
                "load_entropy_bits": (0.1, 1.5)[seed],
                "collapsed": seed,
                "load_share": [0.5, 0.5, 0.0],
            },
        )
        for seed in range(2)
    ]
    found = Measured(collect(runs))
    for name, top in {
        "test_error_rate": 1,
        "dead_experts": 3,
        "load_entropy_bits": math.log2(3),
        "collapsed": 1,
    }.items():
        one = found.summaries[name]["everything at its default"]
        assert 0 < one.low < one.mean < one.high < top, name
    # one of two runs: Clopper-Pearson, 1 - .975^(1/2) = .0126
    assert found.summaries["collapsed"]["everything at its default"].low == pytest.approx(1 - 0.975**0.5)


def test_one_arm_of_several_seeds(grid):
    found = Measured(collect(grid({"softmax": EIGHT})))
    assert findings(found)[0].startswith(f"8 seeds of one arm: test error 4.3{S}% (")
    assert found.comparisons == {} and found.factorials == {}


def test_nothing_finished(light):
    found = Measured(collect([light("a", {}, status="failed")]))
    assert findings(found) == ["No run has finished, so there are no test numbers."]


def test_other_data_sets_are_not_compared(light):
    runs = [
        light(f"{data}-{seed}", {"dataset": data, "seed": seed}, {"test_error_rate": 0.1 * seed})
        for data in ("digits", "mnist")
        for seed in (1, 2)
    ]
    found = Measured(collect(runs))
    assert found.comparisons == {}
    assert "different data sets" in findings(found)[-1]


def test_a_factorial_design_is_analysed(light):
    runs = [
        light(
            f"{gate}-{k}-{seed}",
            {"gate": gate, "k": k, "seed": seed},
            {"test_error_rate": 0.1 * (gate == "b") + 0.01 * seed + 0.001 * (k * seed % 3)},
        )
        for gate in ("a", "b")
        for k in (1, 2)
        for seed in (1, 2, 3)
    ]
    found = Measured(collect(runs))
    analysis = found.factorials["test_error_rate"]
    assert isinstance(analysis, Factorial) and analysis.effects[0].name == "gate" and analysis.effects[0].share > 0.9
    [table] = factorial_tables(found)
    assert table["levels"][0][:2] == ["gate=a", "\N{MINUS SIGN}5.0"] and table["unit"] == "points"
    assert any(sentence.startswith("Of the variance of test error, gate 9") for sentence in findings(found))
    # 8 of 10 seeds are there, for 6 comparisons; the analysis pools all runs
    [reconciled] = [sentence for sentence in findings(found) if sentence.startswith("These choices make a difference")]
    assert (
        "gate (p < 0.001) in test error" in reconciled.partition(". This is no contradiction: ")[0]
        and "k (" not in reconciled
    )
    missing = Measured(collect(runs[:-3]))
    [sentence] = no_factorial(missing)
    assert sentence == "No factorial analysis of Test error: not every combination was run: gate=b k=2 is missing."


def test_an_arm_is_named_by_its_key_or_its_words(grid, light):
    runs = grid({"softmax": [0.1, 0.2], "attentive": [0.1, 0.2]})
    both = light("both", {"gate": "attentive", "regularizer": ["importance"]}, {"test_error_rate": 0.1})
    collection = collect([*runs, both])
    assert Measured(collection, "attentive").baseline.key == "attentive"
    # of the two attentive arms the one that was told less
    assert Measured(collection, "gate=attentive").baseline.key == "attentive"
    assert Measured(collection, "gate=attentive regularizer=[importance]").baseline.key == "attentive + importance"
    assert Measured(collection, "gate=softmax").baseline.key == "softmax"


@pytest.mark.parametrize(
    ("against", "text"),
    [
        ("gate=sofmax", r"no such arm. There are: softmax \(gate=softmax\), attentive"),
        ("nothing", "no such arm"),
        ("dataset=digits", "no such arm"),
        ("gate=later", "no run of this arm has finished"),
    ],
)
def test_an_arm_that_is_not_there(grid, light, against, text):
    runs = [*grid({"softmax": [0.1], "attentive": [0.2]}), light("later", {"gate": "later"}, status="running")]
    with pytest.raises(RunError, match=text):
        Measured(collect(runs), against)


def test_an_ambiguous_arm(light):
    runs = [light(str(k), {"gate": "top_k", "k": k}, {"test_error_rate": 0.1}) for k in (1, 2)]
    with pytest.raises(RunError, match="fits several arms equally well: k=1"):
        Measured(collect(runs), "gate=top_k")


def test_the_terminal_is_not_overrun(grid):
    errors = {gate: [0.01, 0.02, 0.04] for gate in ("softmax", "a_gate_of_a_very_long_name", "c", "d", "e", "f", "g")}
    found = Measured(collect(grid(errors)))
    for width in (80, 120):
        [(columns, rows)] = overview(found, width)
        lines = {name: [line for row in rows for line in row[name].splitlines()] for name in columns}
        taken = sum(max(len(heading), *map(len, lines[name])) + 3 for name, heading in columns.items())
        assert taken <= width
        # names are wrapped, none is cut
        assert [row["what"].replace("\n", "") for row in rows] == [arm.name for arm in found.ranked]


def test_few_single_runs_stand_side_by_side(grid):
    found = Measured(collect(grid({"softmax": [0.1], "attentive": [0.2]})))
    names, numbers = overview(found, 80)
    assert [row["run"] for row in names[1]] == ["softmax-0", "attentive-0"]
    assert numbers[0] == {"metric": "", "softmax": "softmax", "attentive": "attentive"}
    assert numbers[1][0] == {"metric": "Test error (%)", "softmax": "10.0", "attentive": "20.0"}
    assert len(overview(found, 30)) == 3


def test_unknown_metrics_are_shown(light):
    runs = [light(f"r{seed}", {"seed": seed}, {"reference_k$m_bits": 0.5 + seed, "constant": 3}) for seed in range(2)]
    found = Measured(collect(runs))
    assert found.quantities["reference_k$m_bits"].label == "reference k$m"
    assert found.quantities["reference_k$m_bits"].definition == "not a metric of this version of moe-lab"
    assert found.varying == ["reference_k$m_bits"] and found.constant == {"constant": 3}
