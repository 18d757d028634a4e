"""The geometry of experts, by hand."""

import numpy as np
import pytest

from moe_lab.metrics.network_arrays import ONE_EXPERT, LayerArrays
from moe_lab.metrics.registry import METRICS
from moe_lab.routing.trace import LayerTrace, Trace

NAMES = [name for name, one in METRICS.items() if one.group == "geometry"]
N = np.nan


def entry(name, experts=3, **stored):
    """Of the first of two layers; the second has four experts and a wider router."""
    layers = tuple(
        LayerTrace(name=f"block{n}", experts=e, experts_TK=np.zeros((1, 1), int)) for n, e in enumerate((experts, 4))
    )
    trace = Trace(layers=layers, document_T=np.zeros(1, int))
    files = {"geometry": {one: np.array([array], np.float32) for one, array in stored.items()}}
    return METRICS[name].entry(LayerArrays(trace, files, 0))


def test_router_rows():
    rows = [[1, 0, N], [0, 2, N], [2, 0, N], [N, N, N]]
    # cosines 0, 1 and 0
    assert entry("router_cosine", router_weights=rows)["value"] == pytest.approx(1 / 3)
    # W W' = 1 0 2 / 0 4 0 / 2 0 4: 2 + 3 + 2 + 3
    assert entry("router_gram_distance", router_weights=rows)["value"] == 10
    nothing = entry("router_cosine", router_weights=np.full((4, 3), N))
    assert nothing["reason"] == "the gate has no linear layer with a row of weights for each expert"
    assert "all zero" in entry("router_cosine", experts=2, router_weights=[[1, 0], [0, 0]])["reason"]


def test_largest_alpha():
    response = [[2, 3, 1, N], [1, 4, 4, N], [0, 2, 5, N], [N, N, N, N]]
    # expert 0: max(3, 1, 1, 0) / 2; expert 1: max(1, 3, 4, 2) / 4; expert 2: max(0, 1, 2, 4) / 5
    assert entry("erc_alpha", router_response=response)["value"] == 1.5
    # an expert without a network is left out
    idle = [[2, 3, N], [1, 4, N], [N, N, N]]
    assert entry("erc_alpha", router_response=idle)["value"] == 1.5
    assert "own weights" in entry("erc_alpha", router_response=[[0, 1, 1], [1, 2, 1], [1, 1, 3]])["reason"]
    assert "not linear" in entry("erc_alpha", router_response=np.full((3, 3), N))["reason"]
    alone = [[2, N, N], [N, N, N], [N, N, N]]
    assert entry("erc_alpha", router_response=alone)["reason"] == "only one expert has a network"


def test_outputs():
    cosine = [[1, 0.5, N], [0.5, 1, N], [N, N, N]]
    assert entry("expert_output_cosine", output_cosine=cosine)["value"] == 0.5
    assert entry("expert_output_cosine", output_cosine=np.full((3, 3), N))["value"] is None
    assert entry("expert_output_overlap", output_overlap=0.25)["value"] == 0.25
    assert "no row selects several" in entry("expert_output_overlap", output_overlap=N)["reason"]


@pytest.mark.parametrize("name", NAMES)
def test_one_expert(name):
    assert entry(name, experts=1)["reason"] == ONE_EXPERT
