"""The outline of a config, read from files, against what Hydra composes."""

from pathlib import Path

import pytest

from moe_lab.config.compose import compose_leniently
from moe_lab.config.explain import leaves
from moe_lab.config.outline import outline
from moe_lab.config.sources import OF_NO_RUN, open_sources
from moe_lab.errors import ConfigError

SOURCES = open_sources()
OF_A_RUN = [group for group in SOURCES.groups if "/" not in group and group not in OF_NO_RUN]
CHOICES = [f"{group}={option}" for group in OF_A_RUN for option in SOURCES.options(group)]
OWN = {
    "experts/mine.yaml": "defaults:\n  - mlp\n  - _self_\nhidden: 7\nshape: {wide: true, deep: 3}\n",
    "regularizer/mine.yaml": "# @package regularizers.mine\n_target_: mine.Mine\nweight: 0.5\n",
}


def composed_keys(words: list[str], config_dir: Path | None = None) -> list[str]:
    config, _ = compose_leniently(words, config_dir)
    return sorted(key for key, value in leaves(config) if not key.endswith("_target_") and value != {})


def outlined_keys(words: list[str], config_dir: Path | None = None) -> list[str]:
    return sorted(outline(words, config_dir).defaults)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    for name, text in OWN.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize("word", CHOICES)
def test_keys_and_groups_are_those_that_hydra_composes(word):
    assert outlined_keys([word]) == composed_keys([word])
    _, picked = compose_leniently([word])
    assert outline([word]).groups == set(picked)


def test_several_words_choose_together():
    words = ["gate=attentive", "regularizer=[importance, 'sample_similarity']", "experts=linear", "trainer.lr=1"]
    assert outlined_keys(words) == composed_keys(words)


def test_an_own_option_that_builds_on_another(own):
    assert outlined_keys(["experts=mine"], own) == composed_keys(["experts=mine"], own)
    assert {"experts.hidden", "experts.shape.deep"} < set(outlined_keys(["experts=mine"], own))


def test_an_own_option_of_a_group_that_takes_several(own):
    words = ["regularizer=[mine,importance]"]
    assert outlined_keys(words, own) == composed_keys(words, own)
    assert outline(words, own).values("regularizers.mine.weight") == ["0.5"]


def test_an_option_that_includes_itself_ends(tmp_path):
    (tmp_path / "experts").mkdir()
    (tmp_path / "experts" / "loop.yaml").write_text("defaults:\n  - loop\ncount: 3\n")
    assert "experts.count" in outline(["experts=loop"], tmp_path).defaults


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("trainer.optimizer", ["adam", "adamw", "sgd", "normalized_gd"]),  # a Literal of a dataclass
        ("device", ["auto", "cpu", "cuda", "mps"]),  # a Literal of the root
        ("regularizers.importance.correction", ["0", "1"]),  # a Literal of a signature
        ("gate.weigh.over", ["all", "selected", "null"]),  # the default null beside a Literal
        ("dataset.standardize", ["true", "false"]),
        ("trainer.lr", ["0.001"]),
        ("trainer.limit_batches", ["null"]),
        ("dataset.path", []),  # must be given
        ("nosuch", []),
    ],
)
def test_values(key, values):
    assert outline(["dataset=npz", "regularizer=[importance]"]).values(key) == values


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("", "[importance]"),
        ("", "[]"),
        ("[imp", "[importance]"),
        ("[importance,", "[importance,sample_similarity]"),
        ("imp", "importance"),
    ],
)
def test_values_of_a_group_that_takes_several(typed, value):
    assert value in outline([]).values("regularizer", typed)


def test_a_list_names_no_option_twice():
    assert "[importance,importance]" not in outline([]).values("regularizer", "[importance,")


def test_words_that_cannot_be_used_are_passed_over():
    words = ["gate=nosuch", "nosuch=1", "=", "no equals", "regularizer=[importance,nosuch"]
    assert "regularizers.importance.weight" in outline(words).defaults


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "experts").mkdir()
    (tmp_path / "experts" / "torn.yaml").write_text("count: [")
    with pytest.raises(ConfigError, match="torn"):
        outline(["experts=torn"], tmp_path)
