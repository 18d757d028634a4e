import subprocess
import sys

import pytest

from moe_lab.data import vision
from moe_lab.errors import DataError


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def fake_torchvision(folder, body: str) -> str:
    """Code that puts a made-up torchvision before the installed one."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "datasets.py").write_text("import sys\nMNIST = 'a class'\nsys.times = getattr(sys, 'times', 0) + 1\n")
    (package / "__init__.py").write_text(f"import torch\nfrom torchvision import datasets\n{body}\n")
    return f"import sys; sys.path.insert(0, {str(folder)!r})\nfrom moe_lab.data import vision\n"


NEEDS_SCHEMAS = """
for name in ("nms", "qnms"):
    if not torch._C._dispatch_has_kernel(f"torchvision::{name}") and not hasattr(torch.ops.torchvision, name):
        raise RuntimeError(f"operator torchvision::{name} does not exist")
"""


def test_the_installed_torchvision_imports():
    code = (
        "from moe_lab.data.vision import import_torchvision\n"
        "print(import_torchvision().datasets.FashionMNIST.__name__)\n"
        "import torchvision\n"
        "print(import_torchvision() is torchvision)"
    )
    assert run(code).splitlines() == ["FashionMNIST", "True"]


def test_missing_operators_are_defined_and_the_whole_import_is_repeated(tmp_path):
    code = fake_torchvision(tmp_path, NEEDS_SCHEMAS) + (
        "print(vision.import_torchvision().datasets.MNIST, sys.times, len(vision._kept_libraries))\n"
        "import torch; print(torch.ops.torchvision.nms.default._schema)"
    )
    assert run(code).splitlines() == [
        "a class 2 1",
        "torchvision::nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    ]


def test_nothing_is_defined_where_torchvision_imports_by_itself(tmp_path):
    code = fake_torchvision(tmp_path, "") + (
        "import torch; module = vision.import_torchvision()\n"
        "print(vision._kept_libraries, hasattr(torch.ops.torchvision, 'nms'), vision.import_torchvision() is module)"
    )
    assert run(code) == "[] False True"


def test_another_error_passes_untouched(tmp_path):
    code = fake_torchvision(tmp_path, "raise RuntimeError('operator torchvision::nms does not exist at all')") + (
        "try: vision.import_torchvision()\nexcept RuntimeError as error: print(error, vision._kept_libraries)"
    )
    assert run(code) == "operator torchvision::nms does not exist at all []"


def test_a_missing_torchvision_says_what_to_type(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(vision.importlib, "import_module", missing)
    monkeypatch.setattr(vision.torch, "__version__", "2.13.0+cpu")
    with pytest.raises(DataError, match=r'run `pip install torchvision "torch==2\.13\.0"`'):
        vision.import_torchvision()


def test_a_module_that_torchvision_misses_is_named(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'PIL'", name="PIL")

    monkeypatch.setattr(vision.importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match="PIL"):
        vision.import_torchvision()
