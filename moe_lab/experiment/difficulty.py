"""Difficulty of each test sample: the loss of a single network that was trained before."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from moe_lab.data.dataset import Data
from moe_lab.errors import RunError
from moe_lab.store.run import Run, as_written


def with_difficulty(data: Data, folder: str | Path) -> Data:
    """The data with the attribute ``difficulty``: -log P(y) in nats (in regression -log density) of the run in
    ``folder``, a finished run of one network (`baseline=single`) on the same test samples.

    Raises RunError if it is not such a run.
    """
    run = Run(folder)
    if not run.finished:
        raise RunError(f"difficulty_from={folder}: the run is {run.status['status']}; give one that is finished")
    with as_written(run.path):
        return _with_losses(data, folder, run.routing)


def _with_losses(data: Data, folder: str | Path, routing: dict[str, np.ndarray]) -> Data:
    if routing["weights"].shape[1] != 1:
        raise RunError(
            f"difficulty_from={folder}: a mixture of {routing['weights'].shape[1]} experts; give a run of one network, "
            "trained with baseline=single"
        )
    same = np.array_equal(routing["sample_index"], data.test.index_N.cpu().numpy())
    if not same or not np.array_equal(routing["label"], data.test.y_N.cpu().numpy()):
        raise RunError(f"difficulty_from={folder}: tested on other samples; give a run on the same data set")
    # with one network its log P(y) is the mixture's
    loss_N = -routing["expert_log_prob_true"][:, 0]
    return replace(data, attributes={**data.attributes, "difficulty": loss_N})
