"""What a report shows of the closer look: attributes, references, interventions, similarity, regions, weights."""

import numpy as np
import pytest

from moe_lab.metrics import RunArrays, compute
from moe_lab.reports.kit.heat import heat_maps
from moe_lab.reports.run.attributes import attribute_bars, attribute_table, attributes
from moe_lab.reports.run.gate_weights import gate_pictures
from moe_lab.reports.run.interventions import removal_picture, swap_picture
from moe_lab.reports.run.references import reference_table
from moe_lab.reports.run.regions import own_answers_picture, region_picture
from moe_lab.reports.run.regretted_images import regretted_images
from moe_lab.reports.run.similarity import similarity_picture


@pytest.fixture(scope="module")
def run(make_run):
    return make_run("closer", experts=3)


@pytest.fixture(scope="module")
def arrays(run):
    return RunArrays.from_run(run)


def metrics_of(values: dict[str, tuple[float, ...]]) -> dict:
    """Entries as metrics.json has them, of attributes in an order of its own."""
    names = ("information_per_usage", "information_null_per_usage", "information_null_95_per_usage")
    names += ("given_class_bits", "given_class_null_bits", "given_class_null_95_bits")
    names += ("corrected_p_value",)
    columns = zip(*values.values(), strict=True)
    return {
        f"attribute_{name}": {"value": dict(zip(values, column, strict=True)), "unit": "any"}
        for name, column in zip(names, columns, strict=True)
    }


def test_attributes_are_ranked_and_judged_by_what_is_beyond_the_class():
    rows = attributes(
        metrics_of(
            {
                # beyond its 95 % point, but no longer where several attributes are looked at
                "ink": (0.1, 0.09, 0.11, 0.035, 0.01, 0.03, 0.12),
                "class": (0.8, 0.8, 0.8, 0, 0, 0, 1.0),
                "cell": (0.5, 0.2, 0.3, 0.4, 0.1, 0.2, 0.005),
            }
        )
    )
    assert [row.name for row in rows] == ["class", "cell", "ink"]
    table = attribute_table(rows, "class")
    assert [row[-1] for row in table.rows] == [
        "follows from the class",
        "more than the class",
        "no more than the class",
    ]
    assert [row[-2] for row in table.rows] == ["\N{EN DASH}", "0.005", "0.120"]
    assert table.rows[1][:4] == (
        "cell",
        "50.0\N{NO-BREAK SPACE}%",
        "20.0\N{NO-BREAK SPACE}%",
        "0.40\N{NO-BREAK SPACE}bits",
    )
    picture = attribute_bars(rows, "class", 360)
    assert [row["name"] for row in picture.rows] == ["class", "cell", "ink"]
    assert picture.rows[1]["told"] == 0.5 and "360 test samples" in picture.caption


def test_a_run_of_before_has_no_p_values():
    metrics = metrics_of({"ink": (0.1, 0.09, 0.11, 0.035, 0.01, 0.03, 0.12)})
    del metrics["attribute_corrected_p_value"]
    table = attribute_table(attributes(metrics), "class")
    assert table.rows[0][-1].startswith("no p-value")


def test_without_attributes_there_is_nothing_to_rank():
    assert attributes({}) == []
    assert attributes({"attribute_information_per_usage": {"value": None, "unit": "fraction", "reason": "why"}}) == []


def test_the_run_stands_above_its_references(run, arrays):
    table = reference_table(run.metrics, arrays, "class")
    assert [row[0] for row in table.rows] == [
        "this run's gate",
        "a nearest-neighbour gate on this run's experts",
        "k-means of the inputs",
        "the gate before training",
        "the best expert, class known (oracle)",
    ]
    assert table.rows[0][2] == "1.00" and table.rows[2][3] == "\N{EN DASH}"
    assert reference_table({}, arrays, "class") is None


def test_what_is_lost_without_an_expert(run, arrays):
    picture = removal_picture(run.metrics, arrays)
    own = run.metrics["removal_own_drop"]["value"]
    assert [row["removal_own_drop_points"] for row in picture.rows] == pytest.approx([100 * drop for drop in own])
    assert removal_picture({"removal_own_drop": {"value": None}}, arrays) is None
    swaps = swap_picture(run.metrics, arrays)
    drops = run.metrics["swap_drop"]["value"]
    assert {
        f"{row['expert']}-{row['other']}": row["error added (points)"] / 100 for row in swaps.rows
    } == pytest.approx(drops)


def test_an_expert_without_samples_has_no_dot_but_a_row(make_run):
    run = make_run("collapsed", experts=3, collapsed=True)
    arrays = RunArrays.from_run(run)
    picture = removal_picture(compute(arrays), arrays)
    assert [row["removal_own_drop_points"] is None for row in picture.rows] == [False, True, True]


def test_every_two_experts_are_compared(run, arrays):
    picture = similarity_picture(arrays)
    wrong = arrays.expert_prediction_NE != arrays.label_N[:, None]
    first = picture.rows[0]
    assert (first["expert"], first["other"], len(picture.rows)) == (0, 1, 3)
    assert first["correlation of errors"] == pytest.approx(np.corrcoef(wrong[:, 0], wrong[:, 1])[0, 1])
    assert first["features (linear CKA)"] == pytest.approx(run.arrays("evaluation")["feature_cka"][0, 1])


def test_many_experts_and_missing_values_are_drawn():
    values = np.linspace(0, 1, 1600).reshape(40, 40)
    values[3] = np.nan
    assert len(heat_maps("many", "Many", {"share": (values, "Blues", 0, 1)}, "How.", 4.6).rows) == 780
    assert "none" in heat_maps("none", "None", {"a": (np.full((2, 2), np.nan), "Blues", 0, 1)}, "How.", 4.6).alt


def test_the_plane(arrays):
    """The left half is expert 0's, the right half expert 2's, but for a strip that nobody has."""
    side = np.linspace(0, 1, 21)
    expert = np.where(side < 0.5, 0, 2)[None].repeat(21, 0)
    expert[0] = -1
    regions = {
        "x": side,
        "y": side,
        "points": np.random.default_rng(0).random((arrays.samples, 2)),
        "expert": expert,
        "prediction": expert % 2,
        "expert_prediction": np.stack([expert % 2] * 3),
    }
    picture = region_picture(regions, arrays, [str(c) for c in range(10)])
    assert "2 of 3 have a region" in picture.alt
    assert len(picture.rows) == 25 and picture.rows[0] == {"x": 0, "y": 0, "expert": -1, "prediction": 1}
    own = own_answers_picture(regions, [str(c) for c in range(10)])
    assert "3 maps" in own.alt and set(own.rows[0]) == {"x", "y", *(f"expert_prediction_{e}" for e in range(3))}


def test_weights_of_a_linear_gate_are_images_where_samples_are():
    picture = gate_pictures(np.arange(2 * 3 * 2 * 2.0).reshape(2, 3, 2, 2))
    # mean over the three channels of the first pixel: (0 + 4 + 8) / 3 and (12 + 16 + 20) / 3
    assert picture.rows[0] == {"row": 0, "column": 0, "expert_0": 4, "expert_1": 16}
    assert gate_pictures(np.zeros((2, 2))) is None


def test_regretted_images(run):
    examples = run.arrays("examples")
    picture = regretted_images(examples, [str(c) for c in range(10)])
    assert [row["sample_index"] for row in picture.rows] == examples["regret_sample_index"].tolist()
    assert picture.rows[0]["best"] == examples["regret_best"][0]
    assert regretted_images({"image": examples["image"]}, None) is None
