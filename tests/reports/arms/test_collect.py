"""Which runs form an arm, the arm's name, and how runs that did not finish are listed."""

import json

import pytest

from moe_lab.errors import RunError
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.data import with_names
from moe_lab.reports.arms.findings import states
from moe_lab.reports.arms.naming import arm_name, settings_of, short_names, typed, word
from moe_lab.reports.kit.choices import ABSENT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0.001, "0.001"),
        (["importance", "z_loss"], "[importance,z_loss]"),
        ({"_target_": "mine.Gate", "k": 2}, "Gate"),
        ({"a": 1}, "{a:1}"),
        ("softmax", "softmax"),
    ],
)
def test_words(value, text):
    assert word(value) == text


def test_seeds_and_what_decides_nothing_are_not_told():
    differs = {"gate": "attentive", "seed": 3, "seed_init": 1, "device": "cpu", "trainer.threads": 2}
    assert settings_of(differs) == {"gate": "attentive"}
    assert typed(["+gate=softmax", "seed=1", "regularizer=[a, b]"]) == {"gate": "softmax", "regularizer": "[a,b]"}


def test_names_leave_out_what_an_arm_does_not_have():
    assert arm_name({"gate": "softmax", "regularizer": "[]", "regularizers.z_loss.weight": ABSENT}) == "gate=softmax"
    assert arm_name({"regularizer": "[]"}) == "regularizer=[]"


def test_short_names():
    softmax = {"gate": "softmax", "regularizer": "[]", "experts.count": "5", "regularizers.load.weight": ABSENT}
    others = [
        {"gate": "attentive", "regularizer": "[load,z_loss]", "experts.count": "5", "regularizers.load.weight": "0.1"},
        {"gate": "softmax", "regularizer": "[]", "experts.count": "8", "regularizers.load.weight": ABSENT},
    ]
    assert short_names([softmax, *others]) == [
        "softmax E=5", "attentive + load + z_loss E=5 load.weight=0.1", "softmax E=8"
    ]  # fmt: skip
    assert short_names([{"regularizer": "[]"}, {"regularizer": "[load]"}]) == ["no regularizer", "load"]
    # two that would be called the same have their words
    alike = [{"gate": "a", "recipe": "none"}, {"gate": "a", "recipe": ABSENT}, {"gate": "b", "recipe": "none"}]
    assert short_names(alike)[0] == "gate=a recipe=none"


def test_names_of_baselines_leave_out_the_gate_that_they_do_not_have():
    def arm(baseline, gate="softmax"):
        return {"baseline": baseline, "gate": gate, "gate.weigh.temperature": "2" if gate == "softmax" else ABSENT}

    mixtures = [arm("none"), arm("none", "attentive")]
    assert short_names([*mixtures, arm("dense_total"), arm("single")]) == [
        "softmax weigh.temperature=2", "attentive", "dense_total", "single"
    ]  # fmt: skip
    # this one is the network of the gate
    assert short_names([*mixtures, arm("gate_as_classifier")])[2] == "gate_as_classifier + softmax weigh.temperature=2"
    # and here the gate tells two sizes apart
    assert short_names([*mixtures, arm("dense_total"), arm("dense_total", "attentive")])[2:] == [
        "dense_total + softmax weigh.temperature=2", "dense_total + attentive"
    ]  # fmt: skip


def test_thirteen_arms_have_letters(grid):
    names = [f"gate_{place}" for place in range(13)]
    runs = grid({name: [0.1] for name in names})
    assert [(arm.key, arm.name) for arm in collect(runs).arms][::12] == [("A", "gate_0"), ("M", "gate_12")]
    assert [arm.key for arm in collect(runs[:12]).arms] == names[:12]


def test_arms_are_told_by_what_varies(grid):
    found = collect(grid({"softmax": [0.1, 0.2], "attentive": [0.1, 0.3]}))
    assert [(arm.key, arm.name, arm.n) for arm in found.arms] == [
        ("softmax", "softmax", 2),
        ("attentive", "attentive", 2),
    ]
    assert found.varying == ["gate"] and found.same["dataset"] == "digits"
    assert not found.single
    assert found.arms[1].values("test_error_rate") == {("0", "0", "0"): 0.1, ("1", "1", "1"): 0.3}


def test_keys_stand_in_the_order_of_a_config(light):
    runs = [light("a", {"k": 2, "regularizer": ["load"]}), light("b", {"gate": "top_k"})]
    assert collect(runs).varying == ["gate", "regularizer", "k"]


def test_a_value_that_was_not_told_is_looked_up(light):
    runs = [
        light("a", {}),
        light("b", {"k": 2, "experts.count": 10}, auto_filled=()),
        light("c", {}, choices={"gate": "softmax"}),
    ]
    assert collect(runs[:2]).arms[0].levels == {"k": "5", "experts.count": ABSENT}
    open_k = light("d", {"gate": "top_k"}, auto_filled=("k",))
    assert [arm.levels["k"] for arm in collect([runs[1], open_k]).arms] == ["2", "default"]
    # nothing varies: the one arm has a name all the same
    assert collect([runs[0], runs[2]]).arms[0].name == "everything at its default"


def test_seeds_may_be_set_apart(light):
    [arm] = collect([light("a", {"seed_init": 1}), light("b", {"seed_init": 1, "seed_order": 2})]).arms
    assert [one.seed for one in arm.counted] == [("1", "0", "0"), ("1", "2", "0")]
    assert arm.counted[1].seed_word == "0 (init 1, order 2)"


def test_a_seed_that_was_run_twice_counts_once(light):
    failed = light("first", {}, status="failed")
    runs = [failed, light("second", {}, {"test_error_rate": 0.1}), light("third", {}, {"test_error_rate": 0.2})]
    found = collect(runs)
    assert found.arms[0].values("test_error_rate") == {("0", "0", "0"): 0.1}
    assert [(one.name, one.repeats) for one in found.members] == [
        ("second", None),
        ("third", "second"),
        ("first", "second"),
    ]
    assert states(found) == "1 of 1 run finished; 2 repeat the seeds of others and are not counted"


def test_what_did_not_finish_is_counted(light):
    runs = [light(f"r{seed}", {"seed": seed}, {"test_error_rate": 0.1}) for seed in range(3)]
    runs += [light("bad", {"seed": 3}, status="failed", error="boom"), light("nan", {"seed": 4}, status="diverged")]
    runs += [light("later", {"seed": 5}, status="planned")]
    found = collect(runs)
    assert states(found) == "3 of 6 runs finished; 1 diverged; 1 failed; 1 not started"
    assert found.arms[0].states == {"finished": 3, "diverged": 1, "failed": 1, "not started": 1}


def test_the_plan_gives_order_missing_jobs_and_refusals(light, tmp_path):
    runs = [light("a", {"gate": "attentive"}), light("b", {})]
    differs = {"b": {}, "a": {"gate": "attentive"}, "gone": {"gate": "attentive", "seed": 1}, "new": {"gate": "top_k"}}
    rest = {"words": [], "aside": [], "key": "", "choices": {}, "auto_filled": [], "config": {}}
    jobs = [{"name": name, "differs": one, **rest} for name, one in differs.items()]
    refused = [{"words": ["gate=soft_moe", "k=2"], "reason": "no k"}]
    (tmp_path / "plan.json").write_text(json.dumps({"words": [], "jobs": jobs, "refused": refused}))
    found = collect(runs)
    assert [(arm.name, dict(arm.states)) for arm in found.arms] == [
        ("softmax", {"finished": 1}),
        ("attentive", {"finished": 1, "not started": 1}),
        ("top_k", {"not started": 1}),
    ]
    assert found.refused == (("gate=soft_moe k=2", "no k"),)
    assert states(found) == "2 of 4 runs finished; 2 not started; 1 refused"


@pytest.mark.parametrize("text", ["{", "[]", '{"jobs": 3}'])
def test_a_broken_plan_is_a_mistake(light, tmp_path, text):
    run = light("a", {})
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(RunError, match="plan.json"):
        collect([run])


def test_no_run_is_a_mistake():
    with pytest.raises(RunError, match="no run to report"):
        collect([])


def test_only_finite_numbers_and_known_names_are_scalars(light):
    values = {
        "a": 1.5,
        "b": None,
        "c": [1, 2],
        "d": (True, "count"),
        "e": float("inf"),
        "f": float("nan"),
        "reference_x": ({"untrained": 0.5, "kmeans": None}, "fraction"),
        "swap_drop": {"0-1": 0.5},
    }
    [member] = collect([light("a", {}, values)]).members
    assert member.scalars == {"a": 1.5, "reference_x: untrained": 0.5}


def test_more_arms_than_letters(light):
    keys = [arm.key for arm in collect([light(str(k), {"k": k}) for k in range(28)]).arms]
    assert keys[:2] == ["A", "B"] and keys[25:] == ["Z", "AA", "AB"]


def test_a_letter_has_its_name_beside_it_in_every_csv(grid):
    arms = collect(grid({f"gate_{place}": [0.1] for place in range(13)})).arms
    assert with_names([{"arm": "M", "n": 1}], arms) == [{"arm": "M", "name": "gate_12", "n": 1}]
    assert with_names([{"arm": "gate_1", "n": 1}], arms[:0]) == [{"arm": "gate_1", "n": 1}]
