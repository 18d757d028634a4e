"""How near a language model comes to the best prediction there is, on markov_languages, epoch by epoch.

``python -m benchmarks.bayes_gap`` trains three seeds, in eight minutes on one idle core, writes results/bayes_gap.csv
and prints its table. ``--quick`` trains one seed on a tenth of the data.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.job import prepare
from moe_lab.experiment.run import run
from moe_lab.store.atomic import write_csv
from moe_lab.store.run import Run

SEEDS = 3
WORDS = ("network=language_model", "dataset=markov_languages", "gate=switch", "regularizer=[switch_balance]")
RESULTS = Path(__file__).parent / "results" / "bayes_gap.csv"


def gaps(seeds: int, *more: str) -> Iterator[dict[str, float]]:
    """A row a seed and epoch, on the validation split; the last of a seed is of the test split (epoch 0)."""
    for seed in range(seeds):
        job = prepare([*WORDS, *more, f"seed={seed}"])
        data = load_data(job.config)
        with TemporaryDirectory() as folder:
            began = time.process_time()
            run(job, Path(folder), data)
            seconds = time.process_time() - began
            trained = Run(folder)
            best = float(trained.arrays("test")["bayes_validation_loss"])
            for row in trained.history_rows:
                yield _row(seed, int(row["epoch"] or 0), float(row["validation_loss_nats"] or 0), best)
            test, least = (trained.metrics[name]["value"] for name in ("test_loss_nats", "bayes_loss_nats"))
            yield _row(seed, 0, test, least) | {"seconds": seconds}


def _row(seed: int, epoch: int, loss: float, best: float) -> dict[str, float]:
    return {"seed": seed, "epoch": epoch, "loss": loss, "bayes": best, "gap": loss / best - 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed on a tenth of the data")
    quick = parser.parse_args().quick
    found = list(gaps(1, "dataset.sequences=6000") if quick else gaps(SEEDS))
    if not quick:
        write_csv(RESULTS, [{"seconds": "", **row} for row in found])
    for row in found:
        print(" ".join(f"{name} {value:.4g}" for name, value in row.items()))


if __name__ == "__main__":
    main()
