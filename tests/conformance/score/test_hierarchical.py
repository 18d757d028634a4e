import math

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.gates.score.hierarchical import Hierarchical, prime_factors
from moe_lab.parts.networks.mlp import Mlp


def score(sizes, experts, branching=None):
    given = sizes(experts=experts, k=experts)
    return Hierarchical(given, body=Mlp(given, hidden=(8,)), branching=branching)


def test_leaves_are_products_along_the_path_by_hand(sizes, noise):
    """Two branches of three: p_ij = p_i p_j|i with p = (1, 3) / 4, p_j|0 = (1, 1, 2) / 4, p_j|1 = (2, 3, 5) / 10."""
    tree = score(sizes, 6, (2, 3))
    tree.head.weight_IO.data.zero_()
    tree.head.bias_1O.data.copy_(torch.tensor([1.0, 3, 1, 1, 2, 2, 3, 5]).log())
    logits = tree(torch.zeros(1, 12), None, noise)
    expected = torch.tensor([[1 / 16, 1 / 16, 2 / 16, 6 / 40, 9 / 40, 15 / 40]])
    torch.testing.assert_close(logits.exp(), expected)


@pytest.mark.parametrize(("experts", "branching"), [(6, (2, 3)), (6, (3, 2)), (8, (2, 2, 2)), (5, (5,)), (5, (1, 5))])
def test_rows_sum_to_one_and_levels_are_marginals(sizes, draw, noise, experts, branching):
    tree = score(sizes, experts, branching)
    x = draw(7, 12)
    probs = tree(x, None, noise).exp()
    torch.testing.assert_close(probs.sum(-1), torch.ones(7))
    first = tree.head(tree.body(x).relu())[:, : branching[0]].softmax(-1)
    torch.testing.assert_close(probs.unflatten(-1, (branching[0], -1)).sum(-1), first)


def test_the_default_tree(sizes):
    assert [prime_factors(n) for n in (1, 5, 6, 8, 12)] == [(1,), (5,), (2, 3), (2, 2, 2), (2, 2, 3)]
    assert score(sizes, 6).resolved == {"branching": [2, 3]}
    # a softmax a node: 2 + 2 * 3 logits
    assert score(sizes, 6).head.bias_1O.shape == (1, 8)


def test_another_number_of_leaves_is_refused(sizes):
    with pytest.raises(ConfigError, match=r"\[2, 3\] has 6 leaves, and experts.count=5"):
        score(sizes, 5, (2, 3))


def test_a_flat_tree_is_a_softmax(sizes, draw, noise):
    tree, x = score(sizes, 5), draw(7, 12)
    torch.testing.assert_close(tree(x, None, noise), tree.head(tree.body(x).relu()).log_softmax(-1))


def test_saturated_nodes_are_finite(sizes, draw, noise):
    tree = score(sizes, 8)
    tree.head.weight_IO.data.mul_(1e6)
    logits = tree(draw(7, 12), None, noise)
    logits.exp().square().sum().backward()
    assert logits.isfinite().all() and tree.head.weight_IO.grad.isfinite().all()
    assert math.isclose(logits.exp().sum(-1).max().item(), 1, rel_tol=1e-5)
