from pathlib import Path

import pytest

from moe_lab.config.compose import choices, compose, groups, options
from moe_lab.errors import ConfigError

pytestmark = pytest.mark.usefixtures("toy_lab")

DEFAULT = {
    "dataset": {"_target_": "toy_lab.data.Digits"},
    "gate": {
        "score": {"_target_": "toy_lab.gates.score.scores.Mlp", "hidden": 32},
        "_target_": "toy_lab.gates.composed.Composed",
        "k": None,
        "temperature": 1.0,
    },
    "trainer": {"_target_": "toy_lab.data.Trainer", "epochs": 3, "lr": 1e-3, "threads": 1, "checkpoint_seconds": 30.0},
    "k": None,
    "seed": 0,
    "device": "auto",
    "regularizers": {},
}


def test_defaults() -> None:
    assert compose([]) == DEFAULT


def test_words_choose_parts_and_set_keys() -> None:
    config = compose(["gate=top_k", "gate/score=attentive", "gate.score.heads=4", "k=3", "trainer.lr=3e-4"])
    assert config["gate"] == {
        "score": {"_target_": "toy_lab.gates.score.scores.Attentive", "heads": 4},
        "_target_": "toy_lab.gates.composed.Composed",
        "k": 2,
        "temperature": 1.0,
    }
    assert config["k"] == 3
    assert config["trainer"]["lr"] == 3e-4


def test_the_last_of_two_words_holds() -> None:
    assert compose(["gate=top_k", "k=1", "gate=softmax", "k=2"]) == {**DEFAULT, "k": 2}


def test_several_at_once_come_sorted_however_they_were_typed() -> None:
    config = compose(["regularizer=[z_loss,importance]", "regularizers.z_loss.weight=0.3"])
    assert list(config["regularizers"]) == ["importance", "z_loss"]
    assert config["regularizers"]["z_loss"] == {"_target_": "toy_lab.regularizers.all.ZLoss", "weight": 0.3}
    assert list(compose(["regularizer=importance"])["regularizers"]) == ["importance"]
    assert compose(["regularizer=[]"]) == DEFAULT


def test_a_reference_to_another_key_is_resolved() -> None:
    assert compose(["seed=7", "k=${seed}"])["k"] == 7


def test_text_stays_text() -> None:
    config = compose(["dataset=npz", "dataset.path='a b=(c),{d}'"])
    assert config["dataset"]["path"] == "a b=(c),{d}"


def test_a_file_of_conf_may_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_DATA", "elsewhere")
    assert compose(["dataset=npz", "dataset.path=x"])["dataset"]["root"] == "elsewhere"


def test_groups_options_and_choices() -> None:
    assert groups() == ["dataset", "gate", "gate/score", "regularizer", "trainer"]
    assert options("gate/score") == ["attentive", "mlp"]
    assert choices(["gate=top_k", "regularizer=[z_loss]"]) == {
        "dataset": "digits",
        "gate": "top_k",
        "gate/score": "mlp",
        "trainer": "default",
        "regularizer": ["z_loss"],
    }
    assert "gate/score" not in choices(["gate=stacked"])
    with pytest.raises(ConfigError, match="no group named 'gates'. Did you mean gate?"):
        options("gates")


def test_composing_leaves_hydra_as_it_was(tmp_path: Path) -> None:
    from hydra import __version__, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    compose([])
    assert not GlobalHydra.instance().is_initialized()
    version = {"version_base": "1.3"} if __version__.startswith("1.3.") else {}
    with initialize_config_dir(str(tmp_path), **version):
        outer = GlobalHydra.instance().hydra
        assert compose([]) == DEFAULT
        with pytest.raises(ConfigError):
            compose(["gatee=softmax"])
        assert GlobalHydra.instance().hydra is outer
    assert compose([]) == DEFAULT


def test_full_errors_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    from hydra.errors import HydraException

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    for word in ("gatee=softmax", "dataset=[a"):
        with pytest.raises(HydraException):
            compose([word])


def test_a_users_own_folder_adds_options(tmp_path: Path) -> None:
    folder = tmp_path / "it's = my (own), folder"
    (folder / "gate" / "score").mkdir(parents=True)
    (folder / "regularizer").mkdir()
    (folder / "gate" / "mine.yaml").write_text("defaults:\n  - score: own\n  - _self_\n_target_: mygate.Mine\n")
    (folder / "gate" / "score" / "own.yaml").write_text("_target_: mygate.Own\nscale: 2\n")
    (folder / "regularizer" / "mine.yaml").write_text("# @package regularizers.mine\n_target_: mygate.R\n")
    config = compose(["gate=mine", "gate.score.scale=3", "regularizer=[mine,z_loss]"], folder)
    assert config["gate"] == {"score": {"_target_": "mygate.Own", "scale": 3}, "_target_": "mygate.Mine"}
    assert list(config["regularizers"]) == ["mine", "z_loss"]
    assert options("gate", folder) == ["mine", "softmax", "stacked", "top_k"]
    with pytest.raises(ConfigError, match="no gate named 'mine'"):
        compose(["gate=mine"])


@pytest.mark.parametrize("text", ["a: [", "defaults:\n  - score: nope\n", "a: ${nope}\n", "- 1\n"])
def test_a_users_broken_file_gives_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        compose(["gate=mine"], tmp_path)
    assert "\n" not in str(caught.value)
