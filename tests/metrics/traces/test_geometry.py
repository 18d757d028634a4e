import numpy as np
import pytest

from moe_lab.metrics.traces import router_geometry


def test_by_hand():
    # cosines of the pairs: 0, 1, 0; Gram matrix [[1, 0, 2], [0, 4, 0], [2, 0, 4]] less 1: 2 + 3 + 2 + 3
    found = {one.measure: one for one in router_geometry(np.array([[1.0, 0.0], [0.0, 2.0], [2.0, 0.0]]), "block0")}
    assert found["router_cosine"].value == pytest.approx(1 / 3) and found["router_cosine"].layer == "block0"
    assert found["router_gram_distance"].value == pytest.approx(10)


def test_what_is_undefined_has_a_reason():
    assert router_geometry(np.ones((1, 3)))[0].reason == "there is only one expert"
    assert "all zero" in router_geometry(np.zeros((2, 3)))[0].reason
