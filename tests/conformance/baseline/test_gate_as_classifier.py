import pytest

from moe_lab.config.compose import compose
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner
from moe_lab.layers.stacking import count_parameters


def test_the_gates_body_with_a_layer_for_the_classes(learner_of):
    mixture = learner_of("baseline=gate_as_classifier", "gate.score.body.hidden=[8,7]").mixture
    # 12 * 8 + 8, 8 * 7 + 7 and 7 * 4 + 4
    assert count_parameters(mixture) == 104 + 63 + 32


def test_the_papers_mnist_gate(learner_of):
    words = ["baseline=gate_as_classifier", "gate/score/body=paper_mnist", "experts=paper_mnist"]
    mixture = build_learner(compose(words), (1, 28, 28), 10, 0).mixture
    # the gate's 26,063 with ten classes in place of five experts: 5 * 33 more
    assert count_parameters(mixture) == 26_063 + 5 * 33


def test_a_gate_without_a_network_is_refused(learner_of):
    with pytest.raises(ConfigError, match="gate/score=network"):
        learner_of("baseline=gate_as_classifier", "gate/score=linear")
