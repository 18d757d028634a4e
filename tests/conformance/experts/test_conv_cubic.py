"""arXiv:2208.02813: f_c = sum_j sum_p (w_cj . x_p + b_cj)^3."""

import pytest
import torch
from torch.nn import functional

from moe_lab.layers.grouped import GroupedRows, Groups
from moe_lab.parts.experts.conv_cubic import ConvCubic
from tests.conformance.cases import Case

CASE = Case(forms=[["experts.activation=linear"]])


@pytest.mark.parametrize(("activation", "power"), [("cubic", 3), ("linear", 1)])
def test_an_expert_is_a_convolution_of_stride_one_patch(sizes, draw, activation, power):
    """torch's own convolution along the sample, with a patch as its stride; C = 4, J = 2, P = 3, L = 4."""
    experts, x = ConvCubic(sizes(), count=5, filters=2, activation=activation, scale=1.0), draw(7, 12)
    filters, output = experts.bank.filters, experts(x)
    for e in range(5):
        weight = filters.weight_IO[e].T.unsqueeze(1)
        z_BFP = functional.conv1d(x.unsqueeze(1), weight, filters.bias_1O[e, 0], stride=4)
        logits = (z_BFP**power).sum(-1).view(7, 4, 2).sum(-1)
        torch.testing.assert_close(output.log_probs_BEC[:, e], logits.log_softmax(-1))
    assert output.hidden_BEH is None and experts.hidden_features is None


def test_the_order_of_the_patches_does_not_matter(sizes, draw):
    experts, x = ConvCubic(sizes(), count=5, scale=1.0), draw(7, 12)
    turned = x.unflatten(-1, (3, 4))[:, [2, 0, 1]].flatten(-2)
    torch.testing.assert_close(experts(x).log_probs_BEC, experts(turned).log_probs_BEC)


def test_selected_rows_alone(sizes, draw):
    """Rows that are grouped by expert get what their own expert gives, forwards and backwards."""
    experts, x = ConvCubic(sizes(), count=5, scale=1.0).double(), draw(5, 12).double()
    counts = torch.tensor([2, 0, 1, 1, 1])
    groups = Groups(counts, torch.arange(5).repeat_interleave(counts))
    _, rows = experts.compute(GroupedRows(x, groups))
    _, every_EBC = experts.compute(x.unsqueeze(-3))
    own = every_EBC[groups.group_P, torch.arange(5)]
    torch.testing.assert_close(rows.rows_PI, own)
    filters = experts.bank.filters
    for one, other in zip(
        torch.autograd.grad(rows.rows_PI.square().sum(), filters.parameters()),
        torch.autograd.grad(own.square().sum(), filters.parameters()),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_small_start_is_a_scaled_start(sizes):
    torch.manual_seed(0)
    small = ConvCubic(sizes(), count=5)
    torch.manual_seed(0)
    plain = ConvCubic(sizes(), count=5, scale=1.0)
    weight = plain.bank.filters.weight_IO
    torch.testing.assert_close(small.bank.filters.weight_IO, 1e-3 * weight)
    # uniform in +-1/sqrt(L), L = 4
    assert 0.4 < weight.abs().max() <= 0.5
