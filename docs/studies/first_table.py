"""python docs/studies/first_table.py FOLDER: mean +- sd (n) of every arm of the runs in FOLDER, as Markdown."""

import sys
from pathlib import Path
from statistics import mean, stdev

import moe_lab
from moe_lab.experiment.loading import LoadedRun

COLUMNS = {
    "train error": lambda run: run.history_rows[-1]["train_error_rate"],
    "test error": lambda run: run.metrics["test_error_rate"]["value"],
    "I(E; own prediction)": lambda run: run.metrics["mutual_information_expert_prediction_bits"]["value"],
    "I(E; Y)": lambda run: run.metrics["mutual_information_expert_label_bits"]["value"],
    "I(E;Y)/H(load)": lambda run: run.metrics["information_per_usage"]["value"],
    "H(E given X)": lambda run: run.metrics["sample_entropy_bits"]["value"],
    "H(E), usage": lambda run: run.metrics["usage_entropy_bits"]["value"],
}
DIGITS = {"train error": 4, "test error": 4}


def cell(name: str, values: list[float | None]) -> str:
    there = [value for value in values if value is not None]
    if not there:
        return ""
    digits = DIGITS.get(name, 3)
    spread = f" ± {stdev(there):.{digits}f}" if len(there) > 1 else ""
    missing = f" ({len(there)} of {len(values)} defined)" if len(there) < len(values) else ""
    return f"{mean(there):.{digits}f}{spread}{missing}"


def main(folder: Path) -> None:
    arms: dict[str, list[LoadedRun]] = {}
    for path in sorted(folder.iterdir()):
        arms.setdefault(path.name.rpartition("-")[0], []).append(moe_lab.load(path))
    print("| arm | n | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 2))
    for arm, runs in arms.items():
        finished = [run for run in runs if run.finished]
        cells = [cell(name, [read(run) for run in finished]) for name, read in COLUMNS.items()]
        print(f"| {arm} | {len(finished)} | " + " | ".join(cells) + " |")


main(Path(sys.argv[1]))
