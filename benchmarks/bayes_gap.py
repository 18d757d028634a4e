"""Distance of a language model from the best possible prediction on markov_languages, by epoch.

``python -m benchmarks.bayes_gap`` trains the default of the data set with one seed, in three minutes on one idle core,
writes results/bayes_gap.csv and prints its table. ``--quick`` trains on a tenth of the data.
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

SEED = 0
WORDS = ("network=language_model", "dataset=markov_languages", "gate=switch", "regularizer=[switch_balance]")
RESULTS = Path(__file__).parent / "results" / "bayes_gap.csv"


def gaps(*more: str) -> Iterator[dict[str, float]]:
    """One row per epoch, on the validation split; the last is of the test split (epoch 0)."""
    job = prepare([*WORDS, *more, f"seed={SEED}"])
    data = load_data(job.config)
    with TemporaryDirectory() as folder:
        began = time.process_time()
        run(job, Path(folder), data)
        seconds = time.process_time() - began
        trained = Run(folder)
        best = float(trained.arrays("test")["bayes_validation_loss"])
        for row in trained.history_rows:
            yield _row(int(row["epoch"] or 0), float(row["validation_loss_nats"] or 0), best)
        test, least = (trained.metrics[name]["value"] for name in ("test_loss_nats", "bayes_loss_nats"))
        yield _row(0, test, least) | {"seconds": seconds}


def _row(epoch: int, loss: float, best: float) -> dict[str, float]:
    return {"seed": SEED, "epoch": epoch, "loss": loss, "bayes": best, "gap": loss / best - 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    quick = parser.parse_args().quick
    found = list(gaps("dataset.sequences=6000") if quick else gaps())
    if not quick:
        write_csv(RESULTS, [{"seconds": "", **row} for row in found])
    for row in found:
        print(" ".join(f"{name} {value:.4g}" for name, value in row.items()))


if __name__ == "__main__":
    main()
