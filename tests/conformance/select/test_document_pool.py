"""arXiv:2605.06663, as its code has it: a document's pool are the experts of the largest summed probabilities."""

import pytest
import torch

from moe_lab.layers.noise import Noise, generator
from moe_lab.parts import ConfigError, Sizes
from moe_lab.parts.gates.select.document_pool import DocumentPool
from tests.conformance.cases import SelectCase

CASE = SelectCase(
    forms=(("gate.select.over=before",),),
    structure=("gate.select.over=before", "gate.select.pool=4", "gate.select.least=3", "gate.select.most=4"),
)
#: probabilities of three experts in two documents of two rows; the sums are 1.1 .6 .3 and .3 .6 1.1
PROBS = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.4, 0.2], [0.1, 0.15, 0.75], [0.2, 0.45, 0.35]])


def selected(part, noise=None):
    """The experts of each row."""
    part.places = 2
    return [row.nonzero().flatten().tolist() for row in part(PROBS.log(), noise)]


def part_of(k=1, **options):
    return DocumentPool(Sizes((2,), 4, 3, k), **options).eval()


def test_by_hand():
    # a pool of one expert: 0 and 2; of two: 0 1 and 1 2, among which each row takes its own largest; ties go to 0
    assert selected(part_of(pool=1)) == [[0], [0], [2], [2]]
    assert selected(part_of(pool=2)) == [[0], [0], [2], [1]]
    assert selected(part_of(pool=3)) == [[0], [0], [2], [1]]
    assert selected(part_of(k=2, pool=2)) == [[0, 1], [0, 1], [1, 2], [1, 2]]


def test_over_the_rows_before():
    # sums up to the second rows: 1.1 .6 .3 and .3 .6 1.1; up to the first of each document its own probabilities
    assert selected(part_of(pool=1, over="before")) == [[0], [0], [2], [2]]
    part, logits = part_of(pool=1, over="before"), torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    part.places = 3
    whole = part(logits, None)
    later = logits.clone()
    later[2], later[5] = -later[2], -later[5]
    assert torch.equal(part(later, None)[[0, 1, 3, 4]], whole[[0, 1, 3, 4]])
    assert part_of(over="document").looks_ahead and not part.looks_ahead


def test_a_row_that_is_a_document_takes_its_largest():
    part = part_of(pool=1)
    assert part(PROBS.log(), None).nonzero()[:, 1].tolist() == [0, 0, 2, 1]


def test_sizes_are_drawn_evenly_for_each_document():
    part, noise = part_of(k=1, least=1, most=3).train(), Noise([generator(0, "pool")])
    # of document 1, sums .3 .6 1.1: its second row has expert 1 unless the pool is expert 2 alone
    alone = [selected(part, noise)[3] == [2] for _ in range(3000)]
    # a third of the draws, four standard errors of sqrt(2/9 / 3000)
    assert sum(alone) / 3000 == pytest.approx(1 / 3, abs=0.035)
    assert selected(part_of(k=1, least=1, most=1).train(), noise) == [[0], [0], [2], [2]]


def test_an_expert_that_is_not_there_is_in_no_pool():
    part = part_of(pool=1)
    part.places = 2
    logits = PROBS.log().index_fill(1, torch.tensor([0]), -torch.inf)
    # .2/.3 + .4/.6 against .1/.3 + .2/.6, and .15/.9 + .45/.8 against .75/.9 + .35/.8
    assert part(logits, None).nonzero()[:, 1].tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pool": 4}, "gate.select.pool=4: a document's pool has at least k=2 and at most 3"),
        ({"least": 1}, "gate.select.least=1"),
        ({"least": 3, "most": 2}, "gate.select.least=3 is more than gate.select.most=2"),
    ],
)
def test_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        part_of(k=2, **options)
