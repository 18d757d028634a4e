import pytest

from moe_lab.errors import ConfigError
from moe_lab.training.options import Trainer


def test_a_trainer_is_fixed_once_it_is_made():
    trainer = Trainer(epochs=2)
    assert (trainer.epochs, trainer.optimizer) == (2, "adam")
    with pytest.raises(AttributeError):
        trainer.epochs = 3


def test_a_rate_of_the_gate_is_of_normalized_gradient_descent():
    assert Trainer(optimizer="normalized_gd", gate_lr=0.1).gate_lr == 0.1
    with pytest.raises(
        ConfigError, match=r"trainer\.gate_lr=0\.1 applies to normalized_gd, and trainer\.optimizer=adam"
    ):
        Trainer(gate_lr=0.1)
