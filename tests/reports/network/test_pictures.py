"""Parts of a network's page, by hand."""

import numpy as np
import pytest

from moe_lab.reports.network.dynamics import information_curves, layer_dynamics
from moe_lab.reports.network.history import layers_of
from moe_lab.reports.network.patches import TINT, Shown, tinted
from moe_lab.reports.network.sections import left_out_of_ablation
from moe_lab.reports.network.shown import left_out, shown_layers
from moe_lab.routing.trace import LayerTrace, Trace


def trace(rows=8, places=4, experts=3):
    document_T = np.repeat(np.arange(rows // places), places)
    layer = LayerTrace(name="block0", experts=experts, experts_TK=np.zeros((rows, 1), int))
    return Trace(layers=(layer,), document_T=document_T, position_T=np.tile(np.arange(places), rows // places))


def examples(shape=(1, 4, 4)):
    return {"image": np.zeros((2, *shape), np.uint8), "label": np.array([1, 0]), "document": np.array([0, 1])}


def test_images_stand_by_class_and_their_rows_by_place():
    shuffled = trace()
    order = np.array([6, 2, 0, 7, 1, 3, 5, 4])
    turned = Trace(
        layers=shuffled.layers,
        document_T=shuffled.document_T[order],
        position_T=shuffled.position_T[order],
    )
    shown = Shown.of(turned, examples(), ["a", "b"])
    assert shown.side == 2 and shown.document_M.tolist() == [1, 0]
    # of document 1 the rows that have the places 4 to 7 in the order above, then those of document 0
    assert shown.rows_MS.tolist() == [[7, 6, 0, 3], [2, 4, 1, 5]]


@pytest.mark.parametrize("shape", [(2, 4, 4), (1, 3, 3), (1, 2, 6)])
def test_what_is_no_image_or_is_not_divided_is_not_shown(shape):
    assert Shown.of(trace(), examples(shape), ["a", "b"]) is None


def test_rows_that_are_whole_images_are_not_shown():
    assert Shown.of(trace(2, 1), examples(), ["a", "b"]) is None


def test_a_patch_is_mixed_with_the_colour_of_its_expert():
    image = np.zeros((1, 1, 56, 56), np.uint8)
    image[..., :28, :28] = 255
    shown = Shown(image, np.zeros(1, int), np.zeros(1, int), np.arange(4)[None], ["a"])
    mixed = tinted(shown, 0, np.array([0, 1, 1, -1]), ["#ff0000", "#0000ff"])
    corners = mixed[[0, 0, 55, 55], [0, 55, 0, 55]].tolist()
    tint, grey = round(255 * TINT), round(255 * (1 - TINT))
    # white under red, black under blue twice, black without an expert
    assert corners == [[255, grey, grey], [0, 0, tint], [0, 0, tint], [tint, tint, tint]]


def test_information_by_hand():
    # after the first epoch the expert says nothing of two classes, after the second everything
    counts = np.array([[[[5, 5], [5, 5]]], [[[10, 0], [0, 10]]]])
    picture = information_curves(counts, ["block0"], "class")
    assert [row["block0"] for row in picture.rows] == pytest.approx([0.0, 1.0])


def test_layers_by_the_columns_of_the_history():
    row = {"epoch": 1.0, "block0_usage_share_0": 1.0, "block3_usage_share_0": 0.5, "block3_usage_share_1": 0.5}
    row |= {
        f"block3_{split}_{name}_entropy_bits": 1.0 for split in ("train", "validation") for name in ("usage", "sample")
    }
    assert layers_of([row]) == ["block0", "block3"] and layers_of([]) == []
    # a layer of one expert has no dynamics
    [section] = layer_dynamics([row], None, "class")
    assert [picture.title for picture in section.pictures] == [
        "Usage of each expert: block3",
        "Entropies of the gate: block3",
    ]


def test_of_many_layers_the_first_and_the_last_have_pictures():
    names = [f"block{number}" for number in range(12)]
    # 0, 3.7, 7.3 and 11, rounded
    assert shown_layers(names) == [f"block{number}" for number in (0, 4, 7, 11)]
    assert left_out(names) == ("Pictures of 4 of 12 mixture layers.",) and left_out(names[:4]) == ()


def test_what_the_bounds_left_out_is_said():
    removed = np.zeros((1, 3, 1))
    arrays = {"document": np.array([0]), "removed_loss": removed}
    assert left_out_of_ablation(trace(), arrays) == ["Measured on 1 of the 2 test samples, evenly spaced."]
    removed[0, 1] = np.nan
    arrays = {"document": np.array([0, 1]), "removed_loss": removed}
    assert left_out_of_ablation(trace(), arrays) == [
        "2 of 3 experts were removed, those of each layer that most rows select."
    ]
