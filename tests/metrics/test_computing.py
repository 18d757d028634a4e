"""How much computing rows take, by hand."""

import numpy as np
import pytest

from moe_lab.metrics.computing import computing_metrics, share_by_value, taken
from moe_lab.reports.network.computing import computing_sections
from moe_lab.routing.trace import Labels, LayerTrace, Trace

#: of four experts the first two have a network
LAYER = LayerTrace(name="block0", experts=4, experts_TK=np.array([[0, 1], [2, 0], [3, 2], [1, -1], [-1, -1]]))
PLAIN = LayerTrace(name="block1", experts=2, experts_TK=np.array([[0], [1], [1], [0], [1]]))
CLASS = Labels(value=np.array([0, 1, 1, 0, 2]), names=("a", "b", "c"))
TRACE = Trace(layers=(LAYER, PLAIN), document_T=np.arange(5), document_labels={"class": CLASS})
COSTS = {"computing_experts": np.array([2, 2])}


def test_experts_with_a_network():
    every, own = taken(LAYER, 2)
    assert (every.tolist(), own.tolist()) == ([2, 2, 2, 1, 0], [2, 1, 0, 1, 0])


def test_metrics():
    found = computing_metrics(TRACE, COSTS)
    # block1 has none that computes nothing
    assert list(found) == ["block0"]
    # (2 + 1 + 0 + 1 + 0) / 5; 4 of 7; a: 3 of 3, b: 1 of 4, c selects nothing
    assert found["block0"] == {
        "computing_experts_per_row": {"value": 0.8, "unit": "count"},
        "computing_share": {"value": pytest.approx(4 / 7), "unit": "fraction"},
        "attribute_computing_share": {
            "value": {"class: a": 1.0, "class: b": 0.25, "class: c": None},
            "unit": "fraction",
        },
    }
    share = share_by_value(TRACE, LAYER, 2, "class")
    assert share[:2].tolist() == [1.0, 0.25] and np.isnan(share[2])
    assert computing_metrics(TRACE, {}) == {}


def test_no_row_selects_anything():
    nothing = LayerTrace(name="block0", experts=4, experts_TK=np.full((5, 1), -1))
    trace = Trace(layers=(nothing,), document_T=np.arange(5))
    found = computing_metrics(trace, {"computing_experts": np.array([2])})["block0"]
    assert found["computing_share"] == {"value": None, "unit": "fraction", "reason": "no row selects an expert"}


def test_the_report_has_a_table():
    (section,) = computing_sections(TRACE, COSTS)
    (table,) = section.tables
    assert table.rows == (("class", "a", "100.0\N{NO-BREAK SPACE}%", "b", "25.0\N{NO-BREAK SPACE}%"),)
    assert "2 of 4 experts have a network" in table.caption and "a row selects 0.80" in table.caption
    assert "over all rows it is 57.1\N{NO-BREAK SPACE}%" in table.caption
    assert computing_sections(TRACE, {}) == []
