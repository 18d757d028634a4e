"""The names that ``import moe_lab`` gives."""

import subprocess
import sys

import pytest

import moe_lab


@pytest.mark.parametrize("name", moe_lab.__all__)
def test_public_names_are_there(name):
    assert getattr(moe_lab, name).__name__ == name and name in dir(moe_lab)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        _ = moe_lab.nosuch


def test_the_package_alone_brings_no_heavy_module():
    code = "import sys, moe_lab; print(*{'torch', 'numpy', 'hydra', 'typer', 'pandas'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"
