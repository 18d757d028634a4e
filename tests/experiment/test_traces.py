"""Traces from a user's arrays: the forms that are taken, what is refused, and what is measured and written."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import moe_lab
from moe_lab.errors import RunError
from moe_lab.experiment import traces
from moe_lab.metrics.traces import Measured
from moe_lab.routing.trace import NONE
from moe_lab.store.run import Run

#: 4 rows, 2 layers, 2 slots
SELECTED = np.array([[[0, 1], [2, 0]], [[1, NONE], [1, 2]], [[2, 0], [0, 1]], [[1, 2], [NONE, NONE]]])
DOCUMENTS = ["b", "a", "b", "a"]


def made(**changes) -> moe_lab.Trace:
    return moe_lab.Trace(**{"selected": SELECTED, "experts": 3, "documents": DOCUMENTS, **changes})


def test_no_torch_and_nothing_heavy_until_it_is_needed():
    code = "import sys; sys.modules['torch'] = None; import moe_lab; moe_lab.Trace([[0]], 1, [0]);"
    code += "print('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(
    "selected",
    [
        SELECTED,
        torch.tensor(SELECTED),
        [SELECTED[:, 0], SELECTED[:, 1]],
        [SELECTED[:, 0].tolist(), SELECTED[:, 1].tolist()],
        {"block0": SELECTED[:, 0], "block1": SELECTED[:, 1]},
    ],
    ids=["array", "tensor", "list", "nested lists", "by name"],
)
def test_layers_in_every_form(selected):
    trace = made(selected=selected)
    assert [layer.name for layer in trace.layers] == ["block0", "block1"]
    for number, layer in enumerate(trace.layers):
        assert layer.experts_TK.tolist() == SELECTED[:, number].tolist() and layer.experts == 3 and layer.ranked


def test_layers_may_differ():
    one_slot = np.array([0, 4, 1, NONE])
    trace = made(selected={"first": SELECTED[:, 0], "last": one_slot}, experts=[3, 5], ranked=False)
    first, last = trace.layers
    assert (first.name, first.experts, first.slots, last.name, last.experts, last.slots) == (
        "first",
        3,
        2,
        "last",
        5,
        1,
    )
    assert last.experts_TK[:, 0].tolist() == one_slot.tolist() and not last.ranked


def test_weights_and_probabilities():
    weights = np.where(SELECTED == NONE, 9, 0.5)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), (4, 2))
    layer = made(weights=weights, probabilities=probabilities).layers[1]
    # an empty slot has no weight, whatever stands there
    assert layer.weights_TK.tolist() == [[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0, 0]]
    assert layer.sample_S.tolist() == [0, 1, 2, 3] and layer.probs_SE.tolist() == probabilities[:, 1].tolist()
    assert layer.usage_E == pytest.approx(probabilities[:, 1].mean(0))
    ones = made(selected=[np.array([0, 1, 0, 2])], weights=[[1, 1, 1, 1]]).layers[0]
    assert ones.weights_TK.dtype.kind == "f" and ones.weights_TK.tolist() == [[1], [1], [1], [1]]


def test_arrays_by_name_stand_in_the_order_of_the_layers():
    """Whatever the order in which each argument has them."""
    selected = {"a": SELECTED[:, 0], "b": np.array([0, 4, 1, NONE])}
    weights = {"b": np.array([0.5, 0.25, 1, 0]), "a": np.where(SELECTED[:, 0] == NONE, 0, 0.5)}
    first, last = made(selected=selected, weights=weights, experts={"b": 5, "a": 3}).layers
    assert (first.name, first.experts, last.name, last.experts) == ("a", 3, "b", 5)
    assert first.weights_TK.max() == 0.5 and last.weights_TK[:, 0].tolist() == [0.5, 0.25, 1, 0]


def test_logits_are_kept_as_they_are():
    logits = np.random.default_rng(0).normal(size=(4, 2, 3))
    layer = made(logits=logits).layers[1]
    assert (
        layer.logits_SE.tolist() == logits[:, 1].tolist() and layer.probs_SE is layer.usage_E is layer.entropy_T is None
    )


def test_documents_are_numbered_as_they_come():
    for documents in (DOCUMENTS, np.array([7, 3, 7, 3]), pd.Series([0.0, 5, 0, 5]), torch.tensor([2, 1, 2, 1])):
        assert made(documents=documents).document_T.tolist() == [0, 1, 0, 1]
    assert made(documents=range(4)).documents == 4


def test_labels_of_rows_and_of_documents():
    trace = made(
        labels={
            "domain": ["code", "prose", "code", "prose"],
            "kind": ["x", None, "y", "x"],
            "half": np.array([1, NONE, 1, NONE]),
            "odd": np.array([True, False, False, True]),
            "float": [10.0, float("nan"), 9, 10],
            "category": pd.Categorical(["b", "a", "b", "b"]),
        }
    )
    found = {name: (label.value.tolist(), label.names) for name, label in trace.document_labels.items()}
    # document b is 0, document a is 1
    assert found == {"domain": ([0, 1], ("code", "prose")), "half": ([0, NONE], ("1",))}
    found = {name: (label.value.tolist(), label.names) for name, label in trace.row_labels.items()}
    assert found == {
        "kind": ([0, NONE, 1, 0], ("x", "y")),
        "odd": ([1, 0, 0, 1], ("False", "True")),
        # numbers stand in their order, not in that of their texts
        "float": ([1, NONE, 0, 1], ("9", "10")),
        "category": ([1, 0, 1, 1], ("a", "b")),
    }


def test_the_other_columns():
    trace = made(token_ids=[5, 6, 7, 8], positions=range(4), losses=[0.5, 1, float("nan"), 2], source="by hand")
    assert trace.token_id_T.tolist() == [5, 6, 7, 8] and trace.position_T.tolist() == [0, 1, 2, 3]
    assert np.isnan(trace.loss_T[2]) and trace.source == "by hand"


WRONG = {
    "two axes": ({"selected": SELECTED[:, 0]}, r"selected: an array of shape \(4, 2\); expected rows x layers x slots"),
    "no layer": ({"selected": []}, "at least one layer"),
    "text": (
        {"selected": [["a", "b"]]},
        "layer 'block0': the selected experts: <U1 of shape .2, 1.; expected integers",
    ),
    "too few experts": ({"experts": 2}, "layer 'block0': the selected experts: numbers -1 to 2; expected -1 to 1"),
    "experts of other layers": ({"experts": [3]}, "experts: of 1 layers; selected has 2"),
    "names of other layers": ({"layers": ["a"]}, "layers: of 1 layers; selected has 2"),
    "weights of other layers": ({"weights": [np.ones((4, 2))]}, "weights: of 1 layers; selected has 2"),
    "weights of other rows": (
        {"weights": np.ones((3, 2, 2))},
        r"weights: float64 of shape \(3, 2\); expected numbers, \(4, 2\)",
    ),
    "weights as text": ({"weights": np.full((4, 2, 2), "a")}, "weights: <U1 of shape .4, 2.; expected numbers"),
    "weights of a layer that is not there": (
        {"weights": {"block0": np.ones((4, 2)), "block2": np.ones((4, 2))}},
        "weights: of the layers block0, block2; expected block0, block1",
    ),
    "probabilities and logits": (
        {"probabilities": np.full((4, 2, 3), 1 / 3), "logits": np.ones((4, 2, 3))},
        "probabilities and logits: give one of the two",
    ),
    "scores for probabilities": (
        {"probabilities": np.full((4, 2, 3), 0.5)},
        "row 0 has 0.5 as its smallest number and sums to 1.5; expected a distribution .what is none goes into logits",
    ),
    "infinite logits": (
        {"logits": np.full((4, 2, 3), np.inf)},
        r"logits of layer 'block0': .*; expected finite floats",
    ),
    "probabilities of other rows": (
        {"probabilities": np.ones((3, 2, 3))},
        r"of layer 'block0': float64 of shape \(3, 3\)",
    ),
    "negative probabilities": (
        {"probabilities": -np.ones((4, 2, 3))},
        "row 0 has -1 as its smallest number and sums to -3",
    ),
    "probabilities of other experts": (
        {"probabilities": np.full((4, 2, 4), 0.25)},
        r"of shape \(4, 4\); expected floats of",
    ),
    "too few documents": ({"documents": ["a"]}, "document_T: 1 values; expected 4"),
    "a row without a document": ({"documents": ["a", None, "a", "b"]}, "documents: row 1 has none"),
    "documents in two axes": ({"documents": np.zeros((4, 1))}, "documents: expected one text or integer a row"),
    "one document": ({"documents": 3}, "documents: expected one text or integer a row, found a int"),
    "a label of other rows": ({"labels": {"a": ["x"]}}, "label 'a': 1 values; expected 4, one a row"),
    "a label of numbers": (
        {"labels": {"a": [0.5, 1, 2, 3]}},
        "label 'a': numbers with fractions; expected texts or int",
    ),
    "a path as a label": ({"labels": {"../a": [1, 2, 3, 4]}}, "'../a' cannot name a label"),
    "token ids": ({"token_ids": [0.5, 1, 2, 3]}, "token_id_T: float64 of shape"),
}


@pytest.mark.parametrize(("change", "said"), WRONG.values(), ids=WRONG)
def test_arrays_that_are_none(change, said):
    with pytest.raises(RunError, match=said) as caught:
        made(**change)
    assert "\n" not in str(caught.value)


def planted() -> moe_lab.Trace:
    """30 documents of 8 rows; the domain decides the expert in layer 1 and not in layer 0."""
    generator = np.random.default_rng(0)
    document = np.repeat(np.arange(30), 8)
    domain = document % 2
    selected = np.stack([generator.integers(0, 4, 240), domain + 2 * generator.integers(0, 2, 240)], 1)[..., None]
    names = np.array(["code", "prose"])
    return moe_lab.Trace(selected, 4, document, labels={"domain": names[domain]}, layers=["early", "late"])


def test_what_is_measured():
    frame = planted().measure(permutations=199).frame
    rows = frame[(frame.label == "domain") & (frame.measure == "slot_information_per_usage")].set_index("layer")
    # one bit of the two that H(E) has
    assert rows.value["late"] == pytest.approx(0.5, abs=0.01) and rows.adjusted_p["late"] == 1 / 200
    assert rows.value["early"] < 0.05 and rows.adjusted_p["early"] > 0.05
    assert rows.low["late"] <= rows.estimate["late"] <= rows.high["late"]
    assert (rows.documents == 30).all() and (rows.unit == "fraction").all()
    assert {"layer", "label", "measure", "null_mean", "corrected", "p", "left_out", "notes"} < {*frame.columns}
    assert planted().measure(permutations=199).frame.equals(frame)


def test_reasons_and_warnings_are_notes():
    one = Measured(measure="a", unit="bits", reason="no rows", p_reason="no rows", warnings=("few", "old"))
    [notes] = traces.Measures(planted(), (one,)).frame.notes
    assert notes == "no rows; few; old"


def test_written_and_read(tmp_path):
    trace = planted()
    assert trace.write(tmp_path / "new" / "trace") == tmp_path / "new" / "trace"
    measures = trace.measure(permutations=19)
    folder = measures.write(tmp_path / "measured")
    back = moe_lab.Trace.read(folder)
    assert isinstance(back, moe_lab.Trace) and back.measure(permutations=19).frame.equals(measures.frame)
    stored = pd.read_csv(folder / "measures.csv", keep_default_na=False, na_values=[""])
    assert stored.columns.tolist() == measures.frame.columns.tolist() and len(stored) == len(measures.frame)
    assert Run(folder).kind == "trace" and not (tmp_path / "new" / "trace" / "measures.csv").exists()
    for path, said in ((folder, "exists already"), (tmp_path / "-x", "cannot name a folder")):
        with pytest.raises(RunError, match=said):
            trace.write(path)


def test_nothing_is_made_for_numbers_that_do_not_fit(tmp_path):
    trace = made(weights=np.where(SELECTED == NONE, 0, 1e6))
    with pytest.raises(RunError, match="beyond 65,504"):
        trace.write(Path(tmp_path / "a"))
    assert not list(tmp_path.iterdir())
