import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import moe_lab
from moe_lab.errors import ConfigError, RunError
from moe_lab.experiment import job, models
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data, seeds_of
from moe_lab.store.run import Run
from moe_lab.training.members import Seeds

FEATURES = ["regularizer=[sample_similarity]", "regularizers.sample_similarity.features=run"]


def test_seeds_can_be_set_apart():
    def seeds(*words):
        return seeds_of(job.prepare(list(words)).config)

    assert seeds("seed=5") == Seeds(5, 5, 5)
    assert seeds("seed=5", "seed_init=1", "seed_order=0") == Seeds(1, 0, 5)


def test_what_a_run_begins_from_counts_by_its_content(tmp_path):
    for seed in (0, 1):
        words = ["trainer.epochs=1", "trainer.limit_batches=1", f"seed={seed}"]
        (tmp_path / f"run{seed}").mkdir()
        made = job.prepare(words)
        experiment.run(made, tmp_path / f"run{seed}", load_data(made.config))
    shutil.copytree(tmp_path / "run0", tmp_path / "moved")

    for words in (["recipe=distillation", "recipe.run={}"], [*FEATURES, "regularizers.sample_similarity.run={}"]):
        first, moved, other = (
            job.prepare([word.format(tmp_path / name) for word in words]).key for name in ("run0", "moved", "run1")
        )
        assert first == moved != other


def test_keys_tell_apart_what_decides_the_result():
    def key(*words):
        return job.prepare(list(words)).key

    assert key() == key("seed_init=null") == key("trainer.threads=2") == key("device=cpu")
    # aliases: what is written otherwise and means the same
    assert key("k=2") == key("gate=top_k") == key("gate=top_k", "gate.weigh.over=selected")
    assert key() == key("seed_init=0") == key("trainer.momentum=0.5") == key("gate=top_k", "k=5")
    assert key("trainer.optimizer=sgd") != key("trainer.optimizer=sgd", "trainer.momentum=0.5")
    assert key("inference=argmax") != key() == key("inference=mixture")
    assert len({key(), key("seed=1"), key("k=2"), key("trainer.lr=2e-3"), key("gate=attentive")}) == 5
    assert key() == key("trainer.precision=float32") != key("trainer.precision=bf16")


TASKS = ["recipe=extend", "recipe.tasks=[[5,4],[0,1]]", "experts.count=3"]


def test_classes_are_written_once_and_in_order_or_taken_from_the_tasks():
    plain = job.prepare([])
    assert plain.config["classes"] is None and "classes" not in plain.auto_filled
    assert job.prepare(["classes=[0,1,2,3,4,5,6,7,8,9]"]).key == plain.key
    some = job.prepare(["classes=[5,1]"])
    assert some.config["classes"] == [1, 5] and some.key != plain.key
    tasks = job.prepare(TASKS)
    assert tasks.config["classes"] == [0, 1, 4, 5] and "classes" in tasks.auto_filled
    assert job.prepare([*TASKS, "classes=[0,1,4,5]"]).key == tasks.key
    data = load_data(tasks.config)
    # tasks in the order in which they are learned
    assert (data.attributes["task"] == np.isin(data.test.y_N, [0, 1])).all()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["classes=[10]"], "classes: there is no class 10"),
        (["classes=[]"], "classes="),
        (["classes=[-1]"], "classes="),
        (["dataset=diabetes", "experts=gaussian", "objective=mixture_density", "classes=[0]"], "has no classes"),
        ([*TASKS, "classes=[0,1]"], "leave classes null"),
    ],
    ids=str,
)
def test_classes_that_cannot_be(words, reason):
    with pytest.raises(ConfigError) as error:
        job.prepare(words)
    assert reason in str(error.value)


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ConfigError, match="device=cpu"):
        job.prepare(["device=cuda"])


@pytest.fixture
def stored(tmp_path):
    """The folder that a job of the given words would leave, without training it."""

    def make(*words) -> Run:
        made = job.prepare(list(words))
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(made.config))
        facts = {"status": "finished", **made.facts}
        (folder / "status.json").write_text(json.dumps(facts))
        return Run(folder)

    return make


WORDS = ["gate=attentive", "regularizer=[importance]", "regularizers.importance.weight=0.3", "trainer.lr=0.01", "k=3"]


def test_without_words_it_is_the_same_job(stored):
    first, again = job.prepare(WORDS), job.prepare_from(stored(*WORDS), [])
    assert again == first and again.key == first.key


@pytest.mark.parametrize(
    "words",
    [
        ["seed=4"],
        ["gate=softmax"],
        ["gate/score/body=conv", "gate.score.body.filters=[4]"],
        ["trainer.lr=0.001", "experts.count=8"],
        ["regularizer=[]"],
        ["regularizer=[importance,sample_similarity]", "regularizers.sample_similarity.weight=2.0"],
        ["gate.score.key=post", "k=null"],
        ["gate=stochastic", "k=null", "regularizer=[]"],
        ["gate=matching_pursuit", "objective=expert_loss", "regularizer=[]"],
    ],
    ids=str,
)
def test_words_vary_it_as_if_they_had_been_there(stored, words):
    """The same as composing all the words at once, where later words win."""
    keys = {word.partition("=")[0] for word in words}
    emptied = any(word == "regularizer=[]" for word in words)
    kept = [word for word in WORDS if word.partition("=")[0] not in keys and not (emptied and "importance" in word)]
    assert job.prepare_from(stored(*WORDS), words).config == job.prepare([*kept, *words]).config


def test_k_and_combination_are_left_to_the_new_parts(stored):
    """The stored k is filled in (5); the word gate=switch means what it says all the same."""
    varied = job.prepare_from(stored("gate=softmax"), ["gate=switch"])
    assert varied.config["k"] == 1 and varied.config["gate"]["combine"] == "logits"
    assert varied.choices["gate"] == "switch" and varied.differs == {"gate": "switch"}


@pytest.mark.parametrize(
    "word", ["gate.tempo=1", "trainer.epochs.more=1", "gatee=softmax", "gate=sofmax", "seed=-1", "~gate"]
)
def test_wrong_words_are_refused(stored, word):
    with pytest.raises(ConfigError):
        job.prepare_from(stored(), [word])


def test_a_stored_config_is_checked_like_a_command_line(stored):
    run = stored()
    text = (run.path / "config.yaml").read_text().replace("moe_lab.parts.objectives.mixture.Mixture", "os.system")
    (run.path / "config.yaml").write_text(text)
    for prepare in (job.stored_job, lambda opened: job.prepare_from(opened, [])):
        with pytest.raises(ConfigError, match="_target_"):
            prepare(Run(run.path))
    (run.path / "config.yaml").unlink()
    with pytest.raises(RunError):
        job.stored_job(Run(run.path))


def test_a_rule_that_an_option_names_is_kept(stored, tmp_path):
    """A value of a user's own option is no word, but was not null or auto either."""
    option = tmp_path / "own" / "gate" / "mine.yaml"
    option.parent.mkdir(parents=True)
    softmax = (Path(moe_lab.__file__).parent / "conf/gate/softmax.yaml").read_text()
    option.write_text(softmax.replace("combine: null", "combine: logits"))
    made = job.prepare(["gate=mine"], tmp_path / "own")
    run = stored()
    (run.path / "config.yaml").write_text(yaml.safe_dump(made.config))
    (run.path / "status.json").write_text(json.dumps({"status": "finished", **made.facts}))
    assert job.prepare_from(Run(run.path), [], tmp_path / "own") == made
    assert made.auto_filled == ["k", "trainer.dispatch"] and made.config["gate"]["combine"] == "logits"


def test_a_users_own_option_keeps_its_name_where_its_file_is_not(stored, tmp_path):
    """Its class is that of built-in options too, which must not lend their names."""
    option = tmp_path / "own" / "gate" / "mine.yaml"
    option.parent.mkdir(parents=True)
    option.write_text((Path(moe_lab.__file__).parent / "conf/gate/softmax.yaml").read_text())
    made = job.prepare(["gate=mine", "gate.score.body.hidden=[7]"], tmp_path / "own")
    run = stored()
    (run.path / "config.yaml").write_text(yaml.safe_dump(made.config))
    (run.path / "status.json").write_text(json.dumps({"status": "finished", **made.facts}))
    assert job.prepare_from(Run(run.path), []) == made
    assert job.prepare_from(Run(run.path), ["seed=1"]).differs == {**made.differs, "seed": 1}


def test_choices_inside_a_replaced_part_are_the_new_ones(stored):
    varied = job.prepare_from(stored("gate=attentive"), ["gate=softmax"])
    assert varied.choices == job.prepare([]).choices
    linear = job.prepare_from(stored(), ["gate/score=linear"])
    assert "gate/score/body" not in linear.choices and linear.choices["gate/score"] == "linear"


SPARSE = ["gate=top_k", "experts.count=16", "dataset=mnist", "experts.hidden=64", "trainer.batch_size=512"]


def test_dispatch_is_decided_and_written_down(monkeypatch):
    """By the table where it may be sparse, and dense where it may not, whatever the table says."""
    for way in ("sparse", "dense"):
        monkeypatch.setattr(models, "faster", lambda *shape, way=way: way)
        assert job.prepare(["gate=top_k"]).config["trainer"]["dispatch"] == way
        assert job.prepare(["gate=softmax"]).config["trainer"]["dispatch"] == "dense"
        assert job.prepare(["gate=top_k", "baseline=single"]).config["trainer"]["dispatch"] == "dense"
        for asked in ("sparse", "dense"):
            assert job.prepare(["gate=top_k", f"trainer.dispatch={asked}"]).config["trainer"]["dispatch"] == asked


def test_the_table_is_asked_for_the_jobs_shape(monkeypatch):
    asked = []
    monkeypatch.setattr(
        models, "faster", lambda device, batch, experts, k: asked.append((batch, experts.count, k)) or "dense"
    )
    job.prepare(["gate=top_k", "k=3", "experts.count=7", "trainer.batch_size=96"])
    assert asked == [(96, 7, 3)]


def test_many_experts_on_large_inputs_are_dispatched_sparsely():
    """What the committed table is for."""
    assert job.prepare(SPARSE).config["trainer"]["dispatch"] == "sparse"
    assert job.prepare(["gate=top_k", "trainer.batch_size=64"]).config["trainer"]["dispatch"] == "dense"


def test_dispatch_does_not_decide_the_result_and_skipping_does():
    keys = {job.prepare(["gate=top_k", f"trainer.dispatch={way}"]).key for way in ("auto", "dense", "sparse")}
    assert keys == {job.prepare(["gate=top_k"]).key}
    assert job.prepare(["gate=top_k", "trainer.skip_untouched=true"]).key not in keys


def test_dispatch_is_left_to_the_new_parts(stored, monkeypatch):
    """Where it was auto it is filled in anew; where it was given it is kept, and refused where it does not fit."""
    monkeypatch.setattr(models, "faster", lambda *shape: "sparse")
    run = stored("gate=top_k")
    assert run.config["trainer"]["dispatch"] == "sparse" and "trainer.dispatch" in run.status["auto_filled"]
    assert job.prepare_from(run, ["gate=softmax"]).config["trainer"]["dispatch"] == "dense"
    assert job.prepare_from(run, []) == job.prepare(["gate=top_k"]) == job.stored_job(run)
    told = stored("gate=top_k", "trainer.dispatch=sparse")
    assert "trainer.dispatch" not in told.status["auto_filled"]
    with pytest.raises(ConfigError, match="trainer.dispatch=sparse does not fit: k=5 selects every expert"):
        job.prepare_from(told, ["gate=softmax"])
