import torch
from torch.nn import functional

from moe_lab.parts.experts.gaussian import LinearGaussian
from tests.conformance.cases import Case

CASE = Case(needs=["objective=mixture_density"], dense=True, of_numbers=True)


def test_each_expert_is_a_linear_regression_with_a_variance_of_its_own(sizes, draw):
    experts, x = LinearGaussian(sizes(classes=0), count=5), draw(7, 12)
    experts.bank.log_sd_11.data.copy_(draw(5, 1, 1))
    output = experts(x)
    assert output.hidden_BEH is None and experts.hidden_features is None
    for e in range(5):
        layer = experts.bank.mean
        expected = functional.linear(x, layer.weight_IO[e].T, layer.bias_1O[e, 0])[:, 0]
        torch.testing.assert_close(output.mean_BE[:, e], expected)
        variance = (2 * experts.bank.log_sd_11[e, 0, 0]).exp() + 1e-6
        torch.testing.assert_close(output.variance_BE[:, e], variance.expand(7))


def test_parameter_count(sizes):
    # 12 weights, a bias and a variance, five times
    assert sum(p.numel() for p in LinearGaussian(sizes(classes=0), count=5).parameters()) == 5 * 14
