"""What an installed moe-lab has: the code, conf/ and the reports' templates."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Names in a wheel built from a copy of the source tree."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("out")
    for name in ("moe_lab", "conf"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)
    [path] = out.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def test_every_module_is_in_the_wheel(wheel):
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "moe_lab").rglob("*.py")} <= wheel


def test_every_yaml_and_template_is_in_the_wheel(wheel):
    files = {f"moe_lab/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    files |= {str(path.relative_to(ROOT)) for path in (ROOT / "moe_lab/reports/templates").iterdir()}
    assert "moe_lab/conf/config.yaml" in files and files <= wheel


def test_nothing_else_is(wheel):
    assert not any(name.startswith(("tests/", "conf/", "runs/")) for name in wheel)
