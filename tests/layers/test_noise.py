import torch
from scipy.stats import kstest

from moe_lab.layers.noise import Noise, derived_seed, generator, seeded


def test_names_and_seeds_give_different_numbers_and_the_same_ones_again():
    draws = [torch.rand(4, generator=generator(seed, name)) for seed in (0, 1) for name in ("order", "noise")]
    assert len({tuple(draw.tolist()) for draw in draws}) == 4
    assert torch.equal(draws[0], torch.rand(4, generator=generator(0, "order")))
    assert 0 <= derived_seed(2**63 - 1, "x") < 2**63


def test_seeded_leaves_the_default_generator_as_it_was():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    with seeded(0, "gate"):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with seeded(0, "gate"):
        assert torch.equal(torch.rand(3), inside)


def test_a_run_in_a_stack_draws_what_it_draws_alone():
    like = torch.zeros(3, 7, 5)
    for draw in ("normal", "uniform"):
        stacked = getattr(Noise([generator(seed, "noise") for seed in range(3)], stacked=True), draw)(like)
        alone = [getattr(Noise([generator(seed, "noise")]), draw)(like[0]) for seed in range(3)]
        assert torch.equal(stacked, torch.stack(alone))


def test_state_is_kept_and_restored():
    noise, like = Noise([generator(0, "noise")]), torch.zeros(2)
    noise.normal(like)
    state = noise.state()
    later = noise.normal(like)
    fresh = Noise([generator(1, "noise")])
    fresh.restore(state)
    assert torch.equal(fresh.normal(like), later)


def test_gumbel_numbers_are_finite_and_gumbel():
    drawn = Noise([generator(0, "noise")]).gumbel(torch.empty(100_000))
    assert kstest(drawn.numpy(), "gumbel_r").pvalue > 0.01

    class Zeros(Noise):
        def uniform(self, like):
            return torch.zeros_like(like)

    assert Zeros([]).gumbel(torch.empty(3)).isfinite().all()
