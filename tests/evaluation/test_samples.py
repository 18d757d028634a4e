"""Samples of a split, what the experts make of them, and columns that are filled batch by batch."""

import pytest
import torch

from moe_lab.evaluation.samples import Columns, features, outputs
from moe_lab.layers.noise import Noise, generator


def test_columns_are_filled_in_the_order_of_the_batches():
    columns = Columns(5)
    for start, end in ((0, 2), (2, 4), (4, 5)):
        number = torch.arange(start, end)
        columns.add({"number": number, "pair": torch.stack([number, -number], 1).float()})
    assert columns.columns["number"].tolist() == [0, 1, 2, 3, 4]
    assert columns.columns["pair"].dtype == torch.float32
    assert columns.columns["pair"][3].tolist() == [3, -3]


@torch.no_grad()
@pytest.mark.parametrize(
    "words", [[], ["experts=conv", "experts.padding=1", "experts.hidden=[6]"], ["gate=soft_moe", "gate.patch=1"]]
)
def test_features_alone_are_those_that_predictions_are_made_of(learner_of, data, words):
    mixture, noise = learner_of(*words).mixture.eval(), Noise([generator(0, "test")])
    alone = torch.cat(list(features(mixture, data.test, noise, 8)))
    made = torch.cat([output.expert_hidden_BEH for _, output in outputs(mixture, data.test, noise, 8)])
    torch.testing.assert_close(alone, made, rtol=1e-6, atol=1e-6)
    assert alone.shape[:2] == (len(data.test), mixture.gate.sizes.experts)
