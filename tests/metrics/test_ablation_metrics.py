"""What experts are needed for, by hand."""

import numpy as np
import pytest

from moe_lab.metrics.ablation import (
    BATCH_MATES,
    GAPS,
    NO_SHARED,
    TOO_FEW,
    ablation_metrics,
    all_layers_metrics,
    increase,
    increase_by_class,
    most_used,
    share_of_rows,
)
from moe_lab.metrics.registry import ONE_EXPERT
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


def test_use_and_shares_of_rows():
    # slots: expert 0 three, expert 1 three, expert 2 three, expert 3 none; of equal ones the lower index
    assert most_used(LAYER).tolist() == [0, 1, 2, 3]
    assert most_used(LayerTrace(name="a", experts=3, experts_TK=np.array([[2], [1], [2]]))).tolist() == [2, 1, 0]
    # document 0 has the rows 0 and 5, document 2 the rows 2 and 4
    assert share_of_rows(TRACE, LAYER, np.array([0, 2])).tolist() == [[1.0, 0.5, 0.5, 0.0], [0.0, 0.5, 0.5, 0.0]]


def test_increase_of_own_and_of_other_samples():
    found = ablation_metrics(TRACE, ARRAYS)
    own = found["block0"]["ablation_loss_increase_nats"]
    # expert 0: 1.5 - 1 on its one sample; 1: (.5 * .25 + .5 * 1) / 1; 2: (.5 * 0 + .5 * .5) / 1; 3 has no row
    assert own == {"value": [0.5, 0.625, 0.25, None], "unit": "nats", "reason": GAPS}
    # expert 0: 2 - 2 on document 2; experts 1 and 2 have a row of every sample
    assert found["block0"]["ablation_loss_increase_others_nats"]["value"] == [0.0, None, None, None]
    # ((1.5 - 1) + (2.25 - 2)) / 2
    assert found["block0"]["second_choice_loss_increase_nats"] == {"value": 0.375, "unit": "nats"}


def test_by_class():
    of_class = increase_by_class(increase(ARRAYS, 0, 4), np.array([2, 2]), 3)
    assert np.isnan(of_class[:, :2]).all()
    assert of_class[:3, 2] == pytest.approx([0.25, 0.625, 0.25])


@pytest.mark.parametrize(("arrays", "reason"), [(ARRAYS, ONE_EXPERT), (None, ONE_EXPERT)])
def test_one_expert(arrays, reason):
    found = ablation_metrics(TRACE, arrays)["block1"]["ablation_loss_increase_nats"]
    assert found == {"value": None, "unit": "nats", "reason": reason}


def test_rows_that_depend_on_their_batch_mates():
    found = ablation_metrics(TRACE, None)["block0"]["second_choice_loss_increase_nats"]
    assert found == {"value": None, "unit": "nats", "reason": BATCH_MATES}


def test_all_layers_at_once():
    shared = {"shared_disabled_loss": np.array([1.5, 3.5], np.float32)}
    arrays = ARRAYS | {
        "most_used_disabled_loss": np.array([2.0, 2.5], np.float32),
        "top_disabled_share": np.array([0.125, 0.25]),
        "top_disabled_loss": np.array([[1.0, 3.0], [4.0, 3.0]], np.float32),
    }
    found = all_layers_metrics(TRACE, arrays | shared)
    # less the loss, 1 and 2: (.5 + 1.5) / 2, (1 + .5) / 2, (0 + 1) / 2 and (3 + 1) / 2
    assert {name: entry["value"] for name, entry in found.items()} == {
        "shared_disabled_loss_increase_nats": 1.0,
        "most_used_disabled_loss_increase_nats": 0.75,
        "top_experts_disabled_loss_increase_nats": {"0.125": 0.5, "0.25": 2.0},
    }
    none = {"top_disabled_share": np.zeros(0), "top_disabled_loss": np.zeros((0, 2), np.float32)}
    found = all_layers_metrics(TRACE, arrays | none)
    assert found["shared_disabled_loss_increase_nats"]["reason"] == NO_SHARED
    assert found["top_experts_disabled_loss_increase_nats"]["reason"] == TOO_FEW
    assert {entry["reason"] for entry in all_layers_metrics(TRACE, None).values()} == {BATCH_MATES}
    alone = Trace(layers=(ALONE,), document_T=TRACE.document_T)
    assert {entry["reason"] for entry in all_layers_metrics(alone, None).values()} == {ONE_EXPERT}
