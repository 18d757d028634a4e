"""The look at the test split, once, at the end: what is written down for every later question."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.dataset import Data
from moe_lab.mixture import Mixture, parameter_counts
from moe_lab.noise import Noise
from moe_lab.routing import MixtureOutput
from moe_lab.training.fitting import batches
from moe_lab.training.watch import Diverged

#: expert_log_probs.npz is written where it stays below this
EXPERT_LOG_PROBS_BYTES = 64e6
EXAMPLES_AN_EXPERT = 8

Arrays = dict[str, np.ndarray]


@torch.no_grad()
def evaluate(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> dict[str, Arrays]:
    """The arrays of a run folder: file name (without .npz) -> array name -> array. All experts are evaluated.

    ``training_batch`` is the size of the batches where a prediction depends on its batch-mates. Raises Diverged where
    the last update has made the mixture's predictions no numbers.
    """
    mixture.eval()
    rows = [_rows(mixture(x_BD, noise), y_B) for x_BD, y_B in batches(data.test, mixture, training_batch)]
    columns = {name: torch.cat([row[name] for row in rows]).cpu() for name in rows[0]}
    if columns["log_probs"].isnan().any():
        raise Diverged("the last update made the mixture's predictions NaN: try a smaller trainer.lr")
    expert_log_probs = columns.pop("expert_log_probs_half")
    routing = {
        "sample_index": data.test.index_N.cpu().numpy(),
        "label": data.test.y_N.cpu().numpy(),
        **{name: column.numpy() for name, column in columns.items()},
    }
    files = {
        "routing": routing,
        "attributes": dict(data.attributes),
        "evaluation": {
            **{name: np.int64(count) for name, count in parameter_counts(mixture).items()},
            "batch_dependent": np.bool_(mixture.batch_dependent),
            "class_names": np.array(data.class_names),
        },
        "examples": examples(routing, data),
    }
    if expert_log_probs.numel() * expert_log_probs.element_size() < EXPERT_LOG_PROBS_BYTES:
        files["expert_log_probs"] = {"log_probs": expert_log_probs.numpy()}
    return files


def _rows(output: MixtureOutput, y_B: Tensor) -> dict[str, Any]:
    routing, log_probs_BEC = output.routing, output.experts.log_probs_BEC
    label_BE1 = y_B[..., None, None].expand(*log_probs_BEC.shape[:-1], 1)
    rows = {
        "prediction": output.log_probs_BC.argmax(-1),
        "log_probs": output.log_probs_BC,
        "probs": routing.probs_BE,
        "weights": routing.weights_BE,
        "selected": routing.selected_BE,
        "expert_prediction": log_probs_BEC.argmax(-1),
        "expert_log_prob_true": log_probs_BEC.gather(-1, label_BE1).squeeze(-1),
        "expert_log_probs_half": log_probs_BEC.half(),
    }
    optional = {"gate_logits": routing.logits_BE, "overflow": routing.extras.get("overflow_B")}
    return rows | {name: column for name, column in optional.items() if column is not None}


def examples(routing: Arrays, data: Data) -> Arrays:
    """The most typical test images of each expert: its samples of the highest weight, of equal weights those with
    the widest gap between the first and the second gate logit."""
    weights = routing["weights"]
    expert_N = np.where(weights.sum(1) > 0, weights.argmax(1), -1)
    margin_N = _margin(routing["gate_logits"]) if "gate_logits" in routing else np.zeros(len(weights))
    best_first = np.lexsort((np.arange(len(weights)), -margin_N, -weights.max(1)))
    chosen = np.concatenate(
        [best_first[expert_N[best_first] == e][:EXAMPLES_AN_EXPERT] for e in range(weights.shape[1])]
    )
    return {
        "image": _pixels(data, chosen),
        "expert": expert_N[chosen],
        "weight": weights.max(1)[chosen],
        **{name: routing[name][chosen] for name in ("sample_index", "label", "prediction")},
    }


def _margin(logits_NE: np.ndarray) -> np.ndarray:
    if logits_NE.shape[1] < 2:
        return np.zeros(len(logits_NE))
    top2 = np.partition(logits_NE, -2, axis=1)[:, -2:]
    return top2[:, 1] - top2[:, 0]


def _pixels(data: Data, chosen: np.ndarray) -> np.ndarray:
    """The chosen inputs as bytes, scaled from the test split's smallest to its largest value."""
    low, high = data.test.x_ND.min().item(), data.test.x_ND.max().item()
    scale = 255 / (high - low) if high > low else 0.0
    x_MD = data.test.x_ND[torch.from_numpy(chosen).to(data.test.x_ND.device)].cpu()
    return ((x_MD - low) * scale).round().byte().numpy().reshape(len(chosen), *data.shape)
