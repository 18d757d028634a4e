"""The house stands as it is drawn: imports run down the floors only, and the engine needs little."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import moe_lab

PACKAGE = Path(moe_lab.__file__).parent
#: floor of a module or package; a module may import from floors below it, and from its own package
FLOORS = {
    "errors": 1, "ranges": 1, "tasks": 1, "sizes": 1, "routing": 1, "layers": 1, "noise": 1, "choice": 1, "parts": 1,
    "combine": 1, "networks": 1, "environment": 1, "signals": 1, "logger": 1, "pooled": 1, "precision": 1, "slots": 1,
    "inference": 1, "projection": 1, "stepped": 1, "products": 1, "extras": 1, "partitions": 1, "machine": 1,
    "gate_steps": 1, "untrusted": 1, "convolution": 1,
    "entropy": 1, "steering": 1, "baseline": 1, "checks": 1, "grouped": 1, "pairs": 1,
    "config": 1,
    "baselines": 2, "gates": 2, "experts": 2, "objectives": 2, "regularizers": 2, "controllers": 2,
    "data": 2, "store": 2, "dispatch": 2, "difficulty": 3,
    "mixture": 3, "loggers": 3, "metrics": 3, "statistics": 3,
    "training": 4, "reports": 4,
    "job": 5, "teaching": 5, "run_writer": 6, "experiment": 7, "loading": 6, "sweeps": 8, "cli": 9, "__main__": 10,
}  # fmt: skip
#: the ground floor's own order: what each may import there
GROUND = {
    "errors": set(),
    "untrusted": set(),
    "ranges": set(),
    "tasks": set(),
    "sizes": {"tasks"},
    "noise": set(),
    "pooled": {"products"},
    "products": set(),
    "precision": set(),
    "grouped": {"precision", "products"},
    "pairs": {"grouped", "routing"},
    "layers": {"grouped", "precision", "products"},
    "convolution": {"pooled", "precision"},
    "combine": {"routing"},
    "inference": {"noise", "routing"},
    "choice": set(),
    "gate_steps": {"noise", "parts"},
    "projection": {"errors", "gate_steps", "layers", "parts", "ranges"},
    "stepped": {"choice", "gate_steps", "layers", "noise", "parts", "ranges", "routing"},
    "entropy": set(),
    "partitions": set(),
    "machine": {"errors"},
    "environment": set(),
    "signals": set(),
    "logger": set(),
    "extras": {"errors"},
    "routing": set(),
    "slots": {"layers", "routing"},
    "parts": {"layers", "noise", "pairs", "ranges", "routing", "sizes", "tasks"},
    "steering": {"layers", "parts", "routing"},
    "checks": {"config", "errors", "parts", "sizes", "steering", "tasks"},
    "baseline": {"noise", "parts", "routing", "sizes", "tasks"},
    "networks": {"config", "convolution", "errors", "layers", "parts", "ranges", "untrusted"},
    "config": {"errors", "ranges", "untrusted"},
}


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("moe_lab"):
            found |= {node.module} if node.module != "moe_lab" else {f"moe_lab.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("moe_lab.")}
    return {name for name in found if name.count(".") and name.split(".")[1] in FLOORS}


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_down(path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    for name in imports(path):
        other = name.split(".")[1]
        if room == other:
            continue
        if FLOORS[room] == FLOORS[other] == 1:
            assert other in GROUND[room], f"{path.name} imports {name}"
        else:
            assert FLOORS[other] < FLOORS[room], f"{path.name} (floor {FLOORS[room]}) imports {name}"


@pytest.mark.parametrize("package", ["gates", "experts", "objectives", "regularizers", "controllers", "baselines"])
def test_parts_do_not_import_their_siblings(package):
    for path in (PACKAGE / package).rglob("*.py"):
        assert not any(name.split(".")[1] == package for name in imports(path)), path


def test_modules_are_small():
    for path in MODULES:
        assert len(path.read_text().splitlines()) <= 300, path


def test_the_engine_imports_without_the_runners_packages():
    """Where only torch and NumPy are installed, mixtures can be built and trained from Python."""
    blocked = ["hydra", "omegaconf", "typer", "rich", "pandas", "torchvision", "pydantic", "sklearn", "scipy", "yaml"]
    code = (
        "import sys\n"
        f"for name in {blocked}: sys.modules[name] = None\n"
        "import moe_lab.training.loop, moe_lab.evaluation.evaluate, moe_lab.store.checkpoint\n"
        "import moe_lab.parts.gates.composed, moe_lab.parts.gates.score.attentive, moe_lab.parts.experts.mlp\n"
        "import moe_lab.parts.regularizers.lasso, moe_lab.parts.controllers.temperature\n"
        "import moe_lab.parts.regularizers.sample_similarity, moe_lab.parts.objectives.mixture\n"
        "import moe_lab.metrics, moe_lab.statistics\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
