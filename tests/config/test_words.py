"""Every way of getting a word wrong: one line, which says what to write instead."""

import shlex

import pytest

from moe_lab.config.compose import compose
from moe_lab.errors import ConfigError

pytestmark = pytest.mark.usefixtures("toy_lab")

GATES = "There are: softmax, stacked, top_k"
SCORES = "There are: attentive, mlp"
REGULARIZERS = "There are: importance, z_loss"
NO_HYDRA = "hydra.* overrides are not used; see `moe-lab --help` for options"
NO_PLUS = "'+' adds keys that no part knows; to set a key that there is, write"
ONE_VALUE = "holds several values; a run takes one, and `moe-lab sweep` each of them."
WRONG = [
    # a key or an option that there is not
    ("gatee=softmax", "no such key 'gatee'. Did you mean gate?"),
    ("gate.temprature=2", "no such key 'gate.temprature'. Did you mean gate.temperature?"),
    ("trainer.epohcs=2", "no such key 'trainer.epohcs'. Did you mean trainer.epochs?"),
    ("gate.xyz=2", "no such key 'gate.xyz'. There are: gate.k, gate.score, gate.temperature"),
    ("gate.score.xyz.w=2", "no such key 'gate.score.xyz.w'. There are: gate.score.hidden"),
    ("epochs=2", "no such key 'epochs'. Did you mean trainer.epochs?"),
    ("zzz=2", "no such key 'zzz'. `moe-lab config` shows what there is"),
    ("gate.score.hidden.x=3", "no such key 'gate.score.hidden.x'. Did you mean gate.score.hidden?"),
    ("gate.score.heads=4", "no such key 'gate.score.heads' with gate/score=mlp; gate/score=attentive has it"),
    ("trainer/epochs=3", "no group named 'trainer/epochs'. A key has dots: trainer.epochs"),
    ("gate/scor=mlp", "no group named 'gate/scor'. Did you mean gate/score? A key has dots: gate.scor"),
    ("gate=sofmax", f"no gate named 'sofmax'. Did you mean softmax? {GATES}"),
    ("gate=../trainer/default", f"no gate named '../trainer/default'. {GATES}"),
    ("gate=3", f"no gate named '3'. {GATES}; a number is the value of a key, gate.KEY=3"),
    (
        "regularizer=[3]",
        f"no regularizer named '3'. {REGULARIZERS}; a number is the value of a key, regularizers.NAME.KEY=3",
    ),
    ("regularizer=[null]", f"regularizer=[null]: takes names. {REGULARIZERS}"),
    (
        "regularizer.importance.weight=1",
        "no such key 'regularizer.importance.weight': the options of regularizer are set with "
        "regularizers.importance.weight",
    ),
    ("GATE=softmax", "no such key 'GATE'. Did you mean gate?"),
    ("learning_rate=1", "no such key 'learning_rate'. Did you mean trainer.lr?"),
    ("gate=", f"no gate named ''. {GATES}"),
    ("gate/score=mpl", f"no gate/score named 'mpl'. Did you mean mlp? {SCORES}"),
    # several at once
    ("regularizer=[importanse]", f"no regularizer named 'importanse'. Did you mean importance? {REGULARIZERS}"),
    ("regularizer=importanse", f"no regularizer named 'importanse'. Did you mean importance? {REGULARIZERS}"),
    ("regularizer=[importance,importance]", "regularizer=[importance,importance]: names one twice"),
    (
        "regularizers.importance.weight=0.3",
        "no such key 'regularizers.importance.weight': add regularizer=[importance]",
    ),
    ("regularizers.nope.weight=0.3", "no such key 'regularizers.nope.weight': there is no regularizer named 'nope'."),
    ("regularizers=[importance]", f"regularizers=[importance]: choose with regularizer=[NAME]. {REGULARIZERS}"),
    ("regularizers=null", f"regularizers=null: choose with regularizer=[NAME]. {REGULARIZERS}"),
    # an empty or a double choice
    ("regularizer=null", "regularizer=null: regularizer cannot be null. For none at all write regularizer=[]"),
    ("gate=null", f"gate=null: gate cannot be null. {GATES}"),
    ("~gate", f"'~gate': nothing can be removed from a config. {GATES}"),
    ("~gate=softmax", f"'~gate=softmax': nothing can be removed from a config. {GATES}"),
    ("~regularizer", "'~regularizer': nothing can be removed from a config. For none at all write regularizer=[]"),
    ("~k", "'~k': nothing can be removed from a config."),
    ("gate=[softmax,top_k]", f"gate=[softmax,top_k]: gate takes one, not a list. {GATES}"),
    ("gate=[softmax]", f"gate=[softmax]: gate takes one, not a list. {GATES}"),
    ("gate/score=[mlp,attentive]", f"gate/score=[mlp,attentive]: gate/score takes one, not a list. {SCORES}"),
    ("gate={k:1}", "gate={k:1}: choose by name, then set keys such as gate.KEY=VALUE"),
    ("gate.score=attentive", f"gate.score=attentive: choose a part by its group: write gate/score=NAME. {SCORES}"),
    ("gate@x=softmax", "'gate@x=softmax': an option has one place, so no '@' is needed: write gate=NAME"),
    # sweeps
    ("k=1,2", f"k=1,2 {ONE_VALUE}"),
    ("seed=range(0,2)", f"seed=range(0,2) {ONE_VALUE}"),
    ("seed=interval(0,1)", f"seed=interval(0,1) {ONE_VALUE}"),
    ("gate=glob(*)", f"gate=glob(*) {ONE_VALUE}"),
    ("gate=softmax,top_k", f"gate=softmax,top_k {ONE_VALUE}"),
    (
        "regularizer=importance,z_loss",
        f"regularizer=importance,z_loss {ONE_VALUE} For all of them at once write regularizer=[importance,z_loss]",
    ),
    # keys of Hydra's own, and keys that are not there
    ("+foo=1", f"'+foo=1': {NO_PLUS} foo=1"),
    ("++gate.typo=3", f"'++gate.typo=3': {NO_PLUS} gate.typo=3"),
    ("hydra.run.dir=x", f"'hydra.run.dir=x': {NO_HYDRA}"),
    ("hydra/launcher=joblib", f"'hydra/launcher=joblib': {NO_HYDRA}"),
    # values
    ("dataset=npz", "dataset.path must be given: add dataset.path=VALUE"),
    ("k=${nope}", "k: Interpolation key 'nope' not found"),
    ("k=${k}", "k: Recursive interpolation detected"),
]


@pytest.mark.parametrize(("word", "line"), WRONG, ids=[word for word, _ in WRONG])
def test_a_wrong_word_gives_one_line(word: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compose([word])
    assert str(caught.value) == line


@pytest.mark.parametrize("word", ["dataset=[a", "gate/score.hidden=3", "k==3", "-k=3", "=3", "gate:x=3"])
def test_a_word_that_cannot_be_read_gets_an_example(word: str) -> None:
    with pytest.raises(ConfigError, match="gate=attentive k=2") as caught:
        compose([word])
    assert str(caught.value).startswith(f"'{word}' ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["a=b", "a(b)", "a b=c", "~/a", "foo(3)", "ü", "a:b;c", "a, b=c"])
def test_text_that_must_be_quoted_is_quoted_as_it_is_to_be_typed(value: str) -> None:
    with pytest.raises(ConfigError, match="must be quoted: ") as caught:
        compose(["dataset=npz", f"dataset.path={value}"])
    [word] = shlex.split(str(caught.value).partition("must be quoted: ")[2])
    assert compose(["dataset=npz", word])["dataset"]["path"] == value


@pytest.mark.parametrize("word", ["gate", "", "k='1\n2'"])
def test_a_word_without_a_value_gets_an_example(word: str) -> None:
    with pytest.raises(ConfigError, match="is not KEY=VALUE; for example: gate=attentive") as caught:
        compose([word])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "${oc.env:TOY_SECRET}",
        "'${oc.env:TOY_SECRET}'",
        "[${oc.env:TOY_SECRET}]",
        "${oc.env:TOY_SECRET,x}",
        "${ oc.env:TOY_SECRET}",
        "${now:%S}",
        "${hydra:runtime.cwd}",
        "a${oc.decode:b}",
    ],
)
def test_a_word_cannot_copy_the_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_SECRET", "hunter2")
    with pytest.raises(ConfigError, match="resolver") as caught:
        compose(["dataset=npz", f"dataset.path={value}"])
    assert "hunter2" not in str(caught.value)


def test_a_choice_that_the_chosen_part_has_no_place_for() -> None:
    with pytest.raises(ConfigError, match="^gate/score=attentive: gate=stacked has no gate/score to choose$"):
        compose(["gate=stacked", "gate/score=attentive"])


def test_a_key_of_a_part_beside_the_chosen_ones() -> None:
    with pytest.raises(ConfigError, match=r"add regularizer=\[z_loss,importance\]$"):
        compose(["regularizer=[z_loss]", "regularizers.importance.weight=0.3"])
