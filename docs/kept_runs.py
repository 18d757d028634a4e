"""The runs that pages and README show, kept as one CSV each, and the words of the commands that train them.

``python -m docs.kept_runs FILE...`` trains the runs of a file below docs/studies that are not in ``runs/kept`` yet, and
writes the file: a row for each run, a column for each metric. ``python -m docs.study_tables`` renews the pages' tables.
"""

import csv
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docs.tables import DOCS
from moe_lab import LoadedRun, sweep
from moe_lab.sweeps.studies.measured import value_of

RUNS = Path("runs/kept")
ERROR, LOSS, CLASS = "test_error_rate", "test_loss_nats", "mutual_information_expert_label_bits"
USAGE, SURE = "usage_entropy_bits", "sample_entropy_bits"


@dataclass(frozen=True)
class KeptRuns:
    """``arms``: the overrides of each, with which the command trains ``seeds`` runs, the seeds from 0; ``shared``: the
    overrides of all; ``metrics``: what is kept of a run, ``NAME: KEY`` one number of a metric that has several."""

    arms: Mapping[str, str]
    metrics: Sequence[str]
    shared: str = ""
    seeds: int = 1

    def rows(self, runs: Path) -> list[dict[str, object]]:
        """The values of each run, of missing ones after training."""
        return [
            {"arm": arm, "seed": run.config["seed"]} | {name: value_of(run.metrics, name)[1] for name in self.metrics}
            for arm in self.arms
            for run in self._trained(arm, runs)
        ]

    def words(self, arm: str) -> list[str]:
        return [*self.shared.split(), *self.arms[arm].split()]

    def _trained(self, arm: str, runs: Path) -> list[LoadedRun]:
        name = "-".join(re.findall(r"[\w.]+", arm))
        made = sweep(*self.words(arm), seed=range(self.seeds), runs=runs, name=name, quiet=True, report=False)
        return sorted(made.runs, key=lambda run: int(run.config["seed"]))


def _factorial(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Each arm of one with each of the other."""
    return {f"{a}{b}": f"{one} {other}" for a, one in first.items() for b, other in second.items()}


PRECISIONS = {"float32": "trainer.precision=float32", "bf16": "trainer.precision=bf16"}
TASKS = (
    "recipe=extend recipe.tasks=[[0,1],[2,3],[4,5],[6,7],[8,9]] experts.count=6 trainer.epochs=25 "
    "trainer.batch_size=16 trainer.lr=3e-3 recipe.memory="
)
CHAINS = (
    "network=language_model dataset=markov_languages dataset.sequences=20000 dataset.overlap=0 network.width=32 "
    "experts.hidden=64 gate=switch"
)
ROUTERS = {"switch": "regularizer=[switch_balance]", "the Bayes router": "baseline=bayes_router"}
MANY_EXPERTS = (
    "dataset=digits dataset.split_seed=${seed} gate=noisy_top_k k=2 experts.count=64 regularizer=[importance,load] "
    "trainer.batch_size=512 trainer.epochs=20 trainer.lr=0.01 parallel=experts parallel.processes=4"
)
PATCHES = "dataset=fashion_mnist network=vision_transformer gate=switch trainer.epochs=2 trainer.limit_batches=250"
SECOND_SOFTMAX = (
    "gate=softmax dataset=mnist dataset.validation_share=0 experts=paper_mnist experts.count=10 "
    "gate/score/body=paper_mnist trainer.batch_size=512 trainer.lr=1e-3"
)
OF_GATES = (
    ERROR,
    USAGE,
    "mutual_information_expert_prediction_bits",
    SURE,
    "information_per_usage",
    "dead_experts",
    "collapsed",
)

KEPT: dict[str, KeptRuns] = {
    "readme/runs.csv": KeptRuns(
        {
            "softmax": "gate=softmax",
            "attentive": "gate=attentive",
            "softmax + importance 0.1": "gate=softmax regularizer=[importance]",
        },
        (ERROR, CLASS, "information_per_usage", USAGE, SURE),
        "dataset=fashion_mnist trainer.epochs=10 trainer.batch_size=256",
    ),
    "readme/text.csv": KeptRuns(
        {"text": "network=language_model gate=switch regularizer=[switch_balance]"},
        tuple(
            f"{layer}.{name}"
            for layer in ("block0", "block1")
            for name in (
                "attribute_information_per_usage: token",
                "attribute_information_per_usage: previous_byte",
                "domain_given_token_per_usage",
            )
        ),
    ),
    "readme/tasks.csv": KeptRuns(
        {"no memory": f"{TASKS}0", "memory of 10": f"{TASKS}10"}, (ERROR, "oracle_error_rate")
    ),
    "tutorial/runs.csv": KeptRuns(
        {
            "softmax": "gate=softmax",
            "attentive": "gate=attentive",
            "single": "baseline=single",
            "dense_total": "baseline=dense_total",
        },
        (ERROR, CLASS, "expert_answer_information_bits"),
    ),
    "tutorial/gates.csv": KeptRuns(
        _factorial(
            {"softmax": "gate=softmax", "attentive": "gate=attentive"},
            {"": "regularizer=[]", " + importance": "regularizer=[importance]"},
        ),
        (ERROR, CLASS),
        seeds=10,
    ),
    "precision/digits.csv": KeptRuns(PRECISIONS, (ERROR, LOSS, CLASS, SURE), seeds=5),
    "precision/mnist.csv": KeptRuns(
        _factorial(
            {
                "the paper's networks, ": "experts=paper_mnist gate/score/body=paper_mnist",
                "16 experts of 256, top-2, ": "experts.count=16 experts.hidden=256 gate=top_k k=2",
            },
            PRECISIONS,
        ),
        (ERROR, LOSS, CLASS, SURE),
        "dataset=mnist trainer.epochs=3",
        seeds=3,
    ),
    "second-softmax/runs.csv": KeptRuns(
        _factorial(
            {"one softmax": "objective.second_softmax=false", "second softmax": "objective.second_softmax=true"},
            {"": "trainer.weight_decay=0", ", weight decay": "trainer.weight_decay=1e-3"},
        ),
        OF_GATES,
        f"{SECOND_SOFTMAX} trainer.epochs=20",
        seeds=10,
    ),
    "second-softmax/long.csv": KeptRuns(
        {"second softmax, weight decay": "objective.second_softmax=true trainer.weight_decay=1e-3"},
        OF_GATES,
        f"{SECOND_SOFTMAX} trainer.epochs=100",
        seeds=10,
    ),
    "language/chains.csv": KeptRuns(
        {
            f"{router}, {experts} experts, {epochs} epoch{'s' * (epochs > 1)}": (
                f"{words} experts.count={experts} trainer.epochs={epochs}"
            )
            for experts, epochs, routers in ((6, 1, ROUTERS), (6, 4, ROUTERS), (8, 1, {"switch": ROUTERS["switch"]}))
            for router, words in routers.items()
        },
        (
            "bayes_gap",
            *(
                f"{layer}.{name}"
                for layer in ("block0", "block1")
                for name in (
                    "domain_homogeneity",
                    "domain_recovery_ari",
                    "document_recovery_ari",
                    "attribute_information_per_usage: token",
                )
            ),
        ),
        CHAINS,
        seeds=3,
    ),
    "large-gate-batch/processes.csv": KeptRuns(
        {"global": "parallel.statistics=global", "rank": "parallel.statistics=rank"},
        (ERROR, "load_entropy_bits", "dead_experts", SURE, CLASS, "information_per_usage"),
        MANY_EXPERTS,
        seeds=10,
    ),
    "mixture-layers/runs.csv": KeptRuns(
        {
            "dense_active": "baseline=dense_active",
            "dense_total": "baseline=dense_total",
            "mixture layers": "regularizer=[switch_balance]",
        },
        (
            ERROR,
            *(
                f"{layer}.attribute_information_per_usage: {attribute}"
                for layer in ("block0", "block1")
                for attribute in ("class", "position", "patch_ink")
            ),
        ),
        PATCHES,
        seeds=10,
    ),
}


def write(name: str, runs: Path = RUNS) -> None:
    """Train what a file lacks and write it. Raises KeyError if no such file is kept."""
    rows = KEPT[name].rows(runs / name.removesuffix(".csv"))
    path = DOCS / "studies" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        write(asked)
