"""Multiply-adds against arithmetic by hand."""

import pytest
import torch

from moe_lab.experiment.building import build_learner
from moe_lab.layers.noise import Noise
from moe_lab.mixture.costs import multiply_add_counts
from tests.composing import composed

#: gate 64-64-32-5 and an expert 64-16-10 of the default mixture for digits
DEFAULT_GATE, DEFAULT_EXPERT = 64 * 64 + 64 * 32 + 32 * 5, 64 * 16 + 16 * 10
#: a 3 x 3 filter over 28 x 28 without padding, which leaves 13 x 13 after its maximum
CONVOLUTION = 26 * 26 * 9
PAPER_BODY = CONVOLUTION + 169 * 128 + 128 * 32
PAPER_EXPERT = CONVOLUTION + 169 * 5 + 5 * 32 + 32 * 10
#: query, keys and their products: H^2 + E H^2 + E H (facts of the paper's attentive gate, H = 32)
ATTENTION = 32**2 + 5 * 32**2 + 5 * 32
BODY = ("filters=[2,3]", "padding=1", "batch_norm=[0]", "hidden=[4]")
PAPER = ("experts=paper_mnist", "gate/score/body=paper_mnist")


def mixture(*words, shape):
    return build_learner(composed(*words), shape, 10, seed_init=0).mixture


def counts(*words, shape=(1, 28, 28)):
    features = torch.Size(shape).numel()
    found = multiply_add_counts(mixture(*words, shape=shape), features, torch.device("cpu"))
    return found["multiply_adds_total"], found["multiply_adds_active"]


@pytest.mark.parametrize(
    ("words", "gate", "expert", "running"),
    [
        ((), DEFAULT_GATE, DEFAULT_EXPERT, 5),
        (("k=2",), DEFAULT_GATE, DEFAULT_EXPERT, 2),
        (("gate=hash",), 0, DEFAULT_EXPERT, 1),
    ],
    ids=str,
)
def test_of_digits_by_hand(words, gate, expert, running):
    assert counts(*words, shape=(1, 8, 8)) == (gate + 5 * expert, gate + running * expert)


def test_of_the_papers_networks_by_hand():
    everything = PAPER_BODY + 32 * 5 + 5 * PAPER_EXPERT
    assert counts(*PAPER) == (everything, everything)
    assert counts(*PAPER, "k=1")[1] == PAPER_BODY + 32 * 5 + PAPER_EXPERT
    everything = PAPER_BODY + ATTENTION + 5 * PAPER_EXPERT
    # the attentive gate runs every expert, whatever k is
    assert counts("gate=attentive", *PAPER, "k=1") == (everything, everything)


def test_slots_and_a_baseline():
    # five slots of 16 pixels from four patches: similarities and mixing 4 * 16 * 5 each; an expert 16-16-10
    everything = 2 * 4 * 16 * 5 + 5 * (16 * 16 + 16 * 10)
    assert counts("gate=soft_moe", shape=(1, 8, 8)) == (everything, everything)
    assert counts("baseline=single", shape=(1, 8, 8)) == (DEFAULT_EXPERT, DEFAULT_EXPERT)


def test_padded_convolutions_of_several_channels():
    body = ("gate/score/body=conv", *(f"gate.score.body.{word}" for word in BODY))
    # 8 x 8 outputs of two filters over 3 x 9 inputs, 4 x 4 of three over 2 x 9, then 12-4-5; experts 192-16-10
    gate = 64 * 2 * 27 + 16 * 3 * 18 + 12 * 4 + 4 * 5
    assert counts(*body, shape=(3, 8, 8))[0] == gate + 5 * (192 * 16 + 16 * 10)


def test_counting_changes_nothing():
    made, noise = mixture("gate=stochastic", shape=(1, 8, 8)).eval(), Noise([torch.Generator().manual_seed(0)])
    before, x_BD = noise.state(), torch.rand(3, 64)
    expected = made(x_BD, noise).log_probs_BC
    noise.restore(before)
    state = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    multiply_add_counts(made, 64, torch.device("cpu"))
    assert torch.equal(made(x_BD, noise).log_probs_BC, expected)
    assert all(torch.equal(tensor, state[name]) for name, tensor in made.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in made.modules())
