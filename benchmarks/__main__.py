"""python -m benchmarks [--quick] [NAME ...]: measure the targets named, or all, and keep the rows.

Rows and figures go to benchmarks/results/, those of --quick (fewer rounds and cases, under two minutes in all) to
benchmarks/results/quick/, which git ignores.
"""

import argparse
import importlib
import json
import pkgutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import benchmarks
from benchmarks.figure import draw
from benchmarks.rows import Row, write_rows
from moe_lab.experiment.environment import environment
from moe_lab.store.atomic import write_json

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> None:
    targets = targets_in(benchmarks)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds and cases, into results/quick")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(targets)}; none: all")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in targets]:
        parser.error(f"{', '.join(unknown)}: there are {', '.join(targets)}")
    folder = RESULTS / "quick" if chosen.quick else RESULTS
    for name in chosen.names or targets:
        measure(targets[name], folder, chosen.quick)


def targets_in(package: ModuleType) -> dict[str, ModuleType]:
    """The modules of a package that measure a target, by name."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name != "__main__"]
    modules = {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "rows")}


def measure(target: ModuleType, folder: Path, quick: bool) -> list[Row]:
    """Measure one target, print its rows at once, and save them, their figure and the machine's description."""
    folder.mkdir(parents=True, exist_ok=True)
    name, title = target.__name__.rpartition(".")[2], target.__doc__.partition("\n")[0].rstrip(".")
    print(title)
    started, rows = time.perf_counter(), []
    for row in target.rows(quick):
        rows.append(row)
        short = "" if row.ratio >= row.aim else "  (below the aim)" if row.ratio >= row.least else "  (BELOW THE LEAST)"
        print(f"  {row.case:<58} {row.ratio:>7.3g}   least {row.least:g}, aim {row.aim:g}{short}", flush=True)
    print(f"  {time.perf_counter() - started:.0f} s", flush=True)
    write_rows(folder / f"{name}.csv", rows)
    draw(title, rows, folder / f"{name}.svg")
    note_machine(folder, name)
    return rows


def note_machine(folder: Path, name: str) -> None:
    """Store under the name of a result on which machine, when and by which commit it was measured."""
    path = folder / "machine.json"
    noted = json.loads(path.read_text()) if path.is_file() else {}
    write_json(path, noted | {name: machine()})


def machine() -> dict[str, object]:
    """This machine, the versions on it, and today's date."""
    facts = environment(threads=1, config_hash="", device="cpu")
    kept = {name: facts[name] for name in ("platform", "cpu", "cores", "gpu", "versions", "git")}
    return {"date": datetime.now(UTC).strftime("%Y-%m-%d"), **kept}


if __name__ == "__main__":
    main()
