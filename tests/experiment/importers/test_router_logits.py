"""router_logits of transformers: probabilities, scores and logits are distinguished, and padding is left out."""

import numpy as np
import pytest

from moe_lab.errors import DataError
from moe_lab.experiment.importers.found import Asked
from moe_lab.experiment.importers.importing import import_trace

#: two sequences of two tokens x three experts; the last token is padding
LOGITS = np.array([[2.0, -1.0, 0.0], [0.0, 1.0, 3.0], [-1.0, -2.0, -3.0], [9.0, 9.0, 9.0]], dtype=np.float32)
IDS, MASK = np.array([[5, 6], [7, 0]]), np.array([[1, 1], [1, 0]])


def imported(tmp_path, k=None, documents=None, **arrays):
    path = tmp_path / "logits.npz"
    np.savez(path, **arrays)
    return import_trace([path], asked=Asked(k=k), documents=documents)


@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 3)])
def test_the_largest_are_taken_if_the_user_says_k(tmp_path, shape):
    trace = imported(tmp_path, 2, arr_0=LOGITS.reshape(shape), input_ids=IDS, attention_mask=MASK)
    layer = trace.layer("arr_0")
    assert layer.experts_TK.tolist() == [[0, 2], [2, 1], [0, 1]] and layer.experts == 3
    assert np.array_equal(layer.logits_SE, LOGITS[:3]) and layer.probs_SE is None
    assert trace.document_T.tolist() == [0, 0, 1] and trace.position_T.tolist() == [0, 1, 0]
    assert trace.token_id_T.tolist() == [5, 6, 7]
    assert trace.missing["selection"] == (
        "the 2 largest of router_logits are taken for the selected experts; the model may differ"
    )
    assert "padding" not in trace.missing


def test_nothing_is_selected_unless_the_user_says_k(tmp_path):
    with pytest.raises(DataError, match="need not be what the model selected.*DeepSeek-V3.*add --k N"):
        imported(tmp_path, arr_0=LOGITS, input_ids=IDS)


def test_probabilities_are_kept_as_such(tmp_path):
    """Rows that sum to one: entropies of (1/2, 1/4, 1/4) and (1, 0, 0) are 1.5 and 0 bits."""
    trace = imported(tmp_path, 1, arr_0=np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]), input_ids=IDS[:1])
    assert trace.layers[0].entropy_T.tolist() == [1.5, 0.0] and trace.layers[0].logits_SE is None
    assert trace.layers[0].experts_TK.tolist() == [[0], [1]] and "padding" in trace.missing


def test_scores_say_what_was_selected(tmp_path):
    """As gpt-oss recorded them: two numbers in every row, and zeros."""
    scores = np.array([[0.0, 0.75, 0.25], [0.5, 0.0, 0.5]])
    trace = imported(tmp_path, arr_0=scores, input_ids=IDS[:1])
    assert trace.layers[0].experts_TK.tolist() == [[1, 2], [0, 2]]
    assert trace.layers[0].weights_TK.tolist() == [[0.75, 0.25], [0.5, 0.5]]


def test_layers_may_have_other_numbers_of_experts(tmp_path):
    trace = imported(tmp_path, 1, one=LOGITS, two=LOGITS[:, :2], input_ids=IDS)
    assert [(layer.name, layer.experts) for layer in trace.layers] == [("one", 3), ("two", 2)]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"one": LOGITS}, "do not say which document"),
        ({"one": LOGITS, "two": LOGITS[:3], "input_ids": IDS}, "expected one number of rows"),
        (
            {"one": LOGITS, "input_ids": IDS[:1]},
            r"input_ids of shape \(1, 2\); expected sequences x tokens, 4 together",
        ),
        ({"one": LOGITS.reshape(1, 4, 3), "input_ids": IDS}, r"of \(1, 4\) and of \(2, 2\) sequences x tokens"),
        ({"one": LOGITS, "input_ids": IDS, "attention_mask": 0 * MASK}, "leaves no row"),
        ({"one": np.full((4, 3), np.nan), "input_ids": IDS}, "infinite or none"),
        ({"input_ids": IDS}, "holds no floats"),
        ({"one": np.zeros((0, 3))}, "expected one number of rows, at least one"),
    ],
)
def test_what_is_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=said):
        import_trace([tmp_path / "a.npz"], "router_logits", asked=Asked(k=1))
