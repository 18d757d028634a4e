"""How early rows select their last experts, by hand."""

import numpy as np
import pytest

from moe_lab.metrics.network_arrays import ABSENT, LayerArrays
from moe_lab.metrics.registry import METRICS, Undefined
from moe_lab.metrics.saturation import SHARES, kept_steps, saturation, step_of
from moe_lab.routing.trace import LayerTrace, Trace

LAYERS = tuple(LayerTrace(name=f"block{n}", experts=3, experts_TK=np.zeros((1, 1), int)) for n in range(2))
TRACE = Trace(layers=LAYERS, document_T=np.zeros(1, int))


def chosen(*rows):
    """bool [T, E] of three experts, from the numbers of those that each row selects."""
    return np.array([[e in row for e in range(3)] for row in rows])


def test_share_of_the_last_set_that_is_there_already():
    first, last = chosen({0, 1}, {2}, {0}, {1}), chosen({0, 2}, {2}, {1}, set())
    # 1/2, 1 and 0 of the three rows that select something at the end
    assert saturation(np.stack([first, last])).tolist() == [0.5, 1.0]
    with pytest.raises(Undefined, match="no row selects"):
        saturation(np.zeros((2, 4, 3), bool))


def test_steps_that_are_kept():
    assert kept_steps(1000) == [0, 10, 50, 100, 200, 400, 600, 800, 1000]
    # of three steps a hundredth to a fifth are done after the first, two fifths and three after the second
    assert kept_steps(3) == [0, 1, 2, 3]
    assert [step_of(share, 3) for share in SHARES] == [0, 1, 1, 1, 1, 2, 2, 3]


def test_by_share_of_each_layer():
    last = chosen({0}, {1})
    steps = [chosen({0}, {1}), chosen({1}, {0}), chosen({0}, {0}), last]
    other = [np.zeros_like(last)] * 4
    selected = np.stack([np.stack(pair) for pair in zip(steps, other, strict=True)])
    files = {"selections": {"step": np.array([0, 1, 2, 3]), "selected": selected}}
    first, second = (METRICS["saturation_by_step"].entry(LayerArrays(TRACE, files, number)) for number in (0, 1))
    assert first == {
        "value": {"0": 1.0, "0.01": 0.0, "0.05": 0.0, "0.1": 0.0, "0.2": 0.0, "0.4": 0.5, "0.6": 0.5, "0.8": 1.0},
        "unit": "fraction",
    }
    assert second["reason"] == "no row selects an expert at the end"


def test_without_a_validation_split():
    assert METRICS["saturation_by_step"].entry(LayerArrays(TRACE, {}, 0))["reason"] == ABSENT["selections"]
