"""Text that would exhaust memory, time or its reader is refused before it is parsed."""

import pytest
import yaml

from moe_lab.errors import ConfigError, RunError
from moe_lab.store import untrusted
from moe_lab.store.run import Run
from moe_lab.store.untrusted import Unusable, read_json, read_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)

YAML_BOMBS = {
    "aliases": LAUGHS,
    "an alias that holds itself": "a: &a [*a]\n",
    "two that hold each other": "a: &a {b: &b [*a, *a]}\n",
    "depth": "[" * 5000,
    "nested mappings": "".join(f"{' ' * n}a:\n" for n in range(400)),
    "length": "# comment\n" * 100_000,
    "merges": "a: &a {x: 1}\n" + "".join(f"b{n}: {{<<: *a}}\n" for n in range(9000)),
}


@pytest.mark.parametrize("text", YAML_BOMBS.values(), ids=YAML_BOMBS)
def test_yaml_bombs(text, tmp_path):
    with pytest.raises(Unusable) as caught:
        read_yaml(text)
    assert "\n" not in str(caught.value)
    (tmp_path / "status.json").write_text('{"status": "finished"}')
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RunError, match=r"config\.yaml is too"):
        _ = Run(tmp_path).config
    from moe_lab.config.sources import open_sources

    (tmp_path / "own" / "gate").mkdir(parents=True)
    (tmp_path / "own" / "gate" / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml is too"):
        open_sources(tmp_path / "own")


WRONG = [
    "!!int ''",
    "!!bool x",
    "!!timestamp x",
    "!!float x",
    "a: !!binary x",
    "2023-99-99",
    "0x",
    "1:99:",
    "? [a]\n: 3",
]


@pytest.mark.parametrize("text", WRONG)
def test_yaml_that_its_reader_stumbles_over(text):
    try:
        read_yaml(text)
    except Unusable as error:
        assert "\n" not in str(error)


def test_json_bombs():
    for text in ("[" * 100_000, '{"a":' * 100_000, "9" * 5000, ""):
        with pytest.raises(Unusable, match="is not JSON"):
            read_json(text)
    assert read_json('{"a": NaN, "b": -Infinity}') == {"a": None, "b": None}


def test_a_table_or_json_of_too_many_values_is_not_parsed(run, monkeypatch):
    monkeypatch.setattr(untrusted, "MOST_CELLS", 1000)
    for text in ("[" + "0," * 1000 + "0]", "[" + "[]," * 500 + "[]]", '[{"a": {}}' + ', {"a": {}}' * 500 + "]"):
        with pytest.raises(Unusable, match="values, and 1000 at most are read"):
            read_json(text)
    assert len(read_json("[" + "0," * 990 + "0]")) == 991
    (run.path / "history.csv").write_text("a,b\n" + "1,2\n" * 1001)
    with pytest.raises(RunError, match=r"history\.csv .*1002 values, and 1000 at most are read"):
        _ = run.history_rows


@pytest.mark.parametrize("name", ["status.json", "environment.json", "config.yaml"])
def test_a_small_file_that_is_large_is_not_read(run, name):
    (run.path / name).write_text("{}" + " " * 2**20)
    with pytest.raises(RunError, match=f"{name} has {2**20 + 2} bytes, and {2**20} at most are read"):
        getattr(Run(run.path), name.partition(".")[0])


def test_keys_are_compared_once(monkeypatch):
    """A key that stands twice is found among 19,000 without comparing each with each."""
    compared = 0

    class Key(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    nodes = [(yaml.ScalarNode("tag:yaml.org,2002:str", Key(f"k{number}")), None) for number in range(19_000)]
    untrusted._check_keys(yaml.MappingNode("tag:yaml.org,2002:map", nodes))
    assert compared < 10 * len(nodes)
    with pytest.raises(Unusable, match="duplicate key k7"):
        read_yaml("\n".join(f"k{number}: 1" for number in (*range(9), 7)))
