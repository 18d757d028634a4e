import torch

from moe_lab.parts.gates.select.sample import Sample


def test_in_training_experts_are_drawn_by_probability(sizes, noise):
    """p = (1, 2, 5) / 8, 100,000 draws: standard error at most .0016."""
    logits = torch.tensor([1.0, 2.0, 5.0]).log().expand(100_000, 3)
    chosen = Sample(sizes(experts=3, k=1))(logits, noise)
    assert (chosen.sum(-1) == 1).all()
    torch.testing.assert_close(chosen.float().mean(0), torch.tensor([1, 2, 5]) / 8, atol=0.006, rtol=0)


def test_two_without_replacement(sizes, noise):
    logits = torch.tensor([1.0, 2.0, 5.0]).log().expand(100_000, 3)
    chosen = Sample(sizes(experts=3, k=2))(logits, noise)
    assert (chosen.sum(-1) == 2).all()
    # the first is out if 1 and 2 are drawn in either order: 2/8 * 5/6 + 5/8 * 2/3
    out = 2 / 8 * 5 / 6 + 5 / 8 * 2 / 3
    assert abs((~chosen[:, 0]).float().mean() - out) < 0.006


def test_at_test_the_k_largest(sizes, noise):
    logits = torch.tensor([[0.1, 3.0, 2.0], [5.0, 5.0, 5.0]])
    select = Sample(sizes(experts=3, k=2)).eval()
    assert select(logits, noise).tolist() == [[False, True, True], [True, True, False]]
