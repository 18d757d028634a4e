"""The YAML files of data sets name classes, and write out every option with the default of its signature."""

import importlib
import inspect
from pathlib import Path

import pytest
import yaml

from moe_lab.data.dataset import Dataset

FOLDER = Path(__file__).parents[2] / "conf" / "dataset"
#: what Hydra fills in itself, and the signature's own value
WRITTEN = {"${oc.env:MOE_LAB_DATA,data}": "data", "???": inspect.Parameter.empty}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_options_and_defaults_are_those_of_the_signature(path):
    node = yaml.safe_load(path.read_text())
    module, _, name = node.pop("_target_").rpartition(".")
    cls = getattr(importlib.import_module(module), name)
    assert issubclass(cls, Dataset)
    defaults = {p.name: p.default for p in list(inspect.signature(cls.__init__).parameters.values())[1:]}
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in node.items()}
    written = {key: WRITTEN.get(value, value) for key, value in plain.items()}
    assert written == defaults
    assert path.read_text().startswith("# ")
