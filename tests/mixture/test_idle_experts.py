"""Experts without a network in a mixture layer: zero, copy and constant."""

import copy

import pytest
import torch

from moe_lab import MixtureLayer
from moe_lab.errors import ConfigError
from moe_lab.layers.grouped import GroupedRows, Groups
from moe_lab.layers.noise import Noise, generator, seeded
from moe_lab.layers.stacking import stack
from moe_lab.mixture.dispatchers import Dense, Sparse, for_every_expert
from moe_lab.mixture.layer_parts import layer_config, routed_experts
from moe_lab.parts.experts.ffn import Ffn
from moe_lab.parts.sizes import Sizes
from moe_lab.routing.pairs import Pairs

IDLE = ("experts.zero=1", "experts.copy=1", "experts.constant=2")


def layer_of(*words, width=4, seed=0):
    with seeded(seed, "layer"):
        layer, _ = routed_experts(layer_config(["experts.count=3", "experts.hidden=6", *words]), width)
    return layer.double()


def noise_of(*seeds, stacked=False):
    return Noise([generator(seed, "noise") for seed in seeds or (0,)], stacked=stacked)


def test_what_they_give_by_hand():
    experts = Ffn(Sizes((2,), 0, 4, 2), count=1, zero=1, copy=1, constant=1)
    constant = experts.idle.constants
    # softmax((ln 3, 0)) = (.75, .25) for x = (1, 0), (.5, .5) for x = (0, 1)
    constant.share.weight_IO.data = torch.tensor([[[3.0, 1.0], [1.0, 1.0]]]).log()
    constant.v_1D.data = torch.tensor([[[4.0, 8.0]]])
    output = experts(torch.eye(2))
    assert (experts.count, experts.computing) == (4, 1)
    torch.testing.assert_close(output.values_BEO[:, 0], experts.bank(torch.eye(2).unsqueeze(-3))[1][0])
    # .75 (1, 0) + .25 (4, 8) and .5 (0, 1) + .5 (4, 8)
    expected = [[[0.0, 0.0], [1.0, 0.0], [1.75, 2.0]], [[0.0, 0.0], [0.0, 1.0], [2.0, 4.5]]]
    torch.testing.assert_close(output.values_BEO[:, 1:], torch.tensor(expected))
    assert not output.hidden_BEH[:, 1:].any() and output.hidden_BEH.shape == (2, 4, 8)


def test_rows_sorted_by_expert_give_the_same():
    experts = Ffn(Sizes((4,), 0, 7, 2), count=3, hidden=6, zero=1, copy=1, constant=2)
    x, selected = torch.randn(9, 4), torch.rand(9, 7, generator=generator(0, "rows")) > 0.5
    _, rows = experts.compute(Pairs(selected).rows(x))
    torch.testing.assert_close(rows.rows_PI, experts(x).values_BEO.transpose(0, 1)[selected.T])


@pytest.mark.parametrize("gate", ["top_k", "switch", "relu", "expert_choice", "gshard_top2"])
def test_sparse_is_dense(gate):
    layer, results = layer_of(f"gate={gate}", *IDLE), []
    x = torch.randn(9, 4, dtype=torch.float64, generator=generator(0, "x")).requires_grad_()
    assert isinstance(layer.dispatcher, Sparse)
    for dispatcher in (layer.dispatcher, for_every_expert(layer.gate)):
        layer.dispatcher = dispatcher
        y = layer(x, noise_of()).y_TD
        gradients = torch.autograd.grad(y.square().sum(), [x, *layer.parameters()], materialize_grads=True)
        results.append((y, *gradients))
    for sparse, dense in zip(*results, strict=True):
        torch.testing.assert_close(sparse, dense)


@pytest.mark.parametrize("gate", ["top_k", "softmax"])
def test_stacked_runs_equal_solo_runs(gate):
    solos = [layer_of(f"gate={gate}", *IDLE, seed=run) for run in range(3)]
    x = torch.randn(3, 9, 4, dtype=torch.float64, generator=generator(0, "x"))
    for own in (True, False):
        together = stack(copy.deepcopy(solos))(x if own else x[0], noise_of(0, 1, 2, stacked=True)).y_TD
        for run, solo in enumerate(solos):
            torch.testing.assert_close(together[run], solo(x[run] if own else x[0], noise_of(run)).y_TD)


@pytest.mark.parametrize("dispatcher", [Sparse(), Dense()])
def test_rows_that_all_take_the_zero_expert_give_zeros(dispatcher):
    layer = layer_of("gate=switch", "experts.zero=1")
    layer.dispatcher = dispatcher
    layer.gate.score.head.weight_IO.data.zero_()
    layer.gate.score.head.bias_1O.data = torch.tensor([[0.0, 0.0, 0.0, 9.0]], dtype=torch.float64)
    x = torch.ones(5, 4, dtype=torch.float64).requires_grad_()
    y = layer(x, noise_of()).y_TD
    y.sum().backward()
    assert torch.equal(y, torch.zeros(5, 4)) and torch.equal(x.grad, torch.zeros(5, 4))


@pytest.mark.parametrize(
    ("words", "who"),
    [
        (["gate=attentive"], "the attentive gate"),
        (["regularizer=[orthogonality]", "k=2"], "regularizer orthogonality"),
        (["regularizer=[erc]", "k=2"], "regularizer erc"),
    ],
)
def test_parts_that_read_hidden_layers_refuse_them(words, who):
    with pytest.raises(ConfigError, match=f"{who} reads the experts' hidden layer, and experts that compute nothing"):
        layer_of(*words, *IDLE)


def test_they_count_for_the_gate():
    sizes = layer_of("gate=top_k", "k=5", *IDLE).gate.sizes
    assert (sizes.experts, sizes.k, sizes.idle, sizes.computing) == (7, 5, 4, 3)
    assert layer_of("gate=softmax", *IDLE).gate.sizes.k == 7
    # each is divided, too: 2 (3 + 1 + 1 + 2) experts of which 2 * 2 are selected
    fine = layer_of("gate=top_k", "k=2", *IDLE, "experts.fine_grained=2").gate.sizes
    assert (fine.experts, fine.k, fine.idle) == (14, 4, 8)
    with pytest.raises(ConfigError, match="k=8 selects more experts than there are: take k of at most 7"):
        layer_of("gate=top_k", "k=8", *IDLE)


def test_without_them_nothing_is_drawn_that_was_not_drawn_before():
    with_them, plain = layer_of("gate=top_k", "experts.constant=1"), layer_of("gate=top_k")
    assert all(
        torch.equal(plain.experts.bank.state_dict()[n], v) for n, v in with_them.experts.bank.state_dict().items()
    )


def test_the_layer_of_a_users_own_network_has_them():
    layer = MixtureLayer(4, *IDLE, experts=3, regularizers=["switch_balance"])
    y = layer(torch.randn(6, 4))
    (y.square().sum() + layer.auxiliary_loss).backward()
    assert layer.routing.probs_BE.shape == (6, 7)


def test_rows_are_parted_and_joined():
    """Groups of two runs of four experts: of each the first, the next two, the last."""
    count_G = torch.tensor([1, 2, 0, 1, 2, 0, 1, 1])
    group_P = torch.arange(8).repeat_interleave(count_G)
    rows = GroupedRows(torch.arange(8.0).unsqueeze(-1), Groups(count_G, group_P))
    parts, order = rows.parted((1, 2, 1))
    assert [one.rows_PI.squeeze(-1).tolist() for one in parts] == [[0, 4, 5], [1, 2, 6], [3, 7]]
    assert [one.groups.count_G.tolist() for one in parts] == [[1, 2], [2, 0, 0, 1], [1, 1]]
    assert [one.groups.group_P.tolist() for one in parts] == [[0, 1, 1], [0, 0, 3], [0, 1]]
    assert torch.equal(GroupedRows.joined(parts, order, rows.groups).rows_PI, rows.rows_PI)
