import math

import numpy as np
import pytest
import torch
from sklearn.metrics import mutual_info_score

from moe_lab.parts.regularizers.mutual_information import MutualInformation
from moe_lab.parts.regularizers.sample_entropy import SampleEntropy
from moe_lab.parts.regularizers.usage_kl import UsageKl


def test_by_hand(sizes, step_of):
    # two samples, each sure of its own expert: 0 - log 2; both undecided: log 2 - log 2
    value = MutualInformation(sizes(experts=2))
    assert value(step_of(probs_BE=torch.eye(2))).item() == pytest.approx(-math.log(2))
    assert value(step_of(probs_BE=torch.full((2, 2), 0.5))).item() == pytest.approx(0, abs=1e-7)


def test_hard_rows_against_scikit_learn(sizes, step_of):
    experts = torch.tensor([0, 3, 3, 1, 0, 0, 4])
    probs = torch.nn.functional.one_hot(experts, 5).double()
    expected = mutual_info_score(np.arange(7), experts.numpy())
    assert MutualInformation(sizes())(step_of(probs_BE=probs)).item() == pytest.approx(-expected)


def test_it_is_usage_kl_and_sample_entropy_up_to_a_constant(sizes, step_of, draw):
    step = step_of(probs_BE=draw(7, 5).double().softmax(-1))
    both = UsageKl(sizes())(step) + SampleEntropy(sizes())(step)
    torch.testing.assert_close(MutualInformation(sizes())(step), both - math.log(5))
