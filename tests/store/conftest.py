"""The small learner and data of the tests of training."""

from tests.training.conftest import data, empty, learner_of, loop_of, same

__all__ = ["data", "empty", "learner_of", "loop_of", "same"]
