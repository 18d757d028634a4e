import sys

import pytest

from moe_lab.config.extras import extra
from moe_lab.errors import ConfigError


def test_a_missing_package_comes_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=r"launcher=slurm needs submitit.*pip install .*\.\[slurm\]"):
        extra("submitit", "launcher=slurm", "slurm")
    assert extra("json", "x", "y").dumps([]) == "[]"
