"""arXiv:2512.23447, eq. 3: each expert responds most to its own proxy, and each proxy most to its own expert."""

from dataclasses import replace

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, generator
from moe_lab.parts.regularizers.erc import Erc, coupling, proxies, responses
from tests.conformance.cases import Case

CASE = Case(
    needs=["gate/score=linear"],
    dense=True,
    structure=["regularizers.erc.relative=true", "regularizers.erc.through_gate=false"],
    numbers=["regularizers.erc.weight=3.0", "regularizers.erc.alpha=0.5"],
    forms=[["regularizers.erc.relative=true", "regularizers.erc.alpha=0.5"], ["experts=conv"]],
)
#: proxy 0 finds 4 in its own expert and 1 in the other; proxy 1 finds 2 and 6
M = torch.tensor([[4.0, 1.0], [6.0, 2.0]])


def noise_of(seed=0):
    return Noise([generator(seed, "noise")])


def linear(learner_of, *words, **sizes):
    return learner_of("gate/score=linear", "regularizer=[erc]", *words, **sizes)


def step_of(learner, draw, samples=7):
    x, noise = draw(samples, 12), noise_of()
    return learner.mixture.step(x, torch.arange(samples) % 4, learner(x, noise), noise_of())


@pytest.mark.parametrize(
    ("alpha", "relative", "expected"),
    [
        # M_10 - M_00 = 2 and M_10 - M_11 = 4, over E^2 = 4
        (1.0, False, 6 / 4),
        # M_10 - 2 = 4 and M_10 - 1 = 5; M_01 = 1 is above neither
        (0.5, False, 9 / 4),
        # 2 / 4 and 4 / 2
        (1.0, True, 2.5 / 4),
        # M_10 = 3 M_11 is the largest ratio
        (3.0, False, 0.0),
    ],
)
def test_by_hand(alpha, relative, expected):
    value = coupling(M, M.diagonal(), torch.full((1, 1), alpha), relative=relative)
    assert value.item() == pytest.approx(expected)


def test_the_double_sum_of_the_paper(learner_of, draw):
    """With the same draws, expert by expert, in loops."""
    learner = linear(learner_of, "regularizers.erc.alpha=0.7").double()
    columns, first = learner.mixture.gate.head.weight_IO.mT, learner.mixture.experts.bank.body.layers.layers[0]
    uniform = noise_of().uniform(columns)
    others = [[(columns[i] - columns[j]).norm() for j in range(5) if j != i] for i in range(5)]
    eps = [min(others[i]) / (2 * columns[i].norm()) for i in range(5)]
    # uniform in [1 - eps, 1 + eps]
    proxy = [columns[i] * (1 - eps[i] + 2 * eps[i] * uniform[i]) for i in range(5)]
    m = [[(proxy[i] @ first.weight_IO[j] + first.bias_1O[j]).norm() for j in range(5)] for i in range(5)]
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    excess = [max(one - 0.7 * m[i][i], 0) for i, j in pairs for one in (m[i][j], m[j][i])]
    step = step_of(learner_of("gate/score=linear"), draw)
    step = replace(step, gate=learner.mixture.gate, experts=learner.mixture.experts)
    regularizer = learner.regularizers["erc"]
    torch.testing.assert_close(regularizer(step), sum(excess) / 25)
    held = max(one / m[i][i] for i, j in pairs for one in (m[i][j], m[j][i]))
    torch.testing.assert_close(regularizer.readings()["alpha_held"], held.detach())


def test_a_proxy_stays_nearest_to_its_own_column(draw):
    columns = draw(5, 12)
    for seed in range(20):
        distance = torch.cdist(proxies(columns, noise_of(seed)), columns)
        assert torch.equal(distance.argmin(-1), torch.arange(5))
    assert not torch.equal(proxies(columns, noise_of(0)), columns)


def test_the_gradient_reaches_gate_and_experts(learner_of, draw):
    learner = linear(learner_of)
    learner.regularizers["erc"](step_of(learner, draw)).backward()
    assert learner.mixture.gate.head.weight_IO.grad.abs().sum() > 0
    assert learner.mixture.experts.bank.body.layers.layers[0].weight_IO.grad.abs().sum() > 0


def test_columns_of_zeros_have_no_gradient_that_is_not_finite(learner_of, draw):
    learner = linear(learner_of, "gate.score.init=zero", "regularizers.erc.relative=true")
    learner.mixture.experts.bank.body.layers.layers[0].bias_1O.data.zero_()
    value = learner.regularizers["erc"](step_of(learner, draw))
    value.backward()
    assert value.item() == 0
    assert all(one.grad is None or one.grad.isfinite().all() for one in learner.parameters())


@pytest.mark.parametrize(("relative", "factor"), [(True, 1.0), (False, 6.0)])
def test_a_common_factor_changes_nothing_where_it_is_relative(learner_of, draw, relative, factor):
    """Experts without biases times 3, and a gate times 2."""
    learner = linear(learner_of, f"regularizers.erc.relative={relative}")
    first = learner.mixture.experts.bank.body.layers.layers[0]
    first.bias_1O.data.zero_()
    before = learner.regularizers["erc"](step_of(learner, draw))
    first.weight_IO.data *= 3
    learner.mixture.gate.head.weight_IO.data *= 2
    after = learner.regularizers["erc"](step_of(learner, draw))
    assert before > 0
    torch.testing.assert_close(after, factor * before)


def test_batch_normalization_counts_no_proxy(learner_of):
    learner = linear(learner_of, "experts=conv", "experts.batch_norm=[0]", shape=(1, 8, 8)).train()
    experts = learner.mixture.experts
    before = {name: one.clone() for name, one in experts.named_buffers()}
    assert before and responses(experts, learner.mixture.gate.head.weight_IO.mT).shape == (5, 5)
    assert all(torch.equal(before[name], one) for name, one in experts.named_buffers())
    assert all(part.training for part in experts.modules())


def test_what_it_cannot_read_is_refused(learner_of, sizes):
    with pytest.raises(ConfigError, match="regularizer erc needs a gate whose scores are linear in the input"):
        learner_of("gate=top_k", "regularizer=[erc]")
    with pytest.raises(ConfigError, match="these experts have none: take experts=mlp"):
        Erc(sizes(hidden=None))


@pytest.mark.parametrize("through", [True, False])
def test_the_gate_learns_through_its_proxies_if_asked(learner_of, draw, through):
    learner = linear(learner_of, f"regularizers.erc.through_gate={str(through).lower()}", "regularizers.erc.alpha=0.1")
    value = learner.regularizers["erc"](step_of(learner, draw))
    value.backward()
    head, first = learner.mixture.gate.head.weight_IO, learner.mixture.experts.bank.body.layers.layers[0].weight_IO
    assert value > 0 and first.grad.abs().max() > 0
    assert (head.grad is not None and bool(head.grad.abs().max() > 0)) == through
