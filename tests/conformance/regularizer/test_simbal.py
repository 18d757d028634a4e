import pytest
import torch

from moe_lab.errors import ConfigError


def value_of(learner, step_of, weight):
    head = learner.mixture.gate.head
    head.weight_IO.data = torch.as_tensor(weight)
    return learner.regularizers["simbal"](step_of(gate=learner.mixture.gate))


def test_by_hand(learner_of, step_of):
    learner = learner_of("gate/score=linear", "regularizer=[simbal]", "experts.count=2")
    # columns (1, 1, 0) and (0, 2, 0): W^T W = [[2, 2], [2, 4]]; less the identity 1 + 2 + 2 + 3 = 8
    assert value_of(learner, step_of, [[1.0, 0.0], [1.0, 2.0], [0.0, 0.0]]).item() == 8


def test_zero_for_orthonormal_columns(learner_of, step_of, draw):
    learner = learner_of("regularizer=[simbal]")
    columns, _ = torch.linalg.qr(draw(32, 5).double())
    value = value_of(learner, step_of, columns)
    assert value.item() == pytest.approx(0, abs=1e-12)


def test_a_gate_without_a_linear_last_layer_is_refused(learner_of):
    with pytest.raises(ConfigError, match="regularizer simbal needs a gate whose scores come from a linear layer"):
        learner_of("gate=attentive", "regularizer=[simbal]")
