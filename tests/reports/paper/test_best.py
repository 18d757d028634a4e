"""Which arms stand out: by the paired test over all pairs, never by the mean alone."""

import pytest

from moe_lab.errors import RunError
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.measured import BITS, ERROR, USAGE, Measured
from moe_lab.reports.paper.chosen import choose
from moe_lab.reports.paper.table import arm_table
from tests.reports.arms.conftest import ONE
from tests.reports.paper.conftest import EIGHT


def keys(chosen):
    return {arm.levels["gate"]: arm.key for arm in chosen.arms}


def test_the_best_what_is_like_it_and_what_differs(chosen):
    one = chosen()
    key, found = keys(one), one.best
    assert one.names == (ERROR, BITS, USAGE) and found.tested == (ERROR, BITS)
    # 3 pairs of 3 arms in 2 metrics; log2(40 * 6) = 7.9, so that 8 seeds can show a difference: 6 * 2 / 2^8 = .047
    assert (found.comparisons, found.needed, found.too_few) == (6, 8, False)
    # attentive and top_k have the same eight values in another order: both are best, softmax is a point worse
    assert {(key["attentive"], ERROR), (key["top_k"], ERROR)} <= found.best
    assert not {place for place in found.best | found.alike if place[0] == key["softmax"]}


def test_rows_make_the_family(chosen):
    one = chosen(rows="gate=softmax,gate=attentive", columns=ERROR)
    key = keys(one)
    assert one.best.comparisons == 1 and one.best.best == {(key["attentive"], ERROR)} and not one.best.alike


def test_seven_seeds_are_too_few_for_six_comparisons(grid):
    errors = {"softmax": EIGHT[:7], "attentive": [one - 0.01 for one in EIGHT[:7]], "top_k": EIGHT[:7]}
    one = choose(Measured(collect(grid(errors))))
    key = keys(one)
    assert one.best.too_few and one.best.needed == 8
    # 6 * 2 / 2^7 = .094: the point on each of seven seeds is not shown to differ
    assert {(key["softmax"], ERROR), (key["top_k"], ERROR)} <= one.best.alike


def test_single_runs_have_no_best(grid):
    one = choose(Measured(collect(grid({"softmax": [0.1], "attentive": [0.2]}))))
    assert not one.best.best and not one.best.alike and one.best.comparisons == 0


def test_each_data_set_has_its_own_best(light):
    runs = [
        light(f"{gate}-{data}-{seed}", {"gate": gate, "dataset": data, "seed": seed}, {ERROR: error + seed / 1000})
        for gate, data, error in (("a", "x", 0.1), ("b", "x", 0.2), ("a", "y", 0.4), ("b", "y", 0.3))
        for seed in range(7)
    ]
    one = choose(Measured(collect(runs)))
    best = {(arm.levels["gate"], arm.levels["dataset"]) for arm in one.arms if (arm.key, ERROR) in one.best.best}
    # one pair on each of two data sets: 2 * 2 / 2^7 = .031
    assert best == {("a", "x"), ("b", "y")} and not one.best.alike and one.best.comparisons == 2


def test_an_arm_that_is_undefined_in_some_runs_is_not_best(light):
    runs = [
        light(f"{gate}-{seed}", {"gate": gate, "seed": seed}, {ERROR: 0.1, "information_per_usage": value})
        for gate, share in (("a", 0.5), ("b", 0.9))
        for seed in range(8)
        for value in [None if gate == "b" and seed == 0 else share + seed / 1000]
    ]
    one = choose(Measured(collect(runs)), "information_per_usage")
    # of one arm alone nothing is best
    assert not one.best.best and not one.best.alike


def test_what_a_dense_network_cannot_have_is_no_comparison(grid, light):
    runs = grid({"softmax": EIGHT, "attentive": [one - 0.01 for one in EIGHT]})
    for seed, error in enumerate(EIGHT):
        here = {ERROR: error, BITS: ONE, USAGE: ONE}
        runs.append(light(f"dense-{seed}", {"baseline": "dense_total", "seed": seed}, here))
    one = choose(Measured(collect(runs)))
    # three pairs in error and the pair of mixtures in information
    assert one.best.comparisons == 4 and one.best.needed == 8
    assert (
        "4 comparisons: every two arms in test error and information I(E;Y), where both arms can have the metric"
        in (" ".join(arm_table(one).notes))
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"columns": "test_eror_rate"}, "--columns: test_eror_rate is not a metric .* Did you mean test_error_rate?"),
        ({"columns": "expert_error_rate"}, "--columns: expert_error_rate is not one number in these runs"),
        ({"columns": " , "}, "--columns is empty"),
        ({"rows": "gate=hash"}, "--rows gate=hash: no such arm with a finished run. There are: gate=softmax, "),
        ({"rows": "gate=softmax,Z"}, "--rows Z: no such arm"),
    ],
)
def test_what_is_not_there(chosen, options, says):
    with pytest.raises(RunError, match=says):
        chosen(**options)


def test_no_finished_run(light):
    with pytest.raises(RunError, match="no run has finished"):
        choose(Measured(collect([light("a", {}, status="failed")])))
