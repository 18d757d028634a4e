import pytest

from moe_lab.config.compose import compose
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner
from moe_lab.layers.stacking import count_parameters


@pytest.mark.parametrize("count_gate", [True, False])
def test_as_many_parameters_as_the_mixture(learner_of, count_gate):
    words = [f"baseline.count_gate={str(count_gate).lower()}", "gate=attentive", "k=2"]
    whole = learner_of("gate=attentive", "k=2").mixture
    target = count_parameters(whole) if count_gate else count_parameters(whole.experts)
    dense = learner_of("baseline=dense_total", *words).mixture
    assert dense.experts.count == 1
    # one more hidden unit has 12 + 1 + 4 parameters
    assert abs(count_parameters(dense) - target) <= 17 / 2


def test_convolutional_experts_are_widened_in_filters_and_layers():
    words = ["experts=paper_fashion_mnist", "gate/score/body=paper_fashion_mnist"]
    target = count_parameters(build_learner(compose(words), (1, 28, 28), 10, 0).mixture)
    dense = build_learner(compose([*words, "baseline=dense_total"]), (1, 28, 28), 10, 0).mixture
    assert count_parameters(dense) == pytest.approx(target, rel=0.1)
    assert dense.experts.bank.body.convolutions[0].weight_OIKK.shape[-4] > 1


def test_experts_without_a_width_are_refused(learner_of):
    with pytest.raises(ConfigError, match="experts=mlp"):
        learner_of("baseline=dense_total", "experts=linear")
