import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.metrics.formulas import arg_max
from moe_lab.routing.decision import Routing
from moe_lab.training.tally import normalized


def routing(weights_BE: torch.Tensor) -> Routing:
    return Routing(weights_BE, weights_BE, weights_BE > 0)


def test_the_arg_max_expert_by_hand():
    """Of equal weights the lowest index; -1 where no expert has the sample; each run of a stack by itself."""
    weights_BE = torch.tensor([[0.2, 0.5, 0.3], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0], [0.0, 0.0, 1e-45]])
    assert routing(weights_BE).expert_B.tolist() == [1, 1, -1, 2]
    stacked_RBE = torch.stack([weights_BE, weights_BE.flip(-1)])
    # from the right the middle expert of the second sample is still the middle one, but the lower of the two
    assert routing(stacked_RBE).expert_B.tolist() == [[1, 1, -1, 2], [1, 0, -1, 0]]


def test_neighbouring_weights_are_told_apart_though_their_shares_are_equal():
    """What training counts is what metrics find in the stored weights: a division by the sum would make them equal."""
    lower = torch.tensor(1.902235984802246)
    weights_BE = torch.stack(
        [lower, torch.nextafter(lower, torch.tensor(2.0)), *torch.tensor([1.7052494, 0.866712, 1.2027957])]
    ).unsqueeze(0)
    shares_BE, _ = normalized(weights_BE)
    assert shares_BE[0, 0] == shares_BE[0, 1]
    assert routing(weights_BE).expert_B.tolist() == arg_max(weights_BE.numpy()).tolist() == [1]


weights = st.lists(st.sampled_from([0.0, 1e-45, 0.25, 0.5, 1.0]), min_size=3, max_size=3)


@settings(max_examples=50)
@given(st.lists(weights, min_size=1, max_size=8))
def test_torch_and_numpy_name_the_same_expert(rows):
    weights_BE = torch.tensor(rows)
    np.testing.assert_array_equal(routing(weights_BE).expert_B.numpy(), arg_max(weights_BE.numpy()))
