"""python docs/studies/one_active_expert.py FOLDER [SEEDS] [DATA]: every way to one active expert, trained into FOLDER
(five seeds of digits, if nothing else is said), and the table of docs/one-active-expert.md, as Markdown.

The seeds of an arm train as one program. What is finished is left alone, so that it can be started again.
"""

import re
import sys
from datetime import date
from pathlib import Path
from statistics import mean, stdev

import numpy as np

import moe_lab
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data

ARMS = {
    "(one expert, no gate)": "baseline=single",
    "(the gate's network alone)": "baseline=gate_as_classifier",
    "(one dense network of as many parameters)": "baseline=dense_total",
    "soft": "gate=softmax",
    "soft, sample_entropy": "regularizer=[sample_entropy] regularizers.sample_entropy.weight=0.1",
    "soft, annealed": "controller=[temperature]",
    "sparsemax": "gate=sparsemax",
    "entmax": "gate=entmax",
    "switch": "gate=switch",
    "switch, switch_balance": "gate=switch regularizer=[switch_balance]",
    "gumbel": "gate=gumbel",
    "stochastic": "gate=stochastic",
    "dselect_k": "gate=dselect_k k=1",
    "matching_pursuit": "gate=matching_pursuit k=1",
    "hard EM": "objective=em objective.responsibilities=hard recipe=em",
    "L0, weight 0.1": "gate=hard_concrete regularizer=[l0] regularizers.l0.weight=0.1",
    "L0, weight 0.3": "gate=hard_concrete regularizer=[l0] regularizers.l0.weight=0.3",
    "L1": "gate=relu regularizer=[l1]",
    "L1, path": "gate=relu regularizer=[l1] regularizers.l1.adapt=false regularizers.l1.weight=1 recipe=lasso_path "
    "recipe.first=1e-3 recipe.last=3",
    "lasso, path": "regularizer=[lasso] recipe=lasso_path",
}


def train(folder: Path, arm: str, words: str, seeds: int, data: str) -> list[Path]:
    """The runs of an arm, a folder a seed."""
    home = folder / re.sub(r"\W+", "-", arm).strip("-")
    folders = [home / f"seed-{seed}" for seed in range(seeds)]
    if all((one / "metrics.json").exists() for one in folders):
        return folders
    jobs = [job.prepare([f"dataset={data}", *words.split(), f"seed={seed}"]) for seed in range(seeds)]
    for one in folders:
        one.mkdir(parents=True)
    experiment.run_stack(jobs, folders, load_data(jobs[0].config), home=home)
    return folders


def argmax_error(run: moe_lab.store.run.Run) -> float:
    """Error rate where the expert of the largest weight answers alone; without any weight the mixture's answer."""
    routing = run.routing
    expert_N = routing["weights"].argmax(1)
    alone_N = routing["expert_prediction"][np.arange(len(expert_N)), expert_N]
    answer_N = np.where(routing["weights"].sum(1) > 0, alone_N, routing["prediction"])
    return float((answer_N != routing["label"]).mean())


def used(run: moe_lab.store.run.Run) -> int:
    """Experts that are the arg-max of some test sample."""
    weights_NE = run.routing["weights"]
    return len(np.unique(weights_NE.argmax(1)[weights_NE.sum(1) > 0]))


COLUMNS = {
    "test error, %": lambda run: 100 * run.metrics["test_error_rate"]["value"],
    "arg-max alone, %": lambda run: 100 * argmax_error(run),
    "active experts": lambda run: float((run.routing["weights"] > 0).sum(1).mean()),
    "H(E given X), bits": lambda run: run.metrics["sample_entropy_bits"]["value"],
    "experts used": used,
    "I(E;Y)/H(load)": lambda run: run.metrics["information_per_usage"]["value"],
}
DIGITS = {"test error, %": 1, "arg-max alone, %": 1, "experts used": 1}


def cell(name: str, values: list[float | None]) -> str:
    """Mean and standard deviation over the seeds where it is defined; how many, where that is not all."""
    there = [value for value in values if value is not None]
    if len(there) < 2:
        return "undefined"
    digits = DIGITS.get(name, 2)
    missing = f" ({len(there)} of {len(values)} defined)" if len(there) < len(values) else ""
    return f"{mean(there):.{digits}f} ± {stdev(there):.{digits}f}{missing}"


def main(folder: str, seeds: str = "5", data: str = "digits") -> None:
    print(f"{data}, n={seeds} seeds, moe-lab {moe_lab.__version__}, {date.today()}. Mean ± sd over seeds.\n")
    print("| way | words | " + " | ".join(COLUMNS) + " |\n|" + "---|" * (len(COLUMNS) + 2))
    for arm, words in ARMS.items():
        runs = [moe_lab.load(one) for one in train(Path(folder), arm, words, int(seeds), data)]
        cells = [cell(name, [read(run) for run in runs]) for name, read in COLUMNS.items()]
        print(f"| {arm} | `{words}` | " + " | ".join(cells) + " |", flush=True)


main(*sys.argv[1:])
