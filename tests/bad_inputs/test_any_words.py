"""Whatever is typed: a config, or one line. Words at random, from all of Unicode and from pieces of the grammar."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from moe_lab.config.catalog import catalog
from moe_lab.config.compose import expand, interval, parse
from moe_lab.config.sources import open_sources
from moe_lab.config.words import vet
from moe_lab.errors import ConfigError, UserError, cut, one_line, printable
from moe_lab.store.untrusted import Unusable, read_json, read_yaml
from moe_lab.sweeps.settings import settings as sweep_settings
from moe_lab.sweeps.settings import split

FAST = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
KEYS = [
    "gate",
    "k",
    "seed",
    "regularizer",
    "gate/score",
    "trainer.lr",
    "experts.count",
    "launcher",
    "hydra.run.dir",
    "x",
]
PIECES = [
    *KEYS, *("softmax", "importance", "null", "nan", "inf", "1e999", "-1", "true", "~", "+", "++", "=", "==", "@"),
    *("[", "]", "{", "}", "(", ")", ",", ":", ".", "/", "\\", "'", '"', " ", "\t", "$", "${", "${oc.env:HOME}", "${k}"),
    *("range(", "range(0,3)", "interval(0,1)", "choice(", "glob(*)", "shuffle(", "sort(", "tag(", "int(", "json_str("),
    *("\n", "\0", "\x1b[2J", "é", "🦆", "\u202e", "\ud800", "9" * 30, "%", "#", "&a", "*a", "<<", "!!python/object"),
]  # fmt: skip
ANY = st.text(max_size=30)
GRAMMAR = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
VALUES = st.builds("{}={}".format, st.sampled_from(KEYS), st.one_of(ANY, GRAMMAR))
WORDS = st.one_of(ANY, GRAMMAR, VALUES)
FUNCTIONS = [
    *("range", "choice", "sort", "shuffle", "glob", "interval", "tag"),
    *("int", "float", "str", "bool", "json_str", "extend_list"),
]
ATOMS = ["0", "1", "-1", "3", "0.5", "1e3", "nan", "inf", "true", "null", "a", "softmax", "'a b'", '"x"', "", "*"]
ATOMS += ["${k}", "${oc.env:HOME}", "${", "???", "1_000", "a b", "1:2", "é", "{}", "[]", "()"]
ARGUMENTS = ["", "", "", "start=", "stop=", "step=", "end=", "tags=", "reverse=", "exclude="]


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """What Hydra's grammar makes of values: functions of them, with and without names, lists and mappings."""
    several = st.lists(inner, max_size=3)
    arguments = st.lists(st.builds("{}{}".format, st.sampled_from(ARGUMENTS), inner), max_size=3)
    return st.one_of(
        st.builds(lambda name, given: f"{name}({','.join(given)})", st.sampled_from(FUNCTIONS), arguments),
        several.map(lambda given: f"[{','.join(given)}]"),
        st.builds("{{{}:{}}}".format, st.sampled_from(ATOMS), inner),
    )


ELEMENTS = st.recursive(st.sampled_from(ATOMS), _nested, max_leaves=6)
SWEEPS = st.builds(
    lambda key, elements: f"{key}={','.join(elements)}",
    st.sampled_from(KEYS),
    st.lists(ELEMENTS, min_size=1, max_size=3),
)


def assert_one_line(error: Exception) -> None:
    line = one_line(str(error))
    assert line and line.isprintable()


@FAST
@given(WORDS)
@example("k=" + "9" * 5000)
@example("k=" + "[" * 2000)
@example("gate=" + "x" * 10_000)
@example("k=${oc.env:HOME}")
def test_a_word_is_read_or_refused(word):
    sources = open_sources()
    try:
        vet(parse(word), sources)
    except ConfigError as error:
        assert_one_line(error)


@FAST
@given(st.one_of(WORDS, SWEEPS))
@example("seed=range(0,3),5")
@example("k=1,range(1,3)")
@example("seed=choice(1,2),3")
@example("seed=range(0,1e400)")
@example("seed=range(0,nan)")
@example("seed=range(a,b,c,d)")
@example("seed=choice()")
@example("seed=shuffle(1)")
def test_a_word_of_a_sweep_is_expanded_or_refused(word):
    for read in (interval, parse, lambda text: expand(text, open_sources()) or pytest.fail(text)):
        try:
            read(word)
        except ConfigError as error:
            assert_one_line(error)


@settings(max_examples=15, deadline=None)
@given(SWEEPS)
@example("seed=range(0,3),5")
@example("gate=sort(softmax,1)")
@example("experts={a:1}")
def test_a_word_of_a_sweep_is_planned_or_refused(word):
    from moe_lab.sweeps.plan import plan

    try:
        assert plan([word]).jobs
    except UserError as error:
        assert_one_line(error)


@settings(max_examples=60, deadline=None)
@given(st.one_of(ANY, GRAMMAR), st.sampled_from(["launcher", "sweeper", "launcher.workers", "launcher.x", "sweeper/x"]))
def test_a_word_of_a_launcher_is_used_or_refused(value, key):
    own = split([f"{key}={value}"])[1]
    try:
        sweep_settings(own)
    except UserError as error:
        assert_one_line(error)


@settings(max_examples=12, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=2))
def test_words_give_a_config_or_one_line(words):
    from moe_lab.experiment.job import prepare

    try:
        job = prepare(words)
    except UserError as error:
        assert_one_line(error)
    else:
        json.dumps(job.config, allow_nan=False)


@FAST
@given(
    st.one_of(st.text(max_size=60), st.lists(st.sampled_from([*PIECES, "- ", "a: ", "? "]), max_size=15).map("".join))
)
def test_a_file_is_read_or_unusable(text):
    for read in (read_yaml, read_json):
        try:
            read(text)
        except Unusable as error:
            assert_one_line(error)


@FAST
@given(st.text())
def test_what_is_printed_moves_no_cursor(text):
    shown = printable(text)
    assert "\x1b" not in shown and "\x9b" not in shown and shown.count("\n") == text.count("\n")
    shown.encode()
    assert len(cut(text)) <= 60 and "\n" not in cut(text)
    assert printable(shown) == shown


def test_a_group_that_there_is_not():
    with pytest.raises(ConfigError):
        catalog("\x1b[2J")
