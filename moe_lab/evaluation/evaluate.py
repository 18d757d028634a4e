"""The look at the test split, once, at the end of a run: the arrays that are stored for all later analyses."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.dataset import Data, Scale, batches
from moe_lab.errors import Diverged
from moe_lab.evaluation.samples import Columns
from moe_lab.layers.noise import Noise, generator
from moe_lab.metrics.formulas import arg_max
from moe_lab.mixture.costs import multiply_add_counts, parameter_counts
from moe_lab.mixture.mixture import Mixture
from moe_lab.routing.outputs import GaussianMixtureOutput, MixtureOutput

#: expert_log_probs.npz is written if its size stays below this
EXPERT_LOG_PROBS_BYTES = 64e6
EXAMPLES_AN_EXPERT = 8
#: number of images of the largest regret
REGRETTED = 16

Arrays = dict[str, np.ndarray]


@torch.no_grad()
def evaluate(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> dict[str, Arrays]:
    """The arrays of a run folder: file name (without .npz) -> array name -> array. All experts are evaluated.

    ``training_batch`` is the batch size if a prediction depends on its batch-mates. Raises Diverged if the mixture's
    predictions are not finite after the last update.
    """
    mixture.eval()
    kept = 2 * len(data.test) * mixture.gate.sizes.experts * data.classes < EXPERT_LOG_PROBS_BYTES
    rows = Columns(len(data.test))
    for x_BD, y_B in batches(data.test, mixture.batch_dependent, training_batch, mixture.numbers):
        rows.add(_rows(mixture(x_BD, noise), y_B, kept))
    columns = {name: column.cpu() for name, column in rows.columns.items()}
    if columns.pop("log_likelihood").isnan().any():
        raise Diverged("the last update made the mixture's predictions NaN: try a smaller trainer.lr")
    expert_log_probs = columns.pop("expert_log_probs_half", None)
    routing = {
        "sample_index": data.test.index_N.cpu().numpy(),
        "label": data.test.y_N.cpu().numpy(),
        **{name: column.numpy() for name, column in columns.items()},
    }
    if data.target is not None and data.target.truth is not None:
        routing["component"] = data.attributes[data.target.truth]
    files: dict[str, Arrays] = {
        "routing": routing,
        "attributes": dict(data.attributes),
        "evaluation": {
            **{name: np.array(count, np.int64) for name, count in _costs(mixture, data).items()},
            "batch_dependent": np.array(mixture.batch_dependent),
            **_targets(data),
            **({} if data.truth is None else {"truth": np.array(data.truth)}),
        },
        "examples": examples(routing, data),
    }
    if data.input is not None:
        files["inputs"] = _single_input(data.test.x_ND, data.input)
    if expert_log_probs is not None:
        files["expert_log_probs"] = {"log_probs": expert_log_probs.numpy()}
    return files


def _costs(mixture: Mixture, data: Data) -> dict[str, int]:
    x_ND = data.test.x_ND
    return parameter_counts(mixture) | multiply_add_counts(mixture, x_ND.shape[-1], x_ND.device)


def _targets(data: Data) -> Arrays:
    """The description of the targets: the names of the classes, or the name and scale of the number and its known
    components."""
    target = data.target
    if target is None:
        return {"class_names": np.array(data.class_names)}
    facts = {"target_name": np.array(target.name), "target_mean": target.mean, "target_sd": target.sd}
    if target.truth is not None:
        facts |= {"component": np.array(target.truth), "component_names": np.array(target.truth_names)}
    return {name: np.asarray(fact) for name, fact in facts.items()}


def _single_input(x_N1: Tensor, scale: Scale) -> Arrays:
    """The test inputs of a data set whose samples are single numbers, in their original unit."""
    x_N = x_N1.squeeze(-1).cpu().numpy().astype(np.float64) * scale.sd + scale.mean
    return {"x": x_N.astype(np.float32), "name": np.array(scale.name)}


def _rows(output: MixtureOutput | GaussianMixtureOutput, y_B: Tensor, kept: bool) -> dict[str, Any]:
    """The stored columns of a batch; with ``kept``, including the experts' log-probabilities."""
    routing = output.routing
    rows = {
        "prediction": output.prediction_B,
        "log_likelihood": output.log_likelihood_B(y_B),
        "probs": routing.probs_BE,
        "weights": routing.weights_BE,
        "selected": routing.selected_BE,
        "expert_log_prob_true": output.expert_log_likelihood_BE(y_B),
        **output.stored(y_B),
    }
    if not kept:
        rows.pop("expert_log_probs_half", None)
    optional = {"gate_logits": routing.logits_BE, "overflow": routing.extras.get("overflow_B")}
    return rows | {name: column for name, column in optional.items() if column is not None}


def examples(routing: Arrays, data: Data) -> Arrays:
    """The most typical test images of each expert: its samples with the highest weight, and among equal weights those
    with the widest gap between the first and the second gate logit. With several experts also the images of the largest
    regret, under names that begin with ``regret_``."""
    weights = routing["weights"]
    expert_N = arg_max(weights)
    margin_N = _margin(routing["gate_logits"]) if "gate_logits" in routing else np.zeros(len(weights))
    best_first = np.lexsort((np.arange(len(weights)), -margin_N, -weights.max(1)))
    chosen = np.concatenate(
        [best_first[expert_N[best_first] == e][:EXAMPLES_AN_EXPERT] for e in range(weights.shape[1])]
    )
    typical = _shown(routing, data, chosen, expert_N) | {"weight": weights.max(1)[chosen]}
    if weights.shape[1] == 1:
        return typical
    return typical | {f"regret_{name}": array for name, array in _regretted(routing, data, expert_N).items()}


def _regretted(routing: Arrays, data: Data, expert_N: np.ndarray) -> Arrays:
    """The test images of the largest regret, max_e log P_e(y) - log q(y) in ``nats``: some expert predicts the class
    better than the mixture. ``best`` is that expert."""
    log_likelihood_NE = routing["expert_log_prob_true"]
    nats_N = log_likelihood_NE.max(1) - _log_likelihood(routing)
    worst_first = np.argsort(-nats_N, kind="stable")[:REGRETTED]
    chosen = worst_first[nats_N[worst_first] > 0]
    best = {"best": log_likelihood_NE.argmax(1)[chosen], "nats": nats_N[chosen]}
    return _shown(routing, data, chosen, expert_N) | best


def _log_likelihood(routing: Arrays) -> np.ndarray:
    if "log_density" in routing:
        return routing["log_density"]
    return np.take_along_axis(routing["log_probs"], routing["label"][:, None], 1)[:, 0]


def _shown(routing: Arrays, data: Data, chosen: np.ndarray, expert_N: np.ndarray) -> Arrays:
    of_each = {name: routing[name][chosen] for name in ("sample_index", "label", "prediction")}
    return {"image": pixels(data, chosen), "expert": expert_N[chosen], **of_each}


def _margin(logits_NE: np.ndarray) -> np.ndarray:
    if logits_NE.shape[1] < 2:
        return np.zeros(len(logits_NE))
    top2 = np.partition(logits_NE, -2, axis=1)[:, -2:]
    return top2[:, 1] - top2[:, 0]


def pixels(data: Data, chosen: np.ndarray) -> np.ndarray:
    """The chosen inputs as bytes, scaled from the test split's smallest to its largest value."""
    low, high = data.test.x_ND.min().item(), data.test.x_ND.max().item()
    scale = 255 / (high - low) if high > low else 0.0
    x_MD = data.test.x_ND[torch.from_numpy(chosen).to(data.test.x_ND.device)].cpu()
    return ((x_MD - low) * scale).round().byte().numpy().reshape(len(chosen), *data.shape)


def evaluation_noise(seed: int, device: torch.device, look: str = "evaluation") -> Noise:
    """The random numbers of a gate in evaluation: the same ones every time, but different ones for each ``look``."""
    return Noise([generator(seed, f"noise/{look}", device)])
