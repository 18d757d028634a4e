"""How well the mixture and its experts classify the test split."""

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_routed


@metric(unit="fraction", low="0", high="1", better="lower", source="0-1 loss", task="classification")
def test_error_rate(arrays: RunArrays) -> float:
    """Share of test samples whose class the mixture gets wrong."""
    return (arrays.prediction_N != arrays.label_N).mean()


@metric(unit="nats", low="0 of classes", high="none", better="lower", source="Good 1952, logarithmic score")
def test_loss_nats(arrays: RunArrays) -> float:
    """-mean log q(y) of the mixture over the test split, without regularizers; of numbers in sd, q is a density."""
    log_q_N = arrays.log_likelihood_N
    impossible = np.count_nonzero(log_q_N == -np.inf)
    if impossible:
        raise Undefined(f"infinite: q(y) is 0 for {impossible} of {arrays.samples} test samples")
    return 0.0 - log_q_N.mean()


@metric(
    unit="fraction",
    low="0",
    high="1",
    better="lower",
    source="moe-lab",
    null_element="null where an expert is the arg-max of no test sample",
    task="classification",
)
def expert_error_rate(arrays: RunArrays) -> list[float | None]:
    """For each expert, its own error rate on the test samples whose arg-max expert it is."""
    require_routed(arrays)
    wrong_E = np.bincount(arrays.expert_N[arrays.routed_N], weights=_expert_wrong_M(arrays), minlength=arrays.experts)
    return [wrong / load if load else None for wrong, load in zip(wrong_E, arrays.load_E, strict=True)]


@metric(unit="fraction", low="0", high="1", better="lower", source="Kuncheva 2002, the oracle", task="classification")
def oracle_error_rate(arrays: RunArrays) -> float:
    """Share of test samples that no expert predicts right: what a perfect choice of expert would leave.

    Low also by luck of the labels where experts answer at random, so it bounds the gate but praises no one.
    """
    return (arrays.expert_prediction_NE != arrays.label_N[:, None]).all(1).mean()


@metric(unit="fraction", low="-1", high="1", better="lower", source="moe-lab", task="classification")
def hardening_gap(arrays: RunArrays) -> float:
    """Error rate of the arg-max expert alone minus that of the mixture, over routed samples."""
    require_choice(arrays)
    mixture_wrong_M = (arrays.prediction_N != arrays.label_N)[arrays.routed_N]
    difference = int(_expert_wrong_M(arrays).sum()) - int(mixture_wrong_M.sum())
    return difference / arrays.routed_count


def _expert_wrong_M(arrays: RunArrays) -> np.ndarray:
    return arrays.expert_own_prediction_M != arrays.label_N[arrays.routed_N]
