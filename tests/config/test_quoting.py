"""What is advised for texts that Hydra's grammar does not read is read by it, and means what was typed."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_lab.config.compose import expand, parse
from moe_lab.config.quoting import for_shell, listed
from moe_lab.config.sources import open_sources
from moe_lab.errors import ConfigError

LISTS = [
    ("[höhe]", ["höhe"]),
    ("[breite,höhe]", ["breite", "höhe"]),
    ('["breite", höhe]', ["breite", "höhe"]),
    ("[a=b,2,null]", ["a=b", 2, None]),
    ("[Höhe (m),Art des Baums]", ["Höhe (m)", "Art des Baums"]),
    ("[O'Neil,ö]", ["O'Neil", "ö"]),
    ("[[ö,1],[]]", [["ö", 1], []]),
    ("[a\\,ö]", ["a\\", "ö"]),
    ("{a:ö,b:[1,ü]}", {"a": "ö", "b": [1, "ü"]}),
    ("[x]ö", "[x]ö"),
]
SWEEPS = [
    ("[höhe],[breite]", [["höhe"], ["breite"]]),
    ("[],[höhe]", [[], ["höhe"]]),
    ("ä.csv,b c.csv", ["ä.csv", "b c.csv"]),
]


def advised(caught):
    text = str(caught.value)
    assert ", a letter beyond ASCII such as ö, or a sign such as " in text
    [word] = shlex.split(text.partition("must be quoted: ")[2])
    return word


@pytest.mark.parametrize(("typed", "meant"), LISTS)
def test_items_of_lists_and_mappings_are_quoted_each(typed, meant):
    with pytest.raises(ConfigError) as caught:
        parse(f"dataset.exclude={typed}")
    assert parse(advised(caught)).value == meant


@pytest.mark.parametrize(("typed", "meant"), SWEEPS)
def test_values_of_a_sweep_are_quoted_each(typed, meant):
    with pytest.raises(ConfigError) as caught:
        expand(f"dataset.exclude={typed}", open_sources())
    assert [parse(one).value for one in expand(advised(caught), open_sources())] == meant


def test_without_a_value_that_is_read_none_is_advised():
    # the key of a mapping cannot be quoted
    with pytest.raises(ConfigError, match=r"must be quoted; for example: gate=attentive"):
        parse("dataset.exclude={ö:1}")


def test_a_bracket_that_is_not_closed():
    with pytest.raises(ConfigError, match=r"'\[' is not closed"):
        parse("dataset.exclude=[a[ö]")


def test_a_long_list_is_left_out():
    with pytest.raises(ConfigError, match=r"must be quoted: 'dataset.exclude=\[\.\.\.\]'$"):
        parse(f"dataset.exclude=[{','.join(['ö'] * 100)}]")


@given(st.lists(st.text(st.characters(exclude_characters="$"), min_size=1, max_size=5).filter(str.isprintable)))
def test_listed_names_are_read_as_such(names):
    [word] = shlex.split(for_shell("dataset.exclude", listed(names)))
    assert parse(word).value == names


@pytest.mark.parametrize("name", ["null", "True", "nan", "inf", "1e5", "höhe", "O'Neil", 'a"b', "a\\", "no 1"])
def test_a_name_that_would_be_read_otherwise_is_quoted(name):
    [word] = shlex.split(for_shell("dataset.exclude", listed([name])))
    assert parse(word).value == [name]
