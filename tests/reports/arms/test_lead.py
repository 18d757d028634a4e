"""The first screen of a report of many runs."""

from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.dots import forest
from moe_lab.reports.arms.lead import first_rows, lead_header, lead_rows
from moe_lab.reports.arms.look import Look
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.arms.tables import Cell, MetricTable, blocks


def words(rows):
    return [[cell.text for cell in row] for row in rows]


def test_the_best_arm_stands_first(grid, light):
    runs = grid({"softmax": [0.3, 0.3], "attentive": [0.1, 0.1], "top_k": [0.2, 0.2]})
    runs.append(light("late", {"gate": "top_k", "seed": 7}, status="diverged"))
    found = Measured(collect(runs))
    assert lead_header(found) == [
        "arm", "Test error (%)", "Information I(E;Y) (bits)", "I(E;Y)/H(load) (%)", "seeds", "note"
    ]  # fmt: skip
    # I(E;Y)/H(load) is .8 less the error, I(E;Y) twice that
    assert words(lead_rows(found, found.ranked)) == [
        ["attentive", "10.0", "1.40", "70.0", "2", ""],
        ["top_k", "20.0", "1.20", "60.0", "2", "1 diverged"],
        ["softmax", "30.0", "1.00", "50.0", "2", "reference"],
    ]


def test_single_runs_have_their_names_and_unfinished_arms_a_dash(grid, light):
    runs = [*grid({"softmax": [0.3]}), light("gone", {"gate": "hash"}, status="failed")]
    found = Measured(collect(runs))
    assert words(lead_rows(found, found.ranked)) == [
        ["softmax", "30.0", "1.00", "50.0", "softmax-0", ""],
        ["hash", "\N{EN DASH}", "\N{EN DASH}", "\N{EN DASH}", "gone", "1 failed"],
    ]


def test_of_many_arms_the_best_twelve_and_the_reference_are_shown(grid):
    errors = {"softmax": [0.9, 0.9]} | {f"gate_{place:02}": [0.01 * place] * 2 for place in range(20)}
    found = Measured(collect(grid(errors)))
    rows = words(first_rows(found))
    assert lead_header(found)[:2] == ["arm", "choices"]
    assert [row[1] for row in rows] == [f"gate_{place:02}" for place in range(12)] + ["softmax"]
    error, _ = forest(found, Look(found.arms))
    assert error.stem == "best_metric_test_error_rate" and "The best 12 of 21 arms." in error.caption
    # the CSV has every seed of every arm
    assert len(error.rows) == 2 * 21 and "Means: B 0; " in error.alt.replace("0.0", "0")


def test_a_wide_table_is_cut_into_several_as_wide_as_a_page():
    table = MetricTable(["arm", *"abcdefgh"], [[Cell("x"), *map(Cell, "12345678")]], keyed=True)
    first, second = blocks(table)
    assert first.header == ["arm", *"abcdef"] and second.header == ["arm", "g", "h"]
    assert words(second.rows) == [["x", "7", "8"]]
    few = MetricTable(["metric", "x"], [], keyed=False)
    assert blocks(few) == [few]
