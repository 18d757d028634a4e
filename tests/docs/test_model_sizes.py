"""Numbers of parameters in pages are those of the models that their commands build."""

import pytest

from moe_lab.config.compose import compose
from moe_lab.experiment.building import build_learner
from moe_lab.experiment.networks import build_network_learner
from moe_lab.layers.stacking import count_parameters
from moe_lab.models.costs import network_parameter_counts
from tests.docs.sentences import prose

SHAPE, CLASSES = (1, 28, 28), 10
NETWORK = ["dataset=fashion_mnist", "network=vision_transformer", "gate=switch"]


@pytest.mark.parametrize("data", ["mnist", "fashion_mnist"])
def test_of_the_paper_s_experts_and_gates(data):
    config = compose([f"experts=paper_{data}", f"gate/score/body=paper_{data}", "experts.count=5"])
    mixture = build_learner(config, SHAPE, CLASSES, 0).mixture
    gate, expert = count_parameters(mixture.gate), count_parameters(mixture.experts) // 5
    assert f"It has {gate:,} parameters, an expert {expert:,}" in prose("studies/krishnamurthy2023.md")


def test_of_the_dense_network_beside_the_paper_s_mixture():
    words = ["experts=paper_mnist", "gate/score/body=paper_mnist", "experts.count=5"]
    dense, mixture = (
        count_parameters(build_learner(compose([*words, *more]), SHAPE, CLASSES, 0))
        for more in (["baseline=dense_total"], [])
    )
    said = f"It has {dense:,} parameters, the mixture {mixture:,}."
    assert said in prose("studies/krishnamurthy2023.md")


def test_of_mixture_layers_and_the_dense_ones_beside_them():
    sizes = [
        network_parameter_counts(build_network_learner(compose([*NETWORK, *words]), SHAPE, CLASSES, 0)[0].network)
        for words in (["regularizer=[switch_balance]"], ["baseline=dense_active"], ["baseline=dense_total"])
    ]
    mixture, active, total = [(f"{one['parameters_total']:,}", f"{one['parameters_active']:,}") for one in sizes]
    words = prose("studies/mixture-layers.md")
    assert f"{mixture[0]} parameters, of which {mixture[1]} act on a patch" in words
    assert f"({active[0]} in all)" in words and f"of as many as there are ({total[0]})" in words
