"""All measures at once: what is there, what is said where nothing can be, and that order means nothing."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from moe_lab.metrics import METRICS
from moe_lab.metrics.formulas import entropy_bits, mutual_information_bits
from moe_lab.metrics.network_arrays import LayerArrays
from moe_lab.metrics.trace_arrays import compute_layers
from moe_lab.metrics.traces import MEASURES, measure, measure_counts, router_geometry
from moe_lab.routing.trace import Trace
from tests.metrics.traces.conftest import labels, layer, planted

HEADLINE = "slot_information_per_usage"


def found_in(trace, **words):
    return {(one.measure, one.layer, one.label): one for one in measure(trace, **words)}


@pytest.fixture(scope="module")
def found():
    return found_in(planted(L=2, D=60), permutations=39)


def test_every_measure_of_a_trace_is_there(found):
    scopes = {name for name, one in MEASURES.items() if one.scope in ("label", "layer")}
    assert {measure for measure, _, _ in found} == scopes | {"cross_layer_information_per_usage"}
    tables = {(layer, label) for name, layer, label in found if name == HEADLINE}
    assert tables == {(f"block{n}", label) for n in range(2) for label in ("domain", "class")}
    assert all(one.definition and one.source for one in MEASURES.values())


def test_each_value_or_its_reason(found):
    for one in found.values():
        assert (one.value is None) != (one.reason is None)
        assert (one.p is None) != (one.p_reason is None) and (one.p is None) == (one.adjusted_p is None)
        assert one.unit == MEASURES[one.measure].unit
        if one.value is not None:
            assert (one.low is None) != (one.interval_reason is None)
            low, high = MEASURES[one.measure].low, MEASURES[one.measure].high
            assert low <= one.value <= (math.inf if high is None else high)
            assert one.low is None or one.low <= one.estimate <= one.high
            assert one.low is None or MEASURES[one.measure].is_information or low <= one.low


def test_a_negative_estimate_lies_in_its_interval():
    """Six documents whose labels mean nothing: what the estimate takes off the plug-in value may exceed it."""
    few = [one for seed in range(5) for one in measure(planted(D=6, follow=0.0, seed=seed), permutations=19)]
    known = [one for one in few if one.low is not None]
    assert all(one.low <= one.estimate <= one.high for one in known)
    below = [one for one in known if one.estimate < 0]
    assert {one.measure for one in below} >= {HEADLINE, "slot_information_bits", "jensen_shannon_bits"}
    # half of the interval is below the estimate, as for any other
    assert all(one.estimate - one.low == pytest.approx(one.high - one.estimate) for one in below)


def test_the_headline_is_the_formula(found):
    trace = planted(L=2, D=60)
    label_T = trace.document_labels["domain"].value[trace.document_T]
    table = np.zeros((2, 6))
    for column in trace.layers[0].experts_TK.T:
        np.add.at(table, (label_T[column >= 0], column[column >= 0]), 1)
    one = found[HEADLINE, "block0", "domain"]
    assert one.value == pytest.approx(mutual_information_bits(table) / entropy_bits(table.sum(0)))
    assert one.corrected == pytest.approx(one.value - one.null_mean)
    assert one.p == 1 / 40 and one.documents == 60


def test_neither_rows_nor_experts_nor_permutations_have_a_say_in_their_order():
    one, other = planted(seed=5), planted(seed=5, shuffle=True)
    renamed = np.append(np.random.default_rng(0).permutation(6), -1)
    other = replace(other, layers=(layer(renamed[other.layers[0].experts_TK], 6),))
    left, right = (measure(trace, permutations=19) for trace in (one, other))
    for first, second in zip(left, right, strict=True):
        assert first.measure == second.measure and first.reason == second.reason
        for field in ("value", "null_mean", "p", "adjusted_p", "low", "high"):
            ours, theirs = getattr(first, field), getattr(second, field)
            assert (ours is None) == (theirs is None)
            assert ours is None or ours == pytest.approx(theirs, abs=1e-9), (first.measure, field)


def test_too_few_documents_have_no_p():
    """Four documents, two a label: 4! / (2! 2!) / 2 = 3 arrangements that differ."""
    trace = planted(D=4, G=2)
    trace = replace(trace, document_labels={"domain": labels([0, 0, 1, 1])})
    one = found_in(trace)[HEADLINE, "block0", "domain"]
    assert one.p is None and one.adjusted_p is None
    assert one.p_reason == "too few documents: 4 allow no p below 0.33"
    assert one.warnings == ("fewer than 20 documents: a (2), b (2)",)
    assert one.value is not None and one.null_mean is not None
    # documents without a label do not count
    more = replace(planted(D=30, G=2), document_labels={"domain": labels([0, 0, 1, 1] + [-1] * 26)})
    other = found_in(more)[HEADLINE, "block0", "domain"]
    assert (other.p_reason, other.documents) == (one.p_reason, 4)
    assert other.left_out == pytest.approx(np.mean(more.document_T >= 4))


def test_too_few_permutations_have_no_p():
    one = found_in(planted(), permutations=18)[HEADLINE, "block0", "domain"]
    assert one.p_reason == "too few permutations: 18 allow no p below 0.053; take at least 19"


def test_what_is_undefined_has_a_reason():
    trace = replace(planted(D=12), document_labels={"domain": labels(np.zeros(12))}, token_id_T=None, row_labels={})
    found = found_in(trace, permutations=19)
    assert found[HEADLINE, "block0", "domain"].reason == "every row is labelled a"
    assert found["document_accuracy", "block0", "domain"].reason == "the documents have fewer than two labels"
    one = found["information_given_token_per_usage", "block0", "domain"]
    assert one.reason == one.p_reason == "the trace has no token ids"
    same = Trace(
        layers=(layer(np.zeros((6, 1)), 3),),
        document_T=np.arange(6, dtype=np.int32),
        document_labels={"domain": labels([0, 0, 0, 1, 1, 1])},
    )
    assert found_in(same)[HEADLINE, "block0", "domain"].reason == "H(E) is 0: every row selects the same expert"
    unranked = replace(trace, layers=(replace(trace.layers[0], ranked=False),))
    unranked = replace(unranked, document_labels=planted(D=12).document_labels)
    found = found_in(unranked, permutations=19)
    assert "no first choice" in found["first_choice_information_per_usage", "block0", "domain"].reason
    assert found[HEADLINE, "block0", "domain"].value is not None


def test_the_family_is_layers_by_labels():
    """One planted layer, and eight without any relation; the seed is one of the 95 % that call none of these sure."""
    rng = np.random.default_rng(1)
    trace = planted(D=60, L=1, follow=1.0)
    noise = [layer(rng.integers(0, 6, (trace.rows, 1)), 6, f"noise{n}") for n in range(8)]
    found = found_in(replace(trace, layers=(*trace.layers, *noise), row_labels={}), permutations=199)
    ones = [one for (name, _, _), one in found.items() if name == HEADLINE]
    assert ones[0].p == ones[0].adjusted_p == 1 / 200
    assert all(one.adjusted_p >= one.p for one in ones)
    assert min(one.adjusted_p for one in ones[1:]) > 0.05


def test_samples_are_documents_of_one_row():
    """A run of one mixture: each sample is a document, so the null is the ordinary permutation of the labels."""
    rng = np.random.default_rng(1)
    label_N = rng.integers(0, 3, 90)
    expert_N = np.where(rng.random(90) < 0.6, label_N, rng.integers(0, 4, 90))
    trace = Trace(
        layers=(layer(expert_N[:, None], 4),),
        document_T=np.arange(90, dtype=np.int32),
        document_labels={"class": labels(label_N)},
    )
    one = found_in(trace, permutations=999)["slot_information_bits", "block0", "class"]
    table = np.zeros((4, 3))
    np.add.at(table, (expert_N, label_N), 1)
    drawn = stats.random_table(table.sum(1), table.sum(0)).rvs(999, random_state=0)
    mean, sd = (function([mutual_information_bits(one) for one in drawn]) for function in (np.mean, np.std))
    assert one.value == pytest.approx(mutual_information_bits(table))
    # two means of 999 draws each
    assert one.null_mean == pytest.approx(mean, abs=4 * sd * (2 / 999) ** 0.5)


def test_what_has_the_name_of_a_metric_is_that_metric():
    """Both registers have numbers for the layers of a trace."""
    trace = planted(L=2, D=60)
    metrics = compute_layers(trace, label="domain")
    shared = METRICS.keys() & MEASURES.keys()
    router = {name for name in shared if MEASURES[name].scope == "router"}
    assert shared - router == {"coactivation_highest", "unrouted_share"}
    weights = np.random.default_rng(0).normal(size=(6, 4))
    stored = {"geometry": {"router_weights": np.array([weights] * 2)}}
    for one in router_geometry(weights):
        assert METRICS[one.measure].entry(LayerArrays(trace, stored, 0))["value"] == pytest.approx(one.value)
        router.remove(one.measure)
    assert not router
    for (name, place, _), one in found_in(trace, permutations=19).items():
        if name in shared:
            assert one.value == pytest.approx(metrics[name]["value"][place])


def test_every_measure_is_named_by_a_test():
    """``moe-lab explain`` says which."""
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in MEASURES if not re.search(rf"\b{name}\b", tests)] == []


def test_published_counts_have_values_alone():
    table = np.array([[5, 5, 90], [90, 5, 5]])
    found = {one.measure: one for one in measure_counts({"0": table, "7": table[:1]}, "domain") if one.layer == "0"}
    assert found["equal_information_per_usage"].value == pytest.approx(found[HEADLINE].value)
    assert found["standing_committee"].value == 2
    # 90 of the 100 slots of a label are one expert's
    assert found["domain_specialization_highest"].value == 0.9
    for one in found.values():
        assert (
            one.p_reason == one.interval_reason == "the source has only counts: no documents to permute or to leave out"
        )
        assert one.p is None and one.low is None and one.null_mean is None
    [other] = [one for one in measure_counts({"7": table[:1]}, "domain") if one.measure == HEADLINE]
    assert other.reason == "fewer than two labels have counts"
