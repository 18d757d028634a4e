import pytest

from moe_lab.training.options import Trainer


def test_a_trainer_is_fixed_once_it_is_made():
    trainer = Trainer(epochs=2)
    assert (trainer.epochs, trainer.optimizer) == (2, "adam")
    with pytest.raises(AttributeError):
        trainer.epochs = 3
