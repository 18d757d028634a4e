"""What decides a job's key, and what does not. tests/golden/test_keys.py holds the keys of a dozen configs."""

import ast
from collections import Counter
from pathlib import Path

import moe_lab
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.parts.regularizers.importance import Importance
from moe_lab.store import checkpoint
from moe_lab.store.learned import digest, read_run

PACKAGE = Path(moe_lab.__file__).parent


def key(*words):
    return job.prepare(words).key


def test_numbers_that_nothing_reads_do_not_decide():
    assert key("trainer.momentum=0.3") == key()
    assert key("trainer.optimizer=sgd", "trainer.momentum=0.3") != key("trainer.optimizer=sgd")


def test_an_option_with_its_absent_value_is_left_out(monkeypatch):
    """As one that a later version adds to the class."""
    before = key("regularizer=[importance]")
    monkeypatch.setattr(Importance, "absent", {"weight": 0.5}, raising=False)
    assert key("regularizer=[importance]", "regularizers.importance.weight=0.3") != before
    without = key("regularizer=[importance]", "regularizers.importance.weight=0.5")
    monkeypatch.setattr(Importance, "absent", {}, raising=False)
    assert without != key("regularizer=[importance]", "regularizers.importance.weight=0.5")


def test_a_run_that_a_part_begins_from_counts_by_what_it_has_learned(tmp_path):
    folders = [tmp_path / "here", tmp_path / "there"]
    made = job.prepare(["trainer.epochs=1", "trainer.limit_batches=1"])
    for folder in folders:
        folder.mkdir()
        experiment.run(made, folder, load_data(made.config))
    state = checkpoint.load(folders[1])
    # other bytes, the same tensors
    checkpoint.save(folders[1], {**state, "more": list(range(1000))})
    keys = [key("recipe=finetune", f"recipe.run={folder}") for folder in folders]
    assert keys[0] == keys[1] and digest(folders[0]) == digest(folders[1])
    learned = read_run(folders[1])[1]
    name = next(name for name in learned if learned[name].is_floating_point())
    state["learner"][name] = learned[name] + 1
    checkpoint.save(folders[1], state)
    assert key("recipe=finetune", f"recipe.run={folders[1]}") != keys[0]


def test_a_class_is_known_by_its_name_in_its_role():
    """Keys name a part's class without its module, so no role may have a name twice."""
    folders = [folder for folder in (PACKAGE / "parts").rglob("*") if folder.is_dir() and folder.name != "__pycache__"]
    rooms = ["data", "loggers", "training/recipes", "sweeps/launchers", "sweeps/sweepers"]
    for folder in [*folders, *(PACKAGE / room for room in rooms)]:
        trees = [ast.parse(path.read_text()) for path in folder.glob("*.py")]
        classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
        names = Counter(node.name for node in classes if not node.name.startswith("_"))
        assert [name for name, times in names.items() if times > 1] == [], folder
