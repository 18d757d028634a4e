"""Two layers, two steps, two models."""

from dataclasses import replace

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.metrics.formulas import entropy_bits, mutual_information_bits
from moe_lab.metrics.traces import compare_models, compare_steps, measure
from moe_lab.routing.trace import Trace
from tests.metrics.traces.conftest import layer, planted


def by_measure(found):
    return {one.measure: one for one in found}


def changed(trace, *layers):
    return Trace(layers=layers, document_T=trace.document_T, token_id_T=trace.token_id_T)


def test_saturation_and_drift_by_hand():
    documents = np.array([0, 0, 1, 1], dtype=np.int32)
    earlier = Trace(layers=(layer([[0, 1], [2, -1], [3, 1], [-1, -1]], 4),), document_T=documents)
    later = Trace(layers=(layer([[1, 0], [0, 1], [0, 1], [2, 3]], 4),), document_T=documents)
    found = by_measure(compare_steps(earlier, later))
    # 2 of 2, 0 of 1, 1 of 2; the last row selected none before
    assert found["saturation"].value == pytest.approx((1 + 0 + 1 / 2) / 3)
    before, after = np.array([1, 2, 1, 1]) / 5, np.array([3, 3, 1, 1]) / 8
    expected = entropy_bits((before + after) / 2) - (entropy_bits(before) + entropy_bits(after)) / 2
    assert found["usage_drift_bits"].value == pytest.approx(expected)
    same = by_measure(compare_steps(later, later))
    assert same["saturation"].value == 1 and same["usage_drift_bits"].value == 0


def test_only_steps_of_one_model_on_the_same_rows_are_compared():
    trace, other = planted(), planted(seed=1)
    with pytest.raises(RunError, match="not of the same rows"):
        compare_steps(trace, other)
    with pytest.raises(RunError, match="not of the same rows"):
        compare_models(trace, other)
    with pytest.raises(RunError, match="different layers"):
        compare_steps(trace, planted(L=2))


def test_models_that_number_their_experts_differently_agree():
    trace = planted(K=1)
    renamed = np.append(np.random.default_rng(0).permutation(6), -1)
    other = changed(trace, layer(renamed[trace.layers[0].experts_TK], 6, "their0"))
    [found] = compare_models(trace, other, permutations=39)
    assert (found.measure, found.layer) == ("matched_agreement", "block0 -> their0")
    assert found.value == 1
    assert found.null_mean < 0.5 and found.p == 1 / 40


def test_models_without_a_relation_agree_by_chance():
    trace = planted(K=1, D=60)
    drawn = np.random.default_rng(1).integers(0, 6, (trace.rows, 1))
    [found] = compare_models(trace, changed(trace, layer(drawn, 6)), permutations=39)
    # 1,500 rows: chance by matching is above 1/6
    assert found.value == pytest.approx(found.null_mean, abs=0.03)
    assert found.p > 0.02


def test_neighbouring_layers_by_the_formula():
    trace = planted(L=3, K=2)
    # every second row of the second layer repeats the first layer's choice
    follows = np.where(np.arange(trace.rows)[:, None] % 2 == 0, trace.layers[0].experts_TK, trace.layers[1].experts_TK)
    trace = replace(trace, layers=(trace.layers[0], layer(follows, 6, "block1"), trace.layers[2]))
    found = [one for one in measure(trace, permutations=19) if one.measure == "cross_layer_information_per_usage"]
    assert [one.layer for one in found] == ["block0 -> block1", "block1 -> block2"]
    first, second = (one.experts_TK[:, 0] for one in trace.layers[:2])
    both = (first >= 0) & (second >= 0)
    table = np.zeros((6, 6))
    np.add.at(table, (first[both], second[both]), 1)
    assert found[0].value == pytest.approx(mutual_information_bits(table) / entropy_bits(table.sum(0)))
    assert found[0].p == 1 / 20
