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
