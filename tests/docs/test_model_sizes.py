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


def counted(data: str, *words: str) -> str:
    config = compose([f"experts=paper_{data}", f"gate/score/body=paper_{data}", "experts.count=5", *words])
    return f"{count_parameters(build_learner(config, SHAPE, CLASSES, 0)):,}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("mnist", "It has {gate_as_classifier} parameters, an expert {single}"),
        ("mnist", "It has {dense_total} parameters, the mixture {none}."),
        (
            "fashion_mnist",
            "has {none} parameters, the gate's network as a classifier {gate_as_classifier}, an expert {single}.",
        ),
    ],
)
def test_of_the_paper_s_mixture_and_what_stands_beside_it(data, said):
    names = ("none", "single", "gate_as_classifier", "dense_total")
    assert said.format(**{name: counted(data, f"baseline={name}") for name in names}) in prose(
        "studies/krishnamurthy2023.md"
    )


def test_of_mixture_layers_and_the_dense_ones_beside_them():
    sizes = [
        network_parameter_counts(build_network_learner(compose([*NETWORK, *words]), SHAPE, CLASSES, 0)[0].network)
        for words in (["regularizer=[switch_balance]"], ["baseline=dense_active"], ["baseline=dense_total"])
    ]
    mixture, active, total = [(f"{one['parameters_total']:,}", f"{one['parameters_active']:,}") for one in sizes]
    words = prose("studies/mixture-layers.md")
    assert f"{mixture[0]} parameters, of which {mixture[1]} act on a patch" in words
    assert f"({active[0]} in all)" in words and f"of as many as there are ({total[0]})" in words
