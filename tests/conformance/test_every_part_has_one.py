"""Meta-test: every part that can be chosen has a conformance file, and its YAML says what its class says."""

import importlib
import inspect
from pathlib import Path

import pytest
import yaml

import moe_lab
from tests.conformance.cases import FOLDERS, file_of

CONF = Path(moe_lab.__file__).parent / "conf"
PARTS = [(group, path) for group in FOLDERS for path in sorted((CONF / group).glob("*.yaml"))]
#: files that name a class; a study is a table, and no network has no class
CLASSES = [
    path
    for path in sorted(CONF.rglob("*/*.yaml"))
    if path.parent.name != "study" and path not in {CONF / "network" / "none.yaml", CONF / "parallel" / "none.yaml"}
]
#: what an option sets otherwise than its signature, which is what it is there for
NAMED = {"trainer/language": {"epochs", "lr", "schedule"}}


def test_groups_are_all_here():
    held = {str(path.parent.relative_to(CONF)) for path in CONF.rglob("*.yaml")}
    assert (
        held - {".", "dataset", "trainer", "network", "parallel", "launcher", "logger", "sweeper", "study"}
        == FOLDERS.keys()
    )


@pytest.mark.parametrize(("group", "path"), PARTS, ids=lambda value: getattr(value, "stem", value))
def test_a_part_has_a_conformance_file(group, path):
    assert file_of(group, path.stem).is_file()


@pytest.mark.parametrize("path", CLASSES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_yaml_and_signature_agree(path):
    """A YAML writes out every option; its defaults are the signature's, but for what a named combination sets."""
    node = yaml.safe_load(path.read_text())
    module, _, name = node.pop("_target_").rpartition(".")
    # "score: network" and "score/body@body: mlp" are nested parts, "override /objective ...: x" is another group's
    defaults = [key for default in node.pop("defaults", []) if isinstance(default, dict) for key in default]
    nested = {key.rpartition("@")[2] for key in defaults if not key.startswith("override ")}
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters.values()
    keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert node.keys() | nested == keywords.keys()
    of_groups = {"gate": {"k"}, "weigh": {"alpha"}, "baseline": {"parameters"}}
    named = of_groups.get(path.parent.name, NAMED.get(f"{path.parent.name}/{path.stem}", set()))
    if path.stem.startswith("paper_"):
        return
    for key, value in node.items():
        given = isinstance(value, str) and value.startswith(("${", "???"))
        if keywords[key] is not inspect.Parameter.empty and key not in named and not given:
            default = list(keywords[key]) if isinstance(keywords[key], tuple) else keywords[key]
            assert value == default, key
