import pytest

from moe_lab.layers.stacking import count_parameters
from moe_lab.mixture.costs import parameter_counts


@pytest.mark.parametrize("words", [["gate=switch"], ["gate=top_k", "k=3"], ["gate=attentive", "k=2"]], ids=str)
def test_as_many_parameters_as_act_on_a_sample(learner_of, words):
    target = parameter_counts(learner_of(*words).mixture)["parameters_active"]
    dense = learner_of("baseline=dense_active", *words).mixture
    # one more hidden unit has 12 + 1 + 4 parameters
    assert abs(count_parameters(dense) - target) <= 17 / 2
