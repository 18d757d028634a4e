import pytest
import torch
from torch import nn
from torch.nn import functional

from moe_lab.errors import ConfigError
from moe_lab.parts.experts.ffn import Ffn
from moe_lab.routing.pairs import Pairs
from tests.conformance.cases import Case

CASE = Case(of_layers=True)
ACTIVATIONS = ["relu", "gelu", "swiglu"]


def linear(weight_IO, bias_1O):
    """torch's own layer with these numbers."""
    layer = nn.Linear(*weight_IO.shape, bias=bias_1O is not None)
    layer.weight.data = weight_IO.T
    if bias_1O is not None:
        layer.bias.data = bias_1O[0]
    return layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_expert_is_a_plain_network(sizes, draw, activation, bias):
    experts, x = Ffn(sizes(), count=5, hidden=6, activation=activation, bias=bias), draw(7, 12)
    output, bank = experts(x), experts.bank
    for e in range(5):
        inner, outer = (linear(one.weight_IO[e], one.bias_1O[e] if bias else None) for one in (bank.inner, bank.outer))
        wide = inner(x)
        active = {
            "relu": lambda h: h.clamp(min=0),
            "gelu": nn.GELU(),
            "swiglu": lambda h: h[:, :6] * h[:, :6].sigmoid() * h[:, 6:],
        }[activation](wide)
        torch.testing.assert_close(output.hidden_BEH[:, e], wide[:, :6])
        torch.testing.assert_close(output.values_BEO[:, e], outer(active))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_rows_sorted_by_expert_give_the_same(sizes, draw, activation):
    experts, x = Ffn(sizes(), count=5, hidden=6, activation=activation), draw(7, 12)
    selected = draw(7, 5) > 0
    pairs = Pairs(selected)
    _, rows = experts.compute(pairs.rows(x))
    every = experts(x).values_BEO.transpose(0, 1)[selected.T]
    torch.testing.assert_close(rows.rows_PI, every)


def test_parameter_counts(sizes):
    def count(**options):
        return Ffn(sizes(), count=5, hidden=6, **options).parameter_count

    # 12 * 6 + 6 and 6 * 12 + 12, five times
    assert count() == 5 * (78 + 84)
    assert count(bias=False) == 5 * (72 + 72)
    # a second matrix of 12 * 6 + 6
    assert count(activation="swiglu") == 5 * (78 + 78 + 84)


def test_the_default_width_is_four_times_the_layers(sizes):
    assert Ffn(sizes()).hidden_features == 48


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fine_grained_experts_are_parts_of_one(sizes, draw, activation):
    """The hidden layer of an expert cut into three: the outputs of the parts add up to the expert's."""
    whole = Ffn(sizes(), count=2, hidden=6, activation=activation, bias=False)
    fine = Ffn(sizes(), count=2, hidden=6, activation=activation, bias=False, fine_grained=3)
    assert (fine.count, fine.hidden_features) == (6, 2)
    assert fine.parameter_count == whole.parameter_count
    assert Ffn.fineness({"fine_grained": 3}) == 3
    halves = 2 if activation == "swiglu" else 1
    for e in range(6):
        of, columns = e // 3, slice(2 * (e % 3), 2 * (e % 3) + 2)
        inner = whole.bank.inner.weight_IO[of].unflatten(-1, (halves, 6))
        fine.bank.inner.weight_IO.data[e] = inner[..., columns].flatten(-2)
        fine.bank.outer.weight_IO.data[e] = whole.bank.outer.weight_IO[of, columns]
    x = draw(7, 12)
    together = fine(x).values_BEO.unflatten(-2, (2, 3)).sum(-2)
    torch.testing.assert_close(together, whole(x).values_BEO)


def test_fineness_must_divide_the_width(sizes):
    with pytest.raises(ConfigError, match=r"experts\.fine_grained=4 does not divide experts\.hidden=6: take a divisor"):
        Ffn(sizes(), hidden=6, fine_grained=4)


def test_it_is_refused_where_a_mixture_stands_alone(cli, tmp_path):
    result = cli("train", "experts=ffn", "--runs", tmp_path / "runs")
    assert (result.code, result.out) == (2, "")
    assert "experts Ffn output values, not predictions" in result.err and "experts=mlp" in result.err
    assert not (tmp_path / "runs").exists()


def test_gelu_is_the_exact_one(sizes):
    """x Phi(x), Phi the normal distribution function, not its tanh approximation."""
    x = torch.linspace(-3, 3, 12).unsqueeze(0)
    bank = Ffn(sizes(), count=1, hidden=12, activation="gelu", bias=False).bank
    for layer in (bank.inner, bank.outer):
        layer.weight_IO.data[0] = torch.eye(12)
    _, y = bank(x)
    torch.testing.assert_close(y[0], x * torch.special.ndtr(x))
    assert not torch.equal(y[0], functional.gelu(x, approximate="tanh"))
