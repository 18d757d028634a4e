"""What needs no label, by hand and against loops."""

import itertools
from collections import Counter

import numpy as np
import pytest

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.layers import coactivation, max_violation, of_layer, repeats, vocabulary_specialization
from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.routing.trace import Trace
from tests.metrics.traces.conftest import layer, planted

#: two documents of three rows
EXPERTS = [[0, 1], [0, 2], [1, 0], [1, 2], [1, 0], [-1, -1]]
DOCUMENTS = np.repeat([0, 1], 3).astype(np.int32)


def trace_of(experts=EXPERTS, E=4, **words):
    return Trace(layers=(layer(experts, E, **words),), document_T=DOCUMENTS)


def measured(trace, token_id_T=None):
    return {one.found.measure: one.found for one in of_layer(trace.layers[0], Rows.of(trace), token_id_T)}


def test_balance_at_three_scopes_by_hand():
    found = measured(trace_of())
    # slots of the experts: 4, 4, 2, 0 of 10; mean 2.5
    assert found["slot_max_violation_global"].value == pytest.approx(4 / 2.5 - 1)
    # documents: 3, 2, 1, 0 with mean 1.5, and 1, 2, 1, 0 with mean 1; both are one batch
    assert found["slot_max_violation_document"].value == pytest.approx((1 + 1) / 2)
    assert found["slot_max_violation_batch"].value == pytest.approx(4 / 2.5 - 1)
    assert found["never_selected_experts"].value == 1
    assert found["unrouted_share"].value == 1 / 6
    assert found["slot_entropy_bits"].value == pytest.approx(-(0.8 * np.log2(0.4) + 0.2 * np.log2(0.2)))


def test_batches_are_consecutive_documents():
    """33 documents of one row: the first 32 use two experts evenly, the last one alone; MaxVio 0 and 1."""
    experts = np.arange(33)[:, None] % 2
    trace = Trace(layers=(layer(experts, 2),), document_T=np.arange(33, dtype=np.int32))
    assert measured(trace)["slot_max_violation_batch"].value == pytest.approx((0 + 1) / 2)
    assert measured(trace)["slot_max_violation_document"].value == 1


def test_uneven_use_of_short_documents_is_chance():
    """Rows drawn by themselves with loads .4, .3, .2, .1: documents of 20 rows look far less even than all of them."""
    experts = np.random.default_rng(0).choice(4, size=(20_000, 1), p=[0.4, 0.3, 0.2, 0.1])
    trace = Trace(layers=(layer(experts, 4),), document_T=np.repeat(np.arange(1_000, dtype=np.int32), 20))
    found = measured(trace)
    one = found["slot_max_violation_document"]
    # two means of 1,000 documents with an sd of .35
    assert one.value == pytest.approx(one.null_mean, abs=4 * 0.35 * (2 / 1_000) ** 0.5)
    assert one.value > found["slot_max_violation_global"].value + 0.1
    # a document of one expert is no chance
    alike = Trace(
        layers=(layer(np.repeat(np.arange(4), 50)[:, None], 4),),
        document_T=np.repeat(np.arange(20, dtype=np.int32), 10),
    )
    one = measured(alike)["slot_max_violation_document"]
    assert one.value == 3 and one.null_mean < 2


def test_a_repeated_first_choice_and_its_chance():
    first = Chosen.first(trace_of().layers[0], Rows.of(trace_of()))
    found = repeats(first, Rows.of(trace_of()))
    # pairs within documents with both routed: 0-0, 0-1, 1-1; the last row has no expert
    assert found.value == pytest.approx(2 / 3)
    # first choices 0, 0, 1, 1, 1
    assert found.chance == pytest.approx((2 / 5) ** 2 + (3 / 5) ** 2)


def test_repeats_of_independent_rows_are_at_chance_with_unequal_loads():
    rng = np.random.default_rng(0)
    experts = rng.choice(4, size=(20_000, 1), p=[0.6, 0.2, 0.1, 0.1])
    trace = Trace(layers=(layer(experts, 4),), document_T=np.repeat(np.arange(200, dtype=np.int32), 100))
    found = measured(trace)["repeat_rate"]
    # four standard errors of 19,800 pairs, which are nearly independent; 1 / E would be .25
    assert found.value == pytest.approx(found.null_mean, abs=4 * 0.0035)
    assert found.null_mean == pytest.approx(0.42, abs=0.01)
    assert found.low < found.null_mean < found.high


def test_coactivation_counts_all_pairs():
    """OLMoE's script counts neighbouring ranks alone: of (0, 1, 2), 0 and 2 never count as selected together."""
    ranked = [[0, 1, 2], [0, 1, 2], [2, 1, 3]]
    trace = Trace(layers=(layer(ranked, 5),), document_T=np.zeros(3, dtype=np.int32))
    together = coactivation(Chosen.slots(trace.layers[0], Rows.of(trace)))
    single = Counter(itertools.chain(*ranked))
    pairs = Counter(pair for row in ranked for pair in itertools.permutations(row, 2))
    for first, second in itertools.permutations(range(5), 2):
        if first == 4:
            assert np.isnan(together[first, second])
        else:
            assert together[first, second] == pairs[first, second] / single[first]
    neighbours = Counter(pair for row in ranked for pair in itertools.pairwise(row))
    adjacent = (neighbours[0, 2] + neighbours[2, 0]) / single[0]
    assert together[0, 2] == 1 and adjacent == 0
    assert measured(trace)["coactivation_highest"].value == 1


def test_coactivation_of_blocks_and_of_one_slot(monkeypatch):
    trace = planted(K=3, E=7, seed=1)
    slots = Chosen.slots(trace.layers[0], Rows.of(trace))
    whole = coactivation(slots)
    selected_NE = (trace.layers[0].experts_TK[..., None] == np.arange(7)).any(1).astype(float)
    both = selected_NE.T @ selected_NE
    np.fill_diagonal(both, np.nan)
    assert whole == pytest.approx(both / selected_NE.sum(0)[:, None], nan_ok=True)
    monkeypatch.setattr("moe_lab.metrics.traces.layers.BLOCK", 10)
    assert np.array_equal(coactivation(slots), whole, equal_nan=True)
    with pytest.raises(Undefined, match="no row selects more than one expert"):
        coactivation(Chosen(7, slots.experts_TK[:, :1]))


def test_vocabulary_specialization_by_hand():
    # token 5: 12 rows, 9 of them with expert 1; token 6: 10 rows, 5 and 5; token 7: two rows do not count
    experts = [[1]] * 9 + [[0]] * 3 + [[0]] * 5 + [[2]] * 5 + [[0]] * 2
    token_id_T = np.repeat([5, 6, 7], [12, 10, 2])
    trace = Trace(layers=(layer(experts, 3),), document_T=np.zeros(24, dtype=np.int32))
    first = Chosen.first(trace.layers[0], Rows.of(trace))
    assert vocabulary_specialization(first, token_id_T) == pytest.approx((9 / 12 + 1 / 2) / 2)
    with pytest.raises(Undefined, match="no token ids"):
        vocabulary_specialization(first, None)


def test_what_is_undefined_has_a_reason():
    nothing = measured(trace_of([[-1, -1]] * 6))
    assert nothing["slot_entropy_bits"].reason == "no row selects an expert"
    assert nothing["repeat_rate"].reason == "no row selects an expert"
    assert nothing["unrouted_share"].value == 1
    unranked = measured(trace_of(ranked=False))
    assert "no first choice" in unranked["repeat_rate"].reason
    assert unranked["coactivation_highest"].value is not None
    single = measured(trace_of([[0]] * 6, E=1))
    assert single["coactivation_highest"].reason == "there is only one expert, so there is no choice"


def test_max_violation_by_hand():
    # one of four has everything: 4 - 1
    assert max_violation(np.array([[5, 0, 0, 0], [2, 2, 2, 2]])).tolist() == [3, 0]
