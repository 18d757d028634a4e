import pytest
import torch
from torch import nn

from moe_lab.layers import stacking
from moe_lab.layers.convolution import BatchNorm2d, Conv2d
from moe_lab.layers.linear import Linear
from moe_lab.layers.stacking import alike, bank, columns, hyper, stack


def test_hyper_is_a_buffer_that_no_checkpoint_keeps():
    module = nn.Module()
    module.temperature_11 = hyper(2.0, 2)
    assert module.temperature_11.tolist() == [[2.0]]
    assert dict(module.named_buffers()).keys() == {"temperature_11"} and module.state_dict() == {}
    assert hyper(0.5).shape == ()


def test_stack_stacks_parameters_and_buffers_and_leaves_the_originals():
    modules = [Linear(3, 2) for _ in range(4)]
    for number, module in enumerate(modules):
        module.scale = hyper(number)
    stacked = stack(modules)
    assert stacked.weight_IO.shape == (4, 3, 2) and isinstance(stacked.weight_IO, nn.Parameter)
    assert stacked.scale.tolist() == [0, 1, 2, 3]
    assert torch.equal(stacked.weight_IO[2], modules[2].weight_IO)
    stacked.weight_IO.data.zero_()
    assert modules[0].weight_IO.abs().sum() > 0


def test_a_bank_of_likes_differs_in_its_numbers_alone():
    made = []

    def network():
        made.append(nn.Sequential(Linear(3, 2), BatchNorm2d(2)))
        return made[-1]

    own = bank(network, 4)
    assert len(made) == 4 and not torch.equal(own[0].weight_IO[0], own[0].weight_IO[1])
    with alike():
        likes = bank(network, 4)
    assert len(made) == 5 and all(torch.equal(one, made[-1][0].weight_IO) for one in likes[0].weight_IO)
    for kind in ("named_parameters", "named_buffers"):
        assert [(name, one.shape, one.requires_grad) for name, one in getattr(likes, kind)()] == [
            (name, one.shape, one.requires_grad) for name, one in getattr(own, kind)()
        ]
    assert likes.state_dict().keys() == own.state_dict().keys()
    # each has memory of its own
    likes[0].weight_IO.data[0] = 7
    assert not (likes[0].weight_IO[1] == 7).any() and not (made[-1][0].weight_IO == 7).any()


def test_a_bank_of_shapes_takes_no_memory():
    with alike("shapes"):
        likes = bank(lambda: Linear(3, 2), 4)
    assert likes.weight_IO.is_meta and likes.weight_IO.shape == (4, 3, 2)


def test_columns_are_those_of_all_parameters(monkeypatch):
    """A weight [E, 3, 2] gives pieces of at most two of its six columns, a bias [E, 1, 2] its two."""
    own = bank(lambda: Linear(3, 2), 4)
    monkeypatch.setattr(stacking, "COLUMNS", 2)
    found = list(columns(own))
    assert [one.shape for one in found] == [(4, 2)] * 4
    whole = torch.cat([one.flatten(1) for one in own.parameters()], -1)
    assert torch.equal(torch.cat(found, -1), whole)


def test_stack_refuses_modules_of_different_structure():
    with pytest.raises(ValueError, match=r"same structure.*outputs"):
        stack([Linear(3, 2), Linear(3, 4)])
    with pytest.raises(ValueError, match="padding"):
        stack([Conv2d(1, 1, 3, padding=padding) for padding in (0, 1)])


def test_stack_keeps_what_is_frozen():
    frozen = [Linear(3, 2).requires_grad_(False) for _ in range(2)]
    assert not any(parameter.requires_grad for parameter in stack(frozen).parameters())
