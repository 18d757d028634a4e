"""From words to jobs, in memory."""

import random

import pytest

from moe_lab.config import many
from moe_lab.config.compose import choices, compose, compose_leniently, parse
from moe_lab.config.many import Composer
from moe_lab.config.sources import BUILT_IN, OF_NO_RUN
from moe_lab.errors import ConfigError
from moe_lab.experiment.job import prepare
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import JOB_NAME, plan


def words_of(made):
    return [" ".join(one.words) for one in made.jobs]


def test_every_combination_in_order_with_its_whole_config(small):
    assert [one.name.rpartition("-")[0] for one in small.jobs] == [
        "gate=softmax,seed=0", "gate=softmax,seed=1", "gate=attentive,seed=0", "gate=attentive,seed=1",
    ]  # fmt: skip
    for planned in small.jobs:
        assert planned.name.endswith(planned.job.key[-8:]) and JOB_NAME.fullmatch(planned.name)
        assert planned.job.config["seed"] == int(planned.words[1][-1])
    assert small.jobs[2].job.choices["gate/score"] == "attentive"
    assert small.refused == [] and small.duplicates == 0


def test_a_word_is_applied_where_its_key_is_and_set_aside_elsewhere():
    made = plan(["regularizer=[],[importance]", "regularizers.importance.weight=0.1,0.2", "k=2"])
    # without the regularizer both weights mean the same job
    assert len(made.jobs) == 3 and made.duplicates == 1
    assert made.jobs[0].aside == ["regularizers.importance.weight=0.1"] and not made.jobs[1].aside
    weights = [one.job.config["regularizers"]["importance"]["weight"] for one in made.jobs[1:]]
    assert weights == [0.1, 0.2]
    assert made.jobs[1].name.startswith("regularizer=importance,weight=0.1-")
    with pytest.raises(ConfigError, match="--strict: regularizers.importance.weight=0.1 has no place"):
        made.check_strictly()


def test_a_step_of_a_gate_is_set_aside_where_the_gate_has_no_such_step():
    made = plan(["gate=softmax,uniform", "gate/score=linear"])
    assert [one.aside for one in made.jobs] == [[], ["gate/score=linear"]]
    assert made.jobs[0].job.choices["gate/score"] == "linear"


def test_a_pair_that_does_not_fit_is_refused_and_does_not_stop():
    made = plan(["gate=softmax,attentive", "experts=mlp,linear"])
    assert words_of(made) == ["gate=softmax experts=mlp", "gate=softmax experts=linear", "gate=attentive experts=mlp"]
    [refused] = made.refused
    assert refused.words == ["gate=attentive", "experts=linear"] and "hidden layer" in refused.reason
    with pytest.raises(ConfigError, match="--strict: gate=attentive experts=linear is refused"):
        made.check_strictly()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["gate.temprature=1,2"], "no such key 'gate.temprature'. Did you mean"),
        (["regularizers.importance.weight=1,2"], r"add regularizer=\[importance\]"),
        (["gate=softmax,sofmax"], "no gate named 'sofmax'. Did you mean softmax?"),
        (["trainer.lr=0.1,-1"], "trainer.lr=-1: must be greater than 0"),
        (["k=1,two"], "k=two: must be"),
        # one reason is said as of a single run, of several the first
        (["gate=attentive", "experts=linear", "seed=0,1"], "^the attentive gate"),
        (["dataset=csv", "seed=0,1"], "^dataset.path must be given: add dataset.path=VALUE$"),
        (["gate=attentive", "experts=linear,gaussian"], "^no job is left: the attentive gate"),
        (["seed=interval(0,1)"], "is no list of values"),
        (["seed=range(0,1e9)"], "more than 50000 values"),
        (["seed=range(0,5,-1)"], "has no value"),
        (["seed=range(0,400)", "seed_init=range(0,400)"], "make 160000 combinations, and a sweep has at most 50000"),
        (["seed=0,1", "hydra.sweep.dir=x"], "hydra.* overrides are not used"),
        (["~gate"], "nothing can be removed"),
        (["gate"], "is not KEY=VALUE"),
        (["k=${oc.env:K}"], "a resolver such as oc.env"),
    ],
)
def test_a_wrong_word_is_one_clear_line(words, text):
    with pytest.raises(ConfigError, match=text) as error:
        plan(words)
    assert "\n" not in str(error.value)


def test_hydras_grammar():
    composer = Composer()
    found = {
        "seed=range(0,3)": ["seed=0", "seed=1", "seed=2"],
        "k=choice(1,2)": ["k=1", "k=2"],
        "gate=glob(soft*)": ["gate=soft_moe", "gate=softmax"],
        "regularizer=[],[importance,z_loss]": ["regularizer=[]", "regularizer=[importance,z_loss]"],
        "trainer.lr=1e-3": ["trainer.lr=1e-3"],
        "seed=sort(2,1)": ["seed=1", "seed=2"],
    }
    assert {text: composer.alternatives(text) for text in found} == found


def test_values_of_other_keys_are_composed_once_a_choice_of_parts(monkeypatch):
    """Not once a seed, for which the planning of a study took half a minute; what is no single value Hydra does."""
    asked = []
    monkeypatch.setattr(
        many, "compose_leniently", lambda words, folder: asked.append(tuple(words)) or compose_leniently(words, folder)
    )
    composer = Composer()
    for seed in range(3):
        config, _ = composer.compose([composer.word(f"seed={seed}"), composer.word("dataset.split_seed=${seed}")])
        assert config["dataset"]["split_seed"] == seed
    assert asked == [()]
    config, _ = composer.compose([composer.word("classes=${trainer}")])
    assert config["classes"] == config["trainer"] and asked == [(), ("classes=${trainer}",)]


def test_composing_many_is_composing_each():
    composer = Composer()
    assert not composer.sources.refer
    for words in (
        ["gate=attentive", "gate.score.query=post", "seed=3", "trainer.lr=1e-3", "k=2"],
        ["seed=7", "gate=top_k", "k=null", "trainer.skip_untouched=true", "dataset=mnist", "dataset.root='a b'"],
        ["experts=conv", "experts.filters=[4,8]", "regularizer=[z_loss,importance]", "seed_init=${seed}"],
        # values that are those of other keys, of other words or of the defaults; one that refers to one that refers
        ["seed=3", "dataset.split_seed=${seed}", "seed_init='${dataset.split_seed}'", "trainer.lr=1e-3"],
        ["dataset.split_seed=${seed}", "trainer.weight_decay=${trainer.lr}", "k=${experts.count}", "experts.count=4"],
        # groups are composed apart; a gate may choose its objective, which yields to a word
        ["gate=loudest", "experts=linear", "regularizer=[importance]", "logger=[tensorboard]"],
        ["objective=mixture", "gate=loudest", "dataset=toy_circles"],
        ["gate=matching_pursuit", "gate/score=linear", "recipe=em", "controller=[temperature]"],
    ):
        parsed = [composer.word(text) for text in words]
        assert composer.fitting(parsed) == (parsed, [])
        config, _ = composer.compose(parsed)
        assert config == compose(words) and list(config) == list(compose(words))


def test_groups_that_reach_for_the_same_one_are_composed_together(tmp_path):
    """Two options that both choose the objective: Hydra's order decides, so Hydra composes them."""
    (tmp_path / "recipe").mkdir()
    own = (BUILT_IN / "recipe" / "end_to_end.yaml").read_text()
    text = f"defaults:\n  - override /objective@_global_.objective: expert_loss\n  - _self_\n{own}"
    (tmp_path / "recipe" / "mine.yaml").write_text(text)
    words = ["gate=loudest", "recipe=mine"]
    composer = Composer(tmp_path)
    config, chosen = composer.compose([composer.word(text) for text in words])
    assert config == compose(words, tmp_path) and chosen == choices(words, tmp_path)


def test_parts_of_every_option_are_composed_as_one_by_one():
    """Each option with one of every other group, at random."""
    composer, dice = Composer(), random.Random(0)
    groups = [group for group in composer.sources.groups if "/" not in group and group not in OF_NO_RUN]
    for _ in range(12):
        words = []
        for group in dice.sample(groups, 4):
            option = dice.choice(composer.sources.options(group))
            words.append(f"{group}=[{option}]" if group in composer.sources.several else f"{group}={option}")
        parsed = [composer.word(text) for text in words if not text.endswith("=npz")]
        try:
            expected = compose_leniently([word.text for word in parsed])
        except ConfigError:
            continue
        if "???" not in str(expected):
            assert composer.compose(parsed) == expected, words


def test_too_many_combinations_are_refused_before_they_are_looked_at(monkeypatch):
    monkeypatch.setattr("moe_lab.sweeps.plan._Draft.add", lambda *_: pytest.fail("composed"))
    looked_at = []
    monkeypatch.setattr("moe_lab.config.many.parse", lambda text: looked_at.append(text) or parse(text))
    with pytest.raises(ConfigError, match="make 90000 combinations"):
        plan(["seed=range(0,300)", "seed_init=range(0,300)"])
    assert looked_at == ["seed=0", "seed_init=0"]


def test_planning_says_how_far_it_is():
    told = []

    def follow(things, count, what):
        told.append([what, count, 0])
        for thing in things:
            told[-1][2] += 1
            yield thing

    assert len(plan(["k=1,2,3", "seed=range(0,4)"], follow=follow).jobs) == 12
    assert told == [["values read", 7, 7], ["combinations planned", 12, 12]]


def test_jobs_of_a_plan_are_the_jobs_of_single_commands():
    """What is built to check a job in a plan is no smaller than what is trained."""
    for planned in plan(["experts.count=1,7", "gate=top_k,attentive", "k=1"]).jobs:
        assert prepare(planned.words) == planned.job


def test_a_plan_that_could_not_be_read_back_is_not_written(tmp_path, monkeypatch):
    made = plan(["seed=0,1"])
    monkeypatch.setattr("moe_lab.store.plan.MOST_TEXT", 1000)
    with pytest.raises(ConfigError, match="the plan of 2 jobs has .* and 1000 can be read back: make several sweeps"):
        SweepFolder(tmp_path).write_plan(made)
    assert not list(tmp_path.iterdir())


def test_a_stored_plan_says_the_same_when_the_tables_of_speed_have_changed(tmp_path, monkeypatch):
    """What was filled in when the sweep began is not filled in anew when it goes on."""
    made = plan(["gate=top_k", "k=1,2"])
    SweepFolder(tmp_path).write_plan(made)
    [dispatch] = {one.job.config["trainer"]["dispatch"] for one in made.jobs}
    monkeypatch.setattr("moe_lab.experiment.models.faster", lambda *_: {"dense": "sparse", "sparse": "dense"}[dispatch])
    assert SweepFolder(tmp_path).read_plan() == made
    assert {one.job.config["trainer"]["dispatch"] for one in plan(["gate=top_k", "k=1,2"]).jobs} != {dispatch}
