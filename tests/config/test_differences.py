import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.config.compose import compose, compose_leniently
from moe_lab.config.differences import config_key, differences, unchanged

toys = pytest.mark.usefixtures("toy_lab")


@toys
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["k=2", "seed=3"], {"k": 2, "seed": 3}),
        (["trainer.epochs=5"], {"trainer.epochs": 5}),
        (["gate=top_k"], {"gate": "top_k"}),
        (["gate.k=2"], {"gate": "top_k"}),
        (["gate.k=3"], {"gate.k": 3}),
        (["gate=top_k", "gate.temperature=2.0"], {"gate": "top_k", "gate.temperature": 2.0}),
        (["gate.score.hidden=8"], {"gate.score.hidden": 8}),
        (["gate/score=attentive"], {"gate/score": "attentive"}),
        (
            ["gate=top_k", "gate/score=attentive", "gate.score.heads=4"],
            {"gate": "top_k", "gate/score": "attentive", "gate.score.heads": 4},
        ),
        (["gate=stacked"], {"gate": "stacked"}),
        (["dataset=npz", "dataset.path=a"], {"dataset": "npz", "dataset.path": "a"}),
        (["regularizer=[z_loss,importance]"], {"regularizer": ["importance", "z_loss"]}),
        (
            ["regularizer=[importance]", "regularizers.importance.weight=0.3"],
            {"regularizer": ["importance"], "regularizers.importance.weight": 0.3},
        ),
    ],
)
def test_differences_are_the_words_that_one_would_type(words: list[str], expected: dict[str, Any]) -> None:
    config = compose(words)
    assert differences(config, compose([]), {}) == expected


@toys
def test_the_words_compose_the_config_again() -> None:
    config = compose(["gate=top_k", "gate/score=attentive", "gate.k=5", "regularizer=[z_loss]", "trainer.lr=0.5"])
    told = differences(config, compose([]), {})
    words = [f"{key}={json.dumps(value) if isinstance(value, list) else value}" for key, value in told.items()]
    assert compose(words) == config


@toys
def test_a_users_own_option_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "mine.yaml").write_text("_target_: mygate.Mine\nscale: 2\n")
    config = compose(["gate=mine", "gate.scale=3"], tmp_path)
    assert differences(config, compose([], tmp_path), {}, tmp_path) == {"gate": "mine", "gate.scale": 3}


@pytest.fixture
def own_parts(tmp_path: Path) -> Path:
    """A folder with a user's gate of moe-lab's score, and a regularizer."""
    for group in ("gate", "regularizer"):
        (tmp_path / group).mkdir()
    gate = "defaults: [{score: attentive}]\n_target_: mygate.Mine\nscale: 2\nshift: 0\n"
    (tmp_path / "gate" / "mine.yaml").write_text(gate)
    load = "# @package regularizers.max_load\n_target_: myload.MaxLoad\nweight: 0.5\n"
    (tmp_path / "regularizer" / "max_load.yaml").write_text(load)
    return tmp_path


@toys
def test_an_option_without_a_file_here_has_its_name_and_the_earlier_runs_values(own_parts: Path) -> None:
    words = ["gate=mine", "gate.scale=3", "regularizer=[max_load]"]
    config, chosen = compose_leniently(words, own_parts)
    told = differences(config, compose([], own_parts), chosen, own_parts)
    assert told == {"gate": "mine", "gate.scale": 3, "regularizer": ["max_load"]}
    earlier = unchanged(config, told)
    assert differences(config, compose([]), chosen, None, earlier) == told
    config["gate"]["shift"] = 1
    config["regularizers"]["max_load"]["weight"] = 0.7
    more = {"gate.shift": 1, "regularizers.max_load.weight": 0.7}
    assert differences(config, compose([]), chosen, None, earlier) == told | more


@toys
def test_a_part_of_another_class_lends_no_name(own_parts: Path) -> None:
    config = compose(["gate=mine"], own_parts)
    told = differences(config, compose([]), {})
    assert told["gate"] == "Mine" and told["gate._target_"] == "mygate.Mine"


def test_values_that_differed_are_taken_out() -> None:
    gate = {"_target_": "a.B", "score": {"tau": 1}, "k": 2}
    config = {"gate": gate, "layers": {"block1": {"gate": {"k": 3, "n": 4}}}}
    differs = {
        "gate": "b",
        "gate/score": "c",
        "gate.k": 2,
        "layers.block1.gate": "d",
        "layers.block1.gate.k": 3,
        "z": 1,
    }
    assert unchanged(config, {**differs, "no.such.key": 1}) == {
        "gate": {"_target_": "a.B"},
        "layers": {"block1": {"gate": {"n": 4}}},
    }


@toys
def test_a_value_that_the_config_lacks_is_none() -> None:
    config = compose([])
    del config["seed"]
    assert differences(config, compose([]), {}) == {"seed": None}


@toys
def test_the_key_is_of_the_values_not_of_the_words() -> None:
    assert config_key(compose(["trainer.lr=1"])) == config_key(compose(["trainer.lr=1.0"]))
    assert config_key(compose(["gate=top_k"])) == config_key(compose(["gate.k=2"]))
    assert config_key(compose(["regularizer=[z_loss,importance]"])) == config_key(
        compose(["regularizer=[importance,z_loss]"])
    )
    assert config_key(compose([])) == config_key(compose(["k=null", "seed=0"]))
    different = ([], ["seed=1"], ["k=1"], ["gate=top_k"], ["regularizer=[z_loss]"])
    distinct = [config_key(compose(words)) for words in different]
    assert len(set(distinct)) == len(distinct)
    assert all(re.fullmatch("2-[0-9a-f]{64}", key) for key in distinct)


@toys
def test_what_does_not_decide_the_result_is_not_in_the_key() -> None:
    words = ["dataset=npz", "dataset.path=a"]
    others = ["device=cpu", "trainer.threads=2", "trainer.checkpoint_seconds=1", "dataset.root=elsewhere"]
    assert config_key(compose(words)) == config_key(compose([*words, *others]))
    assert config_key(compose(words)) != config_key(compose([*words, "dataset.path=b"]))


@toys
def test_the_key_survives_files() -> None:
    config = compose(["trainer.lr=1e-05", "gate=stacked", "regularizer=[importance]"])
    assert config_key(yaml.safe_load(yaml.safe_dump(config))) == config_key(config)
    assert config_key(json.loads(json.dumps(config))) == config_key(config)


numbers = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
keys = st.text(min_size=1)
configs = st.dictionaries(keys, values | st.dictionaries(keys, values, max_size=3), max_size=4)


@given(configs)
@settings(deadline=None)
def test_the_key_takes_any_order_and_survives_json(config: dict[str, Any]) -> None:
    key = config_key(config)
    assert config_key(json.loads(json.dumps(config))) == key
    assert config_key(dict(reversed(config.items()))) == key
