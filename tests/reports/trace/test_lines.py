import pytest

from moe_lab.reports.kit.style import ACCENT, faint
from moe_lab.reports.trace.lines import Line, Panel, line_picture, tick_names


@pytest.mark.parametrize(
    ("layers", "ticks"),
    [
        (["model.layers.1.mlp", "model.layers.12.mlp"], ["1", "12"]),
        (["block10", "block11"], ["10", "11"]),
        (["a", "ab"], ["a", "ab"]),
        (["encoder", "decoder"], ["en", "de"]),
        (["alone"], ["alone"]),
    ],
)
def test_ticks_are_what_tells_layers_apart(layers, ticks):
    assert tick_names(layers) == ticks


def test_intervals_are_drawn_as_pale_as_contrast_allows():
    """And not see-through, which a contrast with white says nothing about."""
    line = Line("estimate", [1.0, 2.0], ACCENT, "-", [0.5, 1.5], [1.5, 2.5])
    svg = line_picture("a", "A", "", ["block0", "block1"], [Panel("A", "bits", (line,))]).svg.decode()
    assert f"stroke: {faint(ACCENT)}" in svg and "stroke-opacity" not in svg


def test_a_value_without_neighbours_has_a_stroke_of_its_own(monkeypatch):
    """A line through one point draws nothing: of one layer, and of a layer between two without a value."""
    from matplotlib.axes import Axes

    drawn = []
    monkeypatch.setattr(Axes, "hlines", lambda axes, y, start, end, **_: drawn.append([*y, *(end + start) / 2]))
    lines = (Line("value", [1.0, 2.0, None, 3.0], ACCENT), Line("null", [None, 4.0, None, None], ACCENT, "--"))
    line_picture("a", "A", "", [f"block{at}" for at in range(4)], [Panel("A", "bits", lines)])
    assert drawn == [[3.0, 3.0], [4.0, 1.0]]
    drawn.clear()
    alone = line_picture("a", "A", "", ["layer"], [Panel("A", "bits", (Line("value", [0.5], ACCENT),))])
    assert drawn == [[0.5, 0.0]] and alone.alt == "A, 1 layer. A: 0.5."


def test_an_alternative_text_has_the_ends_and_where_the_most_is():
    line = Line("value", [1.0, None, 2.0], ACCENT)
    alt = line_picture("a", "A", "", ["block0", "block1", "block2"], [Panel("B", "bits", (line,))]).alt
    assert alt == "A, 3 layers. B: from 1 to 2, the most in block2."
    one = Line("value", [None, 1.0], ACCENT)
    assert line_picture("a", "A", "", ["block0", "block1"], [Panel("B", "bits", (one,))]).alt.endswith(
        "B: 1 in block1."
    )
