"""What experts are needed for, by hand."""

import numpy as np
import pytest

from moe_lab.metrics.ablation import GAPS, increase, increase_by_class, most_used, share_of_rows
from moe_lab.metrics.network_arrays import ABSENT, ONE_EXPERT, LayerArrays, NetworkArrays
from moe_lab.metrics.registry import METRICS
from moe_lab.routing.trace import LayerTrace, Trace

#: three documents of two rows each, in no order, that select one or two of four experts
LAYER = LayerTrace(name="block0", experts=4, experts_TK=np.array([[0, 1], [0, -1], [1, 2], [2, 1], [-1, -1], [0, 2]]))
ALONE = LayerTrace(name="block1", experts=1, experts_TK=np.zeros((6, 1), int))
TRACE = Trace(layers=(LAYER, ALONE), document_T=np.array([0, 1, 2, 1, 2, 0]))
#: of documents 0 and 2 alone
ARRAYS = {
    "document": np.array([0, 2]),
    "loss": np.array([1.0, 2.0], np.float32),
    "removed_loss": np.array([[[1.5, 2.0], [1.25, 3.0], [1.0, 2.5], [np.nan, np.nan]]] * 2, np.float32),
    "second_choice_loss": np.array([[1.5, 2.25]] * 2, np.float32),
}


LAYERS = {name for name, one in METRICS.items() if one.group == "ablation" and one.arrays is LayerArrays}
ALL_LAYERS = {name for name, one in METRICS.items() if one.group == "ablation" and one.arrays is NetworkArrays}


def entries(arrays):
    return {name: METRICS[name].entry(arrays) for name in (LAYERS if isinstance(arrays, LayerArrays) else ALL_LAYERS)}


def test_use_and_shares_of_rows():
    # slots: expert 0 three, expert 1 three, expert 2 three, expert 3 none; of equal ones the lower index
    assert most_used(LAYER).tolist() == [0, 1, 2, 3]
    assert most_used(LayerTrace(name="a", experts=3, experts_TK=np.array([[2], [1], [2]]))).tolist() == [2, 1, 0]
    # document 0 has the rows 0 and 5, document 2 the rows 2 and 4
    assert share_of_rows(TRACE, LAYER, np.array([0, 2])).tolist() == [[1.0, 0.5, 0.5, 0.0], [0.0, 0.5, 0.5, 0.0]]


def test_increase_of_own_and_of_other_samples():
    found = entries(LayerArrays(TRACE, {"ablation": ARRAYS}, 0))
    assert found == {
        # expert 0: 1.5 - 1 on its one sample; 1: (.5 * .25 + .5 * 1) / 1; 2: (.5 * 0 + .5 * .5) / 1; 3 has no row
        "ablation_loss_increase_nats": {"value": [0.5, 0.625, 0.25, None], "unit": "nats", "reason": GAPS},
        # expert 0: 2 - 2 on document 2; experts 1 and 2 have a row of every sample
        "ablation_loss_increase_others_nats": {"value": [0.0, None, None, None], "unit": "nats", "reason": GAPS},
        # ((1.5 - 1) + (2.25 - 2)) / 2
        "second_choice_loss_increase_nats": {"value": 0.375, "unit": "nats"},
    }


def test_by_class():
    of_class = increase_by_class(increase(ARRAYS, 0, 4), np.array([2, 2]), 3)
    assert np.isnan(of_class[:, :2]).all()
    assert of_class[:3, 2] == pytest.approx([0.25, 0.625, 0.25])


@pytest.mark.parametrize("files", [{"ablation": ARRAYS}, {}])
def test_one_expert(files):
    undefined = {"value": None, "unit": "nats", "reason": ONE_EXPERT}
    assert all(entry == undefined for entry in entries(LayerArrays(TRACE, files, 1)).values())
    alone = Trace(layers=(ALONE,), document_T=TRACE.document_T)
    assert all(entry == undefined for entry in entries(NetworkArrays(alone, files)).values())


def test_rows_that_depend_on_their_batch_mates():
    for arrays in (LayerArrays(TRACE, {}, 0), NetworkArrays(TRACE, {})):
        assert {entry["reason"] for entry in entries(arrays).values()} == {ABSENT["ablation"]}


def test_all_layers_at_once():
    stored = ARRAYS | {
        "shared_disabled_loss": np.array([1.5, 3.5], np.float32),
        "most_used_disabled_loss": np.array([2.0, 2.5], np.float32),
        "top_disabled_share": np.array([0.125, 0.25]),
        "top_disabled_loss": np.array([[1.0, 3.0], [4.0, 3.0]], np.float32),
    }
    kept = {"share": np.array([0.5]), "kept_loss": np.array([[1.25, 2.5]], np.float32)}
    # less the loss, 1 and 2: (.5 + 1.5) / 2, (1 + .5) / 2, (0 + 1) / 2 and (3 + 1) / 2, (.25 + .5) / 2
    assert entries(NetworkArrays(TRACE, {"ablation": stored, "retention": kept})) == {
        "retention_loss_increase_nats": {"value": {"0.5": 0.375}, "unit": "nats"},
        "shared_disabled_loss_increase_nats": {"value": 1.0, "unit": "nats"},
        "most_used_disabled_loss_increase_nats": {"value": 0.75, "unit": "nats"},
        "top_experts_disabled_loss_increase_nats": {"value": {"0.125": 0.5, "0.25": 2.0}, "unit": "nats"},
    }
    del stored["shared_disabled_loss"]
    stored |= {"top_disabled_share": np.zeros(0), "top_disabled_loss": np.zeros((0, 2), np.float32)}
    found = entries(NetworkArrays(TRACE, {"ablation": stored}))
    assert "no shared experts" in found["shared_disabled_loss_increase_nats"]["reason"]
    assert "fewer than k" in found["top_experts_disabled_loss_increase_nats"]["reason"]
