"""A run of one mixture is a trace of one layer: metrics of routing are equal through both."""

from dataclasses import replace

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.metrics import METRICS, RunArrays, compute, elements
from moe_lab.metrics.trace_arrays import MIXTURE, TraceArrays, compute_layers, distributions, trace_of
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace
from moe_lab.store.trace import SAMPLE

OF_ROUTING = [name for name, one in METRICS.items() if one.of_routing]


def through_its_trace(arrays: RunArrays) -> dict:
    trace = trace_of(arrays)
    return compute(TraceArrays(trace, MIXTURE, trace.label_names[0]))


def assert_equal(found: dict, expected: dict) -> None:
    assert list(found) == OF_ROUTING
    for name in OF_ROUTING:
        assert found[name].get("reason") == expected[name].get("reason"), name
        values = elements(found[name]["value"]), elements(expected[name]["value"])
        for one, other in zip(*values, strict=True):
            assert one == (None if other is None else pytest.approx(other, rel=1e-12, abs=1e-12)), name


def test_which_metrics_are_of_routing():
    assert {"usage_entropy_bits", "load_share", "sample_entropy_bits", "router_entropy_bits", "coactivation"} < {
        *OF_ROUTING
    }
    assert {"information_per_usage", "purity", "mutual_information_expert_label_soft_bits"} < {*OF_ROUTING}
    # predictions, the history, and what takes rows for independent
    assert not {"test_error_rate", "expert_answer_information_bits", "samples_a_step"} & {*OF_ROUTING}
    assert not {"mutual_information_p_value", "adjusted_rand_index"} & {*OF_ROUTING}


def test_the_smallest_run(tiny):
    arrays = RunArrays.from_files(tiny)
    trace = trace_of(arrays)
    [layer] = trace.layers
    # ties stand in the order of the experts
    assert layer.experts_TK.tolist() == [[0, NONE], [0, 1], [1, NONE], [1, 2], [NONE, NONE]]
    assert layer.weights_TK.tolist() == [[1, 0], [0.5, 0.5], [2, 0], [0.25, 0.25], [0, 0]]
    assert trace.documents == trace.rows == 5
    assert trace.label("class").names == ("zero", "one", "two")
    assert [*trace.document_labels] == ["class"]
    assert_equal(through_its_trace(arrays), compute(arrays))


def test_attributes_are_labels(tiny):
    tiny["attributes"] |= {
        "source": np.array(["b", "a", "b", "b", "a"]),
        "ink": np.arange(5.0),
        "group": np.array([7, 7, 3, 3, 7]),
    }
    trace = trace_of(RunArrays.from_files(tiny))
    found = {name: (label.value.tolist(), label.names) for name, label in trace.document_labels.items()}
    assert found == {
        "class": ([0, 0, 1, 0, 2], ("zero", "one", "two")),
        "source": ([1, 0, 1, 1, 0], ("a", "b")),
        # numbers are cut at their deciles, .4, .8, 1.2 ...
        "ink": ([0, 1, 2, 3, 4], ("tenth 1", "tenth 3", "tenth 6", "tenth 8", "tenth 10")),
        "group": ([1, 1, 0, 0, 1], ("3", "7")),
    }


@pytest.mark.parametrize("zero_share", [0, 0.2, 1])
@pytest.mark.parametrize(("seed", "experts"), [(0, 4), (1, 1), (2, 7)])
def test_any_run(random_arrays, run_arrays, seed, experts, zero_share):
    arrays = run_arrays(random_arrays(seed, E=experts, zero_share=zero_share))
    expected = compute(arrays)
    assert_equal(through_its_trace(arrays), expected)
    if zero_share == 1:
        assert expected["load_share"]["value"] is None


def test_few_of_many_are_selected(random_arrays, run_arrays):
    routing = random_arrays(3, E=6)
    routing["selected"] = routing["weights"] >= np.sort(routing["weights"], axis=1)[:, [-2]]
    # an expert that is selected and has lost its weight to rounding is selected all the same
    routing["weights"] = np.where(routing["selected"], routing["weights"], 0)
    routing["selected"][0] = [True, True, False, False, False, False]
    routing["weights"][0] = [0, 1, 0, 0, 0, 0]
    arrays = run_arrays(routing)
    expected = compute(arrays)
    assert expected["coactivation_highest"]["value"] > 0
    assert_equal(through_its_trace(arrays), expected)


LAYER = LayerTrace(name="block0", experts=3, experts_TK=np.array([[2, 0], [1, NONE], [NONE, NONE], [0, 2]]))
CLASS = Labels(value=np.array([0, 1, 0, NONE]), names=("a", "b"))
TRACE = Trace(layers=(LAYER,), document_T=np.zeros(4, int), row_labels={"class": CLASS})


def test_without_weights_the_first_choice_counts():
    arrays = TraceArrays(TRACE, "block0")
    assert arrays.expert_N.tolist() == [2, 1, NONE, 0]
    found = compute(arrays)
    assert found["load_share"]["value"] == pytest.approx([1 / 3] * 3)
    assert found["unrouted_share"]["value"] == 0.25
    # 0 and 2 are selected together twice, by all that select either; 1 is alone
    assert found["coactivation"]["value"] == {
        **{"0 with 1": 0, "0 with 2": 1, "1 with 0": 0},
        **{"1 with 2": 0, "2 with 0": 1, "2 with 1": 0},
    }
    for name in ("usage_entropy_bits", "sample_entropy_bits", "mutual_information_expert_label_soft_bits"):
        assert found[name] == {"value": None, "unit": "bits", "reason": "the trace has no weights"}
    assert found["router_entropy_bits"]["reason"] == "the trace has no full distribution of every row"


def test_rows_without_the_label_are_left_out():
    arrays = TraceArrays(TRACE, "block0", "class")
    assert (arrays.samples, arrays.expert_N.tolist(), arrays.class_N.tolist()) == (3, [2, 1, NONE], [0, 1, 0])
    # one of two classes has one of two experts: a bit
    assert compute(arrays)["mutual_information_expert_label_bits"]["value"] == 1
    nobody = replace(TRACE, row_labels={"class": replace(CLASS, value=np.full(4, NONE))})
    with pytest.raises(RunError, match="no row has the label 'class'"):
        TraceArrays(nobody, "block0", "class")


def test_over_layers_a_value_is_by_layer_name():
    later = LayerTrace(name="block1", experts=1, experts_TK=np.array([[0], [0], [NONE], [NONE]]))
    trace = replace(TRACE, layers=(LAYER, later))
    found = compute_layers(trace, "class")
    assert list(found) == OF_ROUTING
    # of the rows with the label: experts 2 and 1 of three; one of three has none, in both
    assert found["dead_experts"] == {
        "value": {"block0": 1, "block1": None},
        "unit": "count",
        "reason": {"block1": "there is only one expert, so there is no choice"},
    }
    assert found["unrouted_share"] == {"value": {"block0": 1 / 3, "block1": 1 / 3}, "unit": "fraction"}
    assert compute_layers(trace)["unrouted_share"]["value"] == {"block0": 1 / 4, "block1": 1 / 2}


def test_slots_without_order_or_weights_have_no_first_choice():
    trace = replace(TRACE, layers=(replace(LAYER, ranked=False),))
    found = compute(TraceArrays(trace, "block0"))
    reason = "the selected experts have neither an order nor weights, so the first choice is not known"
    assert found["load_share"]["reason"] == found["information_per_usage"]["reason"] == reason
    assert found["coactivation_highest"]["value"] == 1
    weights_TK = np.array([[0.25, 0.75], [1, 0], [0, 0], [0.5, 0.5]])
    weighted = replace(trace, layers=(replace(LAYER, ranked=False, weights_TK=weights_TK),))
    # row 0 has the larger weight in its second slot
    assert TraceArrays(weighted, "block0").expert_N.tolist() == [0, 1, NONE, 0]


def test_distributions_of_many_rows_are_sampled():
    probs_TE = np.random.default_rng(0).dirichlet(np.ones(4), SAMPLE + 5)
    probs_TE[7] = 0
    found = distributions(probs_TE)
    assert len(found["sample_S"]) == SAMPLE and (np.diff(found["sample_S"]) > 0).all()
    assert (found["probs_SE"] == probs_TE[found["sample_S"]]).all()
    # the same rows of every layer
    assert (distributions(probs_TE[:, ::-1])["sample_S"] == found["sample_S"]).all()
    others = np.delete(probs_TE, 7, axis=0)
    assert found["usage_E"] == pytest.approx(others.mean(0))
    assert found["entropy_T"][[0, 7]] == pytest.approx(
        [-(probs_TE[0] * np.log2(probs_TE[0])).sum(), np.nan], nan_ok=True
    )
    assert distributions(np.zeros((3, 2))) == {}
