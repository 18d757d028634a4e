import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.config.compose import compose
from moe_lab.config.differences import config_key, differences

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
