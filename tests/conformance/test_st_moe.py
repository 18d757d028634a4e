"""Against st-moe-pytorch: two experts with a threshold for the second, capacity, balance and z-loss.

Differences that stay out of the way: it draws in evaluation too, and in its balance loss the samples that capacity
dropped are not counted, so the losses are compared where there is room for all.
"""

import warnings

import pytest
import torch

from moe_lab.parts.gates.select.capacity import GShard
from moe_lab.parts.regularizers.switch_balance import SwitchBalance
from moe_lab.parts.regularizers.z_loss import ZLoss
from moe_lab.parts.roles import Sizes

with warnings.catch_warnings():
    # beartype names hints that Python will drop
    warnings.simplefilter("ignore")
    from st_moe_pytorch.st_moe_pytorch import TopNGating

SIZES = Sizes((5,), 4, 5, 2)
B, E = 40, 5


@pytest.fixture
def logits(draw):
    return draw(B, E) * 2


def oracle(logits, factor):
    """Its answer in training to given logits, and the uniform numbers that it drew for the second expert."""
    gating = TopNGating(E, E, capacity_factor_train=factor)
    gating.to_gates.weight.data = torch.eye(E)
    torch.manual_seed(4)
    dispatched = gating(logits.unsqueeze(0))
    torch.manual_seed(4)
    # it draws for both, sample by sample
    return dispatched, torch.zeros(B, 2).uniform_(0.0, 1.0)[:, 1]


class Given:
    def __init__(self, drawn_B):
        self._drawn_B1 = drawn_B.unsqueeze(-1)

    def uniform(self, like):
        return self._drawn_B1


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 100.0])
def test_who_is_kept_and_with_which_weight(logits, factor):
    (_, combine, _, _), drawn_B = oracle(logits, factor)
    # its capacity counts samples, not samples times two
    part = GShard(SIZES, second="mesh", capacity_factor=factor / 2)
    chosen = part(logits, None)
    kept, _ = part.keep(logits, chosen, Given(drawn_B))
    weights = logits.masked_fill(~chosen, -torch.inf).softmax(-1) * kept
    torch.testing.assert_close(weights, combine[0].sum(-1).detach())
    assert 0 < kept.sum() < 2 * B


def test_balance_of_first_choices_and_z_loss(sizes, step_of, logits):
    (_, _, balance, z), _ = oracle(logits, 100.0)
    chosen = GShard(SIZES)(logits, None)
    probs = logits.softmax(-1)
    step = step_of(probs_BE=probs, logits_BE=logits, selected_BE=chosen)
    torch.testing.assert_close(SwitchBalance(sizes(k=2), share="first")(step), balance.detach())
    torch.testing.assert_close(ZLoss(sizes(k=2))(step), z.detach())
