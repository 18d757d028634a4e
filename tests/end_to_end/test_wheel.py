"""What is handed out: an sdist, the wheel that is made of it, and a moe-lab that is installed from this wheel."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: of the package, besides its modules and conf/
DATA = [
    "py.typed",
    "mixture/dispatch.csv",
    "sweeps/stack.csv",
    "reports/templates/run.html",
    "reports/templates/style.css",
]


def build(kind: str, tree: Path, out: Path) -> Path:
    """Without network and without an environment of its own, by the build backend that pip would call."""
    out.mkdir()
    code = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)
    [path] = out.iterdir()
    return path


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the source tree, for building writes into it."""
    tree = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("moe_lab", "conf", "tests", "docs"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=ignore)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, tree)
    return tree


@pytest.fixture(scope="module")
def sdist(tree, tmp_path_factory) -> Path:
    """An sdist, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("sdist", tree, folder / "out")) as archive:
        archive.extractall(folder, filter="data")
    [unpacked] = folder.glob("moe_lab-*")
    return unpacked


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """The wheel of the unpacked sdist."""
    return build("wheel", sdist, tmp_path_factory.mktemp("wheel") / "out")


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_module_is_in_the_wheel(names):
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "moe_lab").rglob("*.py")} <= names


def test_every_yaml_and_template_is_in_the_wheel(names):
    files = {f"moe_lab/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    files |= {str(path.relative_to(ROOT)) for path in (ROOT / "moe_lab/reports/templates").iterdir()}
    assert "moe_lab/conf/config.yaml" in files and files <= names
    assert {f"moe_lab/{name}" for name in DATA} <= names


def test_nothing_else_is(names):
    assert not any(name.startswith(("tests/", "conf/", "runs/", "docs/")) for name in names)


def test_the_wheel_of_the_tree_is_that_of_the_sdist(tree, names, tmp_path):
    assert set(zipfile.ZipFile(build("wheel", tree, tmp_path / "out")).namelist()) == names


def test_an_sdist_has_no_tests_and_says_what_it_is(sdist):
    found = {path.name for path in sdist.iterdir()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "constraints.txt", "pyproject.toml"} <= found
    assert not list(sdist.glob("tests/**/*.py"))


def test_an_installed_moe_lab_trains_in_another_folder(wheel, tmp_path):
    """Its conf, its templates, its command; the dependencies are those of this interpreter."""
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True, capture_output=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    env = {**os.environ, "PYTHONPATH": str(site)}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=outside, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    code = "import moe_lab, moe_lab.config.sources as s; print(moe_lab.__file__); print(*s.open_sources(None).folders)"
    assert all(line.startswith(str(site)) for line in run(sys.executable, "-P", "-c", code).splitlines())
    words = ["dataset=digits", "trainer.epochs=1", "trainer.limit_batches=2", "--name", "out", "--quiet"]
    run(str(site / "bin" / "moe-lab"), "train", *words)
    assert {"metrics.json", "report.html", "report.md"} <= {path.name for path in (outside / "runs/out").iterdir()}
