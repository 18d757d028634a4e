import sys
from pathlib import Path

import pytest

from moe_lab.config.build import build
from moe_lab.config.compose import compose
from moe_lab.config.plugins import load_plugin
from moe_lab.errors import ConfigError

pytestmark = pytest.mark.usefixtures("toy_lab")

MLP = {"_target_": "toy_lab.gates.score.scores.Mlp", "hidden": 8}


def test_nested_parts_get_the_same_positional_arguments() -> None:
    from toy_lab.gates.composed import Composed
    from toy_lab.gates.score.scores import Attentive

    gate = build(compose(["gate/score=attentive", "gate.k=2"])["gate"], 5)
    assert type(gate) is Composed
    assert (gate.sizes, gate.k, gate.temperature) == (5, 2, 1.0)
    assert type(gate.score) is Attentive
    assert (gate.score.sizes, gate.score.heads) == (5, 2)


def test_values_have_the_types_of_the_signature() -> None:
    node = {"_target_": "toy_lab.gates.composed.Stacked", "widths": [3, 4], "cutoff": 1, "scores": [MLP, MLP]}
    gate = build(node | {"named": {"a": MLP}, "notes": {"b": "c"}}, 5)
    assert gate.widths == (3, 4)
    assert type(gate.cutoff) is float
    assert [score.hidden for score in gate.scores] == [8, 8]
    assert gate.named["a"].hidden == 8
    assert gate.notes == {"b": "c"}
    assert gate.flag is False


def test_a_part_without_positional_arguments() -> None:
    assert build(compose(["trainer.epochs=7"])["trainer"]).epochs == 7


def test_the_node_stays_as_it_was() -> None:
    node = compose([])["gate"]
    build(node, 5)
    assert node == compose([])["gate"]


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "os.system"},
        {"_target_": "toy_lab.gates.composed.Path"},
        {"_target_": "toy_lab.gates.composed.Composed", "score": {"_target_": "os.system"}},
        {**MLP, "hidden": 0},
        {**MLP, "x": 1},
    ],
)
def test_an_unchecked_node_is_no_way_around_the_rules(node: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        build(node, 5)


def test_a_loaded_plugin_can_be_built(tmp_path: Path) -> None:
    file = tmp_path / "toy_own_part.py"
    file.write_text("class Part:\n    def __init__(self, *, scale: float = 1.0) -> None:\n        self.scale = scale\n")
    node = {"_target_": "toy_own_part.Part", "scale": 2}
    with pytest.raises(ConfigError, match="is --plugin toy_own_part.py missing"):
        build(node)
    load_plugin(file)
    assert build(node).scale == 2.0
    del sys.modules["toy_own_part"]
