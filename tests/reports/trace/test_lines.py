import pytest

from moe_lab.reports.trace.lines import tick_names


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
