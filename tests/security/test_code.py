"""Nothing of a stranger's folder or data file is executed: no pickle, no class but a part's, no word of Hydra's."""

import copy
import json
import pickle
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import moe_lab
from moe_lab.config.check import check
from moe_lab.errors import ConfigError, RunError
from moe_lab.experiment.job import stored_job
from moe_lab.experiment.options import Experiment
from moe_lab.store.atomic import write_json

TARGETS = [
    "pathlib.Path.touch",
    "os.system",
    "builtins.eval",
    "moe_lab.store.folders.claim",
    "moe_lab.parts.gates.composed.Gate",
]


def set_status(run, **facts) -> None:
    write_json(run.path / "status.json", json.loads((run.path / "status.json").read_text()) | facts)


def refused(result) -> str:
    assert result.code == 2 and result.out == "" and result.err.count("\n") == 1, result
    return result.err


def zipped_pickle(path, content) -> None:
    """A checkpoint as torch.save lays it out, around any pickle."""
    torch.save({"x": torch.zeros(1)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, pickle.dumps(content, 2) if name.endswith("data.pkl") else data)


@pytest.mark.parametrize("form", ["zip", "bare", "nested"])
def test_a_pickle_in_a_checkpoint_is_not_loaded(cli, run, trap, form):
    content = {"keys": [run.status["key"]], "learner": {"w": trap}} if form == "nested" else trap
    if form == "bare":
        (run.path / "checkpoint.pt").write_bytes(pickle.dumps(content))
    else:
        zipped_pickle(run.path / "checkpoint.pt", content)
    assert "is no finished run that networks could be taken from" in refused(
        cli("config", "recipe=distillation", "recipe.run=run")
    )
    with pytest.raises(RunError, match="no usable checkpoint"):
        moe_lab.load(run.path).model()
    (run.path / "checkpoint.pt").rename(run.path / "checkpoint.previous.pt")
    set_status(run, status="interrupted")
    assert "no usable checkpoint" in refused(cli("train", "--resume", "run"))


@pytest.mark.parametrize("name", ["routing", "evaluation", "examples", "stages"])
def test_a_pickle_in_an_array_is_not_loaded(cli, run, trap, name):
    old = dict(np.load(run.path / "routing.npz")) if name == "routing" else {}
    np.savez(run.path / f"{name}.npz", **old, attribute=np.array([trap], dtype=object), allow_pickle=True)
    with pytest.raises(RunError, match="holds Python objects"):
        run.arrays(name)
    if name != "stages":
        assert "holds Python objects: they can hide code" in refused(cli("report", "run"))


def test_a_pickle_in_a_data_file_is_not_loaded(cli, here, trap):
    np.savez(here / "own.npz", x_train=np.array([[trap]] * 4, dtype=object), y_train=np.arange(4), allow_pickle=True)
    assert "found Python objects, which can hide code" in refused(cli("train", "dataset=npz", "dataset.path=own.npz"))
    (here / "bare.npz").write_bytes(pickle.dumps(trap))
    assert "is damaged" in refused(cli("train", "dataset=npz", "dataset.path=bare.npz"))


def test_tags_of_yaml_make_nothing(cli, run, tmp_path):
    marker = tmp_path / "made"
    for tag in ("!!python/object/apply:os.system", "!!python/object/new:os.system", "!!python/name:os.system"):
        (run.path / "config.yaml").write_text(f"k: {tag} ['touch {marker}']\n")
        for words in (("train", "--from", "run"), ("report", "run")):
            assert "could not determine a constructor" in refused(cli(*words))
    assert not marker.exists()


def places(node: Any, where: tuple = ()) -> Iterator[tuple]:
    """Where every mapping, list and value of a config is."""
    yield where
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from places(item, (*where, key))


def with_target(config: Any, where: tuple, target: str) -> Any:
    changed = copy.deepcopy(config)
    if not where:
        return changed | {"_target_": target}
    node = changed
    for key in where[:-1]:
        node = node[key]
    here = node[where[-1]]
    node[where[-1]] = {**here, "_target_": target} if isinstance(here, dict) else {"_target_": target, "args": ["x"]}
    return changed


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_in_every_place_of_a_config_is_refused(run, target):
    found = list(places(run.config))
    assert len(found) > 40
    for where in found:
        if where[-1:] == ("_target_",):
            continue
        with pytest.raises(ConfigError, match="_target_|must be|takes|regularizers|no such key"):
            check(with_target(run.config, where, target), Experiment)


@pytest.mark.parametrize(
    "extra",
    [
        {"hydra": {"callbacks": {"x": {"_target_": "pathlib.Path.touch"}}}},
        {"hydra.callbacks.x._target_": "pathlib.Path.touch"},
        {"callbacks": {"x": {"_target_": "pathlib.Path.touch"}}},
        {"loggers": {"x": {"_target_": "logging.FileHandler", "filename": "made"}}},
        {"_target_": "os.system"},
        {"device": "${oc.env:HOME}"},
    ],
)
def test_a_stored_config_is_checked_like_a_command_line(cli, run, here, extra):
    (run.path / "config.yaml").write_text(yaml.safe_dump(run.config | extra))
    set_status(run, status="failed")
    for words in (("train", "--from", "run", "seed=3"), ("train", "--resume", "run")):
        assert "run/config.yaml: " in refused(cli(*words))
    assert not (here / "made").exists()


@pytest.mark.parametrize("change", [{"seed": 7}, {"k": 4}])
def test_resume_refuses_a_config_that_is_not_the_checkpoints(cli, run, change):
    before = (run.path / "checkpoint.pt").read_bytes()
    (run.path / "config.yaml").write_text(yaml.safe_dump(run.config | change))
    set_status(run, status="interrupted")
    stamp = (run.path / "status.json").read_bytes()
    assert "the checkpoint does not belong to config.yaml" in refused(cli("train", "--resume", "run"))
    assert (run.path / "checkpoint.pt").read_bytes() == before and (run.path / "status.json").read_bytes() == stamp


def test_words_of_a_folder_are_never_composed(cli, run, sweep, tmp_path, monkeypatch):
    """Words stand in plan.json and status.json for people to read."""
    marker = tmp_path / "made"
    word = f"hydra.callbacks.x._target_=pathlib.Path.touch hydra.callbacks.x.self={marker}"
    content = json.loads((sweep / "plan.json").read_text())
    content["words"] = content["jobs"][0]["words"] = [word, "~gate", "+x=1"]
    (sweep / "plan.json").write_text(json.dumps(content))
    result = cli("sweep", "--resume", "sweep", "--dry-run", "-f", "json")
    assert result.code == 0 and len(json.loads(result.out)) == 2
    set_status(run, differs={"hydra.callbacks.x._target_": "pathlib.Path.touch"}, choices={"gate": "softmax"})
    assert stored_job(run).config == run.config
    assert not marker.exists()


def test_a_plan_with_a_hydra_node_is_refused(cli, sweep):
    content = json.loads((sweep / "plan.json").read_text())
    content["jobs"][0]["config"]["hydra"] = {"callbacks": {"x": {"_target_": "pathlib.Path.touch"}}}
    (sweep / "plan.json").write_text(json.dumps(content))
    assert "no such key 'hydra'" in refused(cli("sweep", "--resume", "sweep"))


ADVICE = re.compile("pickle|weights.only|safe_globals|max_header|trust|unsafe|arbitrary", re.IGNORECASE)


def test_no_advice_to_read_a_file_unsafely_is_passed_on(cli, run, here, trap):
    """torch and NumPy say how to read a file all the same: no stranger's file is worth that."""
    torch.save({"keys": trap}, run.path / "checkpoint.pt")
    with pytest.raises(pickle.UnpicklingError, match="weights_only"):
        torch.load(run.path / "checkpoint.pt", weights_only=True)
    status = json.loads((run.path / "status.json").read_text()) | {"status": "failed"}
    (run.path / "status.json").write_text(json.dumps(status))
    start = np.lib.format.magic(1, 0) + (20_000).to_bytes(2, "little")
    for path in (run.path / "routing.npz", here / "own.npz"):
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("x_train", "y_train"):
                archive.writestr(f"{name}.npy", start + b"{" + b" " * 19_998 + b"}" + bytes(64))
    with pytest.raises(ValueError, match="max_header_size"), zipfile.ZipFile(here / "own.npz") as archive:
        np.lib.format.read_array(archive.open("x_train.npy"))
    np.savez(run.path / "evaluation.npz", x=np.array([trap], dtype=object))
    lines = [cli("train", "--resume", "run").err, cli("train", "dataset=npz", "dataset.path=own.npz").err]
    for name in ("routing", "evaluation"):
        with pytest.raises(RunError) as caught:
            run.arrays(name)
        lines.append(str(caught.value))
    assert all(line.strip() and not ADVICE.search(line) for line in lines), lines
