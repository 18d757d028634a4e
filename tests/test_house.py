"""The house stands as it is drawn: imports run down the floors, without a circle, and the engine needs little."""

import subprocess
import sys

import pytest

from docs.house import FLOORS, MODULES, NAMES, PACKAGE, imports, name_of, room

ROLES = ["gates", "experts", "objectives", "regularizers", "controllers", "baselines"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_down(path):
    if path == PACKAGE / "__init__.py":
        return
    ours = room(name_of(path))
    for name in imports(path) - {"moe_lab"}:
        assert room(name) == ours or FLOORS[room(name)] < FLOORS[ours], f"{ours} imports {name}"


def test_there_is_no_circle():
    waiting = {name_of(path): imports(path, lazy=False) & NAMES for path in MODULES}
    while free := {name for name, needed in waiting.items() if not needed & waiting.keys() - {name}}:
        waiting = {name: needed for name, needed in waiting.items() if name not in free}
    assert not waiting


def test_the_rooms_are_the_floors_and_at_most_ten_high():
    entries = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert entries - {"__init__"} == FLOORS.keys()
    # the file by which Python starts the command line stands on top of it
    assert max(floor for name, floor in FLOORS.items() if name != "__main__") <= 10


@pytest.mark.parametrize("role", ROLES)
def test_parts_do_not_import_their_siblings(role):
    for path in (PACKAGE / "parts" / role).rglob("*.py"):
        assert not any(name.startswith(f"moe_lab.parts.{role}") for name in imports(path)), path


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
        "import moe_lab.mixture.layer, moe_lab.models.vision_transformer, moe_lab.parts.experts.ffn\n"
        "import moe_lab.metrics, moe_lab.statistics\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("room", ["metrics", "statistics", "reports"])
def test_what_reads_finished_runs_needs_no_torch(room):
    modules = [name for name in sorted(NAMES) if name.startswith(f"moe_lab.{room}")]
    code = f"import sys\nsys.modules['torch'] = None\nimport {', '.join(modules)}"
    subprocess.run([sys.executable, "-c", code], check=True)
