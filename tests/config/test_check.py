"""What a config may hold: types and ranges from signatures, classes from the allow-list."""

import json
import sys
from copy import deepcopy
from datetime import date
from functools import cache
from typing import Any

import pytest
import yaml

from moe_lab.config.check import check
from moe_lab.config.compose import compose
from moe_lab.errors import ConfigError

pytestmark = pytest.mark.usefixtures("toy_lab")

COMPOSED = "toy_lab.gates.composed"
MLP = {"_target_": "toy_lab.gates.score.scores.Mlp"}
NO_PART = "must be a part, a mapping with a _target_"
TOP_KEYS = "dataset, device, gate, k, regularizers, seed, trainer"


def checked(config: Any) -> None:
    from toy_lab.roles import Experiment

    check(config, Experiment)


@cache
def composed() -> dict[str, Any]:
    return compose([])


def with_value(key: str, value: Any) -> dict[str, Any]:
    config = deepcopy(composed())
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    node[last] = value
    return config


def message(config: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        checked(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_composes_from_good_words_passes() -> None:
    checked(compose(["gate=top_k", "gate/score=attentive", "k=2", "regularizer=[importance]", "trainer.lr=1"]))


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("k", "two", "k=two: must be an integer"),
        ("k", "3", 'k="3": must be an integer'),
        ("k", True, "k=true: must be an integer"),
        ("k", 1.0, "k=1.0: must be an integer"),
        ("k", 0, "k=0: must be greater than or equal to 1"),
        ("k", [1], "k=[1]: must be an integer"),
        ("seed", None, "seed=null: must be an integer"),
        ("seed", -1, "seed=-1: must be greater than or equal to 0"),
        ("device", "cudda", "device=cudda: must be 'auto' or 'cpu'"),
        ("trainer.lr", "1e-3", 'trainer.lr="1e-3": must be a number'),
        ("trainer.lr", True, "trainer.lr=true: must be a number"),
        ("gate.temperature", 0, "gate.temperature=0: must be greater than 0"),
        ("gate.temperature", float("nan"), "gate.temperature=nan: must be a finite number"),
        ("gate.temperature", float("inf"), "gate.temperature=inf: must be a finite number"),
        ("gate.temprature", 1.0, "no such key 'gate.temprature'. Did you mean gate.temperature?"),
        ("gate.score.hiden", 1, "no such key 'gate.score.hiden'. Did you mean gate.score.hidden?"),
        ("sede", 1, "no such key 'sede'. Did you mean seed?"),
        ("_target_", "toy_lab.roles.Experiment", f"no such key '_target_'. There are: {TOP_KEYS}"),
        ("gate.sizes", 3, "no such key 'gate.sizes'. There are: k, score, temperature"),
        ("gate", None, f"gate=null: {NO_PART}"),
        ("gate", "softmax", f"gate=softmax: {NO_PART}"),
        ("gate", {"k": 1}, f'gate={{"k": 1}}: {NO_PART}'),
        ("gate.score", [3, 4], f"gate.score=[3, 4]: {NO_PART}"),
        ("regularizers", [], "regularizers=[]: must be a mapping"),
        ("regularizers.x", 3, f"regularizers.x=3: {NO_PART}"),
        ("seed", 2**63, "seed: the number is too large"),
        ("device", "${oc.env:HOME}", "device=${oc.env:HOME}: must be a value, not a reference to one"),
        ("device", date(2023, 2, 28), "device: must be a plain value, not a date"),
        ("device", "a\nb", "device=a b: must be 'auto' or 'cpu'"),
    ],
)
def test_a_wrong_value_gives_one_line(key: str, value: Any, line: str) -> None:
    assert message(with_value(key, value)) == line


def test_what_must_be_given() -> None:
    config = dict(composed())
    del config["gate"]
    assert message(config) == "gate must be given"
    assert message(with_value("dataset", {"_target_": "toy_lab.data.Npz"})) == "dataset.path must be given"


def test_a_key_that_yaml_misreads() -> None:
    config = with_value("gate", yaml.safe_load(f"{{_target_: {COMPOSED}.Composed, on: 1}}"))
    assert message(config).startswith("gate: the key true must be text (YAML reads on, off, yes, no")


@pytest.mark.parametrize(
    "options",
    [
        {"widths": [1, 2], "flag": True, "cutoff": 1},
        {"cutoff": None, "notes": {"a": "b"}},
        {"scores": [MLP, MLP], "named": {"a": MLP}},
        {"named": None},
    ],
)
def test_lists_mappings_and_nested_parts(options: dict[str, Any]) -> None:
    checked(with_value("gate", {"_target_": f"{COMPOSED}.Stacked", **options}))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"widths": [1, "2"]}, 'gate.widths=[1, "2"]: must be an integer'),
        ({"widths": 3}, "gate.widths=3: must be a list"),
        ({"pair": [1]}, "gate.pair=[1]: lacks an item"),
        ({"mode": "manual"}, "gate.mode=manual: must be 'auto' or must be a number"),
        ({"flag": 1}, "gate.flag=1: must be true or false"),
        ({"flag": "true"}, 'gate.flag="true": must be true or false'),
        ({"notes": {"a": 3}}, 'gate.notes={"a": 3}: must be text'),
        ({"scores": [MLP, 3]}, f"gate.scores.1=3: {NO_PART}"),
        ({"scores": [{**MLP, "hidden": 0}]}, "gate.scores.0.hidden=0: must be greater than or equal to 1"),
        ({"named": {"a": {**MLP, "n": 0}}}, "no such key 'gate.named.a.n'. There are: hidden"),
        ({"notes": MLP}, "gate.notes._target_: no part belongs here"),
    ],
)
def test_wrong_lists_mappings_and_nested_parts(options: dict[str, Any], line: str) -> None:
    assert message(with_value("gate", {"_target_": f"{COMPOSED}.Stacked", **options})) == line


def test_an_option_without_a_type_is_said() -> None:
    assert "Untyped: the type of option 'whatever' cannot be checked" in message(
        with_value("gate", {"_target_": f"{COMPOSED}.Untyped"})
    )


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "pathlib.Path",
        "pathlib.Path.touch",
        "builtins.eval",
        "eval",
        "",
        ".",
        "..",
        "../x.Y",
        "mygate.Mine",
        "toy_lab.undeclared.Borrowed",
        "toy_lab.gates_evil.Gate",
        "toy_lab.gates..composed.Composed",
        "toy_lab.gates.composed.Composed.__init__",
        "toy_lab.gates.composed.logging.os.system",
    ],
)
def test_a_class_outside_the_part_packages_is_refused(target: str) -> None:
    line = message(with_value("gate._target_", target))
    assert line.startswith(f"gate._target_={target}: names no part of moe_lab and no class of a --plugin file")


@pytest.mark.parametrize("name", ["Borrowed", "Path", "Gate", "Score", "make", "logging", "IMPORTED", "", "__name__"])
def test_only_a_class_defined_in_the_module_serves(name: str) -> None:
    line = message(with_value("gate._target_", f"{COMPOSED}.{name}"))
    assert line == f"gate._target_={COMPOSED}.{name}: {COMPOSED} defines no such Gate."


def test_the_class_must_play_the_role() -> None:
    line = message(with_value("gate._target_", "toy_lab.gates.score.scores.Mlp"))
    assert line.endswith("toy_lab.gates.score.scores defines no such Gate.")
    line = message(with_value("gate._target_", f"{COMPOSED}.Composd"))
    assert line.endswith("defines no such Gate. Did you mean Composed?")


def test_nothing_outside_the_part_packages_is_imported() -> None:
    sys.modules.pop("this", None)
    message(with_value("gate._target_", "this.Zen"))
    assert "this" not in sys.modules


def test_a_missing_library_is_named() -> None:
    line = message(with_value("gate._target_", "toy_lab.gates.needy.Gate"))
    assert line.endswith("toy_lab.gates.needy needs the package library_that_nobody_has, which is not installed")


@pytest.mark.parametrize("target", [3, None, ["os.system"], {"_target_": "os.system"}])
def test_a_target_that_is_no_name(target: Any) -> None:
    assert message(with_value("gate._target_", target)).endswith("must name a class")


def test_a_part_where_none_belongs_is_refused() -> None:
    assert message(with_value("seed", {"_target_": "os.system"})).startswith("seed=")
    assert message({"_target_": "os.system"}).startswith("no such key '_target_'")


@pytest.mark.parametrize("config", [None, [], 3, "x"])
def test_no_mapping_at_all(config: Any) -> None:
    message(config)


def test_files_made_to_exhaust_memory() -> None:
    cycle: dict[str, Any] = {}
    cycle["k"] = cycle
    assert "too large or too deep" in message(with_value("k", cycle))
    laughs: list[Any] = [0] * 10
    for _ in range(18):
        laughs = [laughs] * 10
    assert "too large or too deep" in message(with_value("k", laughs))
    assert "too large or too deep" in message(with_value("k", [0] * 100_000))


def test_a_number_too_long_to_be_written() -> None:
    assert message(with_value("seed", 10**5000)) == "seed: the number is too large"


def test_text_that_is_no_json() -> None:
    message(with_value("device", "\ud800"))


def test_a_stored_config_passes_as_it_did() -> None:
    config = compose(["regularizer=[importance]", "trainer.lr=1e-05", "gate=stacked"])
    checked(yaml.safe_load(yaml.safe_dump(config)))
    checked(json.loads(json.dumps(config)))
