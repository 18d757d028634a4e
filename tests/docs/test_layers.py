"""The example of docs/layers.md runs, and what the page says is refused is what is refused."""

import re
from pathlib import Path

from moe_lab import MixtureLayer
from moe_lab.config.compose import options
from moe_lab.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "layers.md").read_text()


def test_the_example_runs(capsys):
    [example] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found = {}
    exec(compile(example, "docs/layers.md", "exec"), found)
    # chance is .9; H(E) of eight experts is at most three bits
    assert found["error"] < 0.2
    bits = found["told"][found["told"].measure == "slot_information_bits"]
    assert bits.layer.tolist() == ["1.layer", "2.layer"] and bits.value.between(0.2, 3).all()
    assert capsys.readouterr().out.startswith("error 0.")


def test_the_gates_that_it_names_are_those_that_are_refused():
    named = {
        gate for row in re.findall(r"^\| gates? (.*?) \|", PAGE, re.MULTILINE) for gate in re.findall(r"`(\w+)`", row)
    }
    assert named == {gate for gate in options("gate") if is_refused(gate)}


def is_refused(gate):
    try:
        MixtureLayer(4, gate=gate)
    except ConfigError:
        return True
    return False


def test_the_regularizers_that_it_names_are_those_that_are_refused():
    [row] = re.findall(r"^\| regularizers (.*?) in ", PAGE, re.MULTILINE)
    refused = set()
    for name in options("regularizer"):
        try:
            MixtureLayer(4, gate="relu" if name == "l1" else "top_k", regularizers=[name])
        except ConfigError as error:
            if "after the optimizer's step" in str(error):
                refused.add(name)
    assert set(re.findall(r"`(\w+)`", row)) == refused
