"""What a Trace stores, and what it refuses."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace

LAYER = LayerTrace(name="block0", experts=4, experts_TK=np.array([[0, 3], [1, NONE], [NONE, NONE]]))
TRACE = Trace(layers=(LAYER,), document_T=np.array([0, 1, 0]))
TWO = Labels(value=np.array([0, 1]), names=("code", "prose"))


def test_a_trace_needs_numpy_alone():
    blocked = ["torch", "scipy", "pandas", "pydantic", "yaml", "hydra"]
    code = f"import sys\nfor name in {blocked}: sys.modules[name] = None\nimport moe_lab.routing.trace"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_sizes_and_types():
    assert (TRACE.rows, TRACE.documents, LAYER.rows, LAYER.slots) == (3, 2, 3, 2)
    assert LAYER.experts_TK.dtype == np.int16 and TRACE.document_T.dtype == np.int32
    wide = LayerTrace(name="wide", experts=65_535, experts_TK=np.array([[65_534]], dtype=np.uint16))
    assert wide.experts_TK.tolist() == [[65_534]]


def test_a_label_of_documents_holds_for_their_rows():
    trace = replace(
        TRACE, document_labels={"domain": TWO}, row_labels={"class": Labels(value=np.array([-1, 0, 0]), names=("a",))}
    )
    assert trace.label("domain").value.tolist() == [0, 1, 0]
    assert trace.label("domain").names == ("code", "prose")
    assert trace.label("class").value.tolist() == [-1, 0, 0]
    assert trace.label_names == ("class", "domain")
    with pytest.raises(RunError, match="no label 'nosuch'; it has class, domain"):
        trace.label("nosuch")
    assert trace.layer("block0") is LAYER
    with pytest.raises(RunError, match="no layer 'block1'; it has block0"):
        trace.layer("block1")


WRONG_LAYERS = {
    "no name": ({"name": ""}, "name is ''; expected a text that can be printed"),
    "a name for a terminal": ({"name": "\x1b[2J"}, r"name is '\\x1b\[2J'; expected a text that can be printed"),
    "a name of another type": ({"name": 3}, "name is 3; expected a text that can be printed"),
    "no expert": ({"experts": 0}, "has 0 experts; expected 1 to 65,535"),
    "too many experts": ({"experts": 65_536}, "has 65536 experts; expected 1 to 65,535"),
    "an expert that is not there": ({"experts": 3}, "numbers -1 to 3; expected -1 to 2"),
    "below none": ({"experts_TK": np.array([[-2]])}, "numbers -2 to -2; expected -1 to 3"),
    "floats": ({"experts_TK": np.array([[0.0]])}, "float64 of shape .1, 1.; expected integers with 2 axes"),
    "a list": ({"experts_TK": [[0]]}, "a list; expected integers with 2 axes"),
    "one axis": ({"experts_TK": np.array([0])}, r"int64 of shape \(1,\); expected integers with 2 axes"),
    "no slot": ({"experts_TK": np.zeros((3, 0), int)}, "have no slot"),
    "twice": ({"experts_TK": np.array([[0, 1, 2], [3, NONE, 3]])}, "row 1 selects an expert twice"),
    "weights of another shape": ({"weights_TK": np.ones((3, 1))}, r"the weights: float64 of shape \(3, 1\); expected"),
    "a weight that is none": ({"weights_TK": np.full((3, 2), np.nan)}, "the weights hold infinite numbers or NaN"),
    "a negative weight": ({"weights_TK": np.full((3, 2), -1.0)}, "the weights: a number -1; expected at least 0"),
    "the weight of an empty slot": ({"weights_TK": np.ones((3, 2))}, "an empty slot has a weight; expected 0 there"),
    "a sample without distributions": ({"sample_S": np.array([0])}, "a sample of rows has probabilities or logits"),
    "probabilities of which rows": ({"probs_SE": np.ones((1, 4))}, "a sample of rows has probabilities or logits"),
    "both": (
        {"sample_S": np.array([0]), "probs_SE": np.ones((1, 4)), "logits_SE": np.ones((1, 4))},
        "probabilities or logits, one of the two",
    ),
    "a row that is not there": (
        {"sample_S": np.array([3]), "probs_SE": np.ones((1, 4))},
        "sampled rows: numbers 3 to 3",
    ),
    "a row twice": ({"sample_S": np.array([1, 1]), "probs_SE": np.ones((2, 4))}, "sampled rows have to rise"),
    "distributions of other experts": (
        {"sample_S": np.array([1]), "probs_SE": np.ones((1, 3))},
        "distributions: float64",
    ),
    "a negative probability": ({"sample_S": np.array([1]), "probs_SE": -np.ones((1, 4))}, "a number -1; expected at"),
    "usage of other experts": ({"usage_E": np.ones(3)}, r"the usage: float64 of shape \(3,\)"),
    "a negative entropy": ({"entropy_T": np.array([np.nan, -1, 0])}, "entropies: a number -1; expected at least 0"),
}


@pytest.mark.parametrize(("change", "said"), WRONG_LAYERS.values(), ids=WRONG_LAYERS)
def test_a_layer_that_cannot_be(change, said):
    with pytest.raises(RunError, match=said):
        replace(LAYER, **change)


def test_an_expert_twice_is_found_in_any_block():
    experts_TK = np.tile([0, 1], (2**18 + 10, 1))
    experts_TK[-3] = 1
    with pytest.raises(RunError, match=f"row {2**18 + 7} selects an expert twice"):
        LayerTrace(name="long", experts=2, experts_TK=experts_TK)


WRONG_TRACES = {
    "no layer": ({"layers": ()}, "at least one layer and one row"),
    "no row": ({"layers": (replace(LAYER, experts_TK=np.zeros((0, 2), int)),)}, "at least one layer and one row"),
    "two of a name": ({"layers": (LAYER, LAYER)}, "two layers have the same name: block0, block0"),
    "of other rows": (
        {"layers": (LAYER, LayerTrace(name="b", experts=1, experts_TK=np.zeros((2, 1), int)))},
        "layer 'b' has 2 rows, the layers before it 3",
    ),
    "documents of other rows": ({"document_T": np.array([0, 0])}, "document_T: 2 values; expected 3"),
    "a gap": ({"document_T": np.array([0, 2, 0])}, "document 1 has no row"),
    "no document": ({"document_T": np.array([0, -1, 0])}, "document_T: numbers -1 to 0; expected 0 to 2"),
    "a number of no row": ({"document_T": np.array([0, 3, 0])}, "document_T: numbers 0 to 3; expected 0 to 2"),
    "positions": ({"position_T": np.array([0, 0])}, "position_T: 2 values; expected 3"),
    "a negative token": ({"token_id_T": np.array([0, 0, -1])}, "token_id_T: numbers -1 to 0"),
    "an infinite loss": ({"loss_T": np.array([0, np.nan, np.inf])}, "the losses hold infinite numbers"),
    "a label of other rows": ({"row_labels": {"class": TWO}}, "label 'class': 2 values; expected 3"),
    "a label of other documents": (
        {"document_labels": {"domain": Labels(value=np.array([0]), names=("x",))}},
        "label 'domain': 1 values; expected 2",
    ),
    "a name twice": (
        {"document_labels": {"a": TWO}, "row_labels": {"a": Labels(value=np.array([0, 0, 0]), names=("x",))}},
        "'a' names a label of rows and one of documents",
    ),
    **{
        f"the name {name!r}": ({"document_labels": {name: TWO}}, "cannot name a label: use letters")
        for name in ("", "../a", "a/b", ".a", "a\n", "a\0b", "x" * 101)
    },
}


@pytest.mark.parametrize(("change", "said"), WRONG_TRACES.values(), ids=WRONG_TRACES)
def test_a_trace_that_cannot_be(change, said):
    with pytest.raises(RunError, match=said):
        replace(TRACE, **change)


@pytest.mark.parametrize(
    ("value", "names", "said"),
    [
        (np.array([0, 2]), ("a", "b"), "labels: numbers 0 to 2; expected -1 to 1"),
        (np.array([-2]), ("a",), "numbers -2 to -2"),
        (np.array([0.0]), ("a",), "expected integers with 1 axes"),
        (np.array([0, 1]), ("a", "a"), "each different from the others"),
        (np.array([0]), (3,), "have to be texts"),
    ],
)
def test_labels_that_cannot_be(value, names, said):
    with pytest.raises(RunError, match=said):
        Labels(value=value, names=names)


def test_a_trace_shows_its_sizes():
    layer = LayerTrace(name="block0", experts=4, experts_TK=np.array([[0, 1], [3, -1], [2, 0]]))
    domain = Labels(value=np.array([0, 1], np.int32), names=("code", "prose"))
    trace = Trace(layers=(layer,), document_T=np.array([0, 0, 1]), document_labels={"domain": domain})
    assert repr(layer) == "<block0: 3 rows, 4 experts, 2 slots>"
    assert repr(trace) == "<Trace: 3 rows of 2 documents in 1 layer, labels domain>"
