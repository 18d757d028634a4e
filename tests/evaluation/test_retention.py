"""What a network loses if it keeps the experts of one class, against experts that are removed by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from moe_lab.data.dataset import spread_rows
from moe_lab.evaluation.retention import retention
from moe_lab.routing.trace import Labels
from tests.evaluation.test_ablation import losses_by_hand, trace_of
from tests.evaluation.test_ablation import test_split as test_split
from tests.models.conftest import mlp, noise_of, transformer


def labelled(network, split):
    """The trace with the class of each sample."""
    classes = Labels(value=split.y_N.numpy().astype(np.int32), names=("a", "b", "c"))
    return replace(trace_of(network, split), document_labels={"class": classes})


def retained(network, split, most=40):
    trace = labelled(network, split)
    return retention(network, split, noise_of(network), trace, spread_rows(split, most))


@pytest.mark.parametrize("dispatch", ["auto", "dense"])
def test_by_hand(test_split, dispatch):
    network = mlp(dispatch=dispatch)
    found, experts_TK = retained(network, test_split), trace_of(network, test_split).layers[0].experts_TK
    # an eighth and a quarter of five experts, but at least k, are two; a half is three
    assert found["share"].tolist() == [0.4, 0.6] and found["label"].tolist() == test_split.y_N.tolist()
    for number, loss_N in zip((2, 3), found["kept_loss"], strict=True):
        gone_NE = np.ones((40, 5), bool)
        for one in range(3):
            members = test_split.y_N.numpy() == one
            count_E = np.bincount(experts_TK[members].ravel(), minlength=5)
            gone_NE[np.ix_(members, np.argsort(-count_E, kind="stable")[:number])] = False
        with torch.no_grad():
            by_hand_N, _ = losses_by_hand(network, test_split, gone_NE, 2)
        np.testing.assert_allclose(loss_N, by_hand_N, rtol=1e-5)


def test_of_some_samples_they_are_the_same(test_split):
    network = transformer("experts.count=6", "k=1")
    whole, some = retained(network, test_split), retained(network, test_split, 10)
    # an eighth of six is one, a quarter two, a half three
    assert some["share"].tolist() == [1 / 6, 1 / 3, 0.5]
    np.testing.assert_allclose(some["kept_loss"], whole["kept_loss"][:, ::4], rtol=1e-5)
    assert some["label"].tolist() == whole["label"][::4].tolist()
