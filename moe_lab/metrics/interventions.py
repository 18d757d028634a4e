"""Effect of removing or exchanging experts on the predictions.

A drop is the error rate after the intervention minus that before, on the same samples.
"""

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, RunArrays
from moe_lab.metrics.formulas import arg_max
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_several_experts
from moe_lab.metrics.stored import Arrays


def stored_interventions(arrays: RunArrays, name: str) -> np.ndarray:
    """An array of interventions.npz. Raises Undefined, with the reason, if it was not computed."""
    require_several_experts(arrays)
    if arrays.stored("evaluation").get("batch_dependent", False):
        raise Undefined(
            "predictions depend on their batch-mates, so an intervention would change other predictions, too"
        )
    stored: Arrays = arrays.stored("interventions")
    if name not in stored:
        raise Undefined("experts are exchanged only in classification, and only if there are at most 16")
    return stored[name]


def own_class_expert(arrays: RunArrays) -> np.ndarray:
    """The expert with most samples of each class, [C]; the lowest index on ties, -1 if no sample of it is routed."""
    return arg_max(arrays.label_counts_EC.T)


def _drops(arrays: ClassArrays, of_NE: np.ndarray) -> list[float | None]:
    """For each expert, the drop without it, over the samples marked in its column."""
    removed_NE = stored_interventions(arrays, "removed_prediction")
    label_N1 = arrays.label_N[:, None]
    worse_NE = (removed_NE != label_N1).astype(np.int64) - (arrays.prediction_N[:, None] != label_N1)
    return _means(worse_NE, of_NE)


def _costs(arrays: RunArrays, of_NE: np.ndarray) -> list[float | None]:
    """For each expert, the mean loss of log q(y) without it over the samples marked in its column, in nats."""
    removed_NE = stored_interventions(arrays, "removed_log_likelihood")
    return _means(arrays.log_likelihood_N[:, None] - removed_NE, of_NE)


def _means(value_NE: np.ndarray, of_NE: np.ndarray) -> list[float | None]:
    count_E = of_NE.sum(0)
    total_E = np.where(of_NE, value_NE, 0).sum(0, dtype=np.float64)
    return [total / count if count else None for total, count in zip(total_E, count_E, strict=True)]


def _had(arrays: RunArrays) -> np.ndarray:
    """Whether the expert is the sample's arg-max expert, [N, E]."""
    return arrays.expert_N[:, None] == np.arange(arrays.experts)


@metric(
    unit="fraction",
    low=-1,
    high=1,
    better="none",
    source="ablation, Meyes et al. 2019, arXiv:1901.08644",
    null_element="null if there is no such sample",
    task="classification",
)
def removal_own_drop(arrays: ClassArrays) -> list[float | None]:
    """For each expert, error rate without it minus with it, on the samples whose arg-max expert it is."""
    return _drops(arrays, _had(arrays))


@metric(
    unit="fraction",
    low=-1,
    high=1,
    better="none",
    source="ablation, Meyes et al. 2019, arXiv:1901.08644",
    null_element="null if there is no such sample",
    task="classification",
)
def removal_others_drop(arrays: ClassArrays) -> list[float | None]:
    """For each expert, error rate without it minus with it, on all other samples."""
    return _drops(arrays, ~_had(arrays))


@metric(
    unit="fraction",
    low=-1,
    high=1,
    better="none",
    source="ablation, Meyes et al. 2019, arXiv:1901.08644",
    null_element="null if an expert has most samples of no class",
    task="classification",
)
def removal_classes_drop(arrays: ClassArrays) -> list[float | None]:
    """For each expert, error rate without it minus with it, on the classes of which it has most samples."""
    expert_N = own_class_expert(arrays)[arrays.class_N]
    return _drops(arrays, expert_N[:, None] == np.arange(arrays.experts))


@metric(
    unit="nats",
    low=None,
    high=None,
    better="none",
    source="ablation, Meyes et al. 2019, arXiv:1901.08644",
    null_element="null if there is no such sample",
)
def removal_own_nats(arrays: RunArrays) -> list[float | None]:
    """For each expert, mean log q(y) with it minus without it, on the samples whose arg-max expert it is."""
    return _costs(arrays, _had(arrays))


@metric(
    unit="nats",
    low=None,
    high=None,
    better="none",
    source="ablation, Meyes et al. 2019, arXiv:1901.08644",
    null_element="null if there is no such sample",
)
def removal_others_nats(arrays: RunArrays) -> list[float | None]:
    """For each expert, mean log q(y) with it minus without it, on all other samples."""
    return _costs(arrays, ~_had(arrays))


@metric(unit="fraction", low=-1, high=1, better="none", source="moe-lab", task="classification")
def swap_drop(arrays: ClassArrays) -> dict[str, float]:
    """For each pair of experts, error rate with their outputs exchanged under the same routing, minus that before."""
    wrong_EE = stored_interventions(arrays, "swapped_errors")
    error = (arrays.prediction_N != arrays.label_N).sum()
    pairs = zip(*np.triu_indices(arrays.experts, 1), strict=True)
    return {f"{e}-{f}": (wrong_EE[e, f] - error) / arrays.samples for e, f in pairs}


@metric(unit="fraction", low=-1, high=1, better="none", source="moe-lab", task="classification")
def second_choice_drop(arrays: ClassArrays) -> float:
    """Error rate of the gate's second choice alone minus that of its first choice alone, over routed samples.

    Choices are ranked by the full distribution before selection; ties by index.
    """
    require_choice(arrays)
    ranked_ME = np.argsort(-arrays.probs_NE[arrays.routed_N], axis=1, kind="stable")
    wrong_ME = arrays.expert_prediction_NE[arrays.routed_N] != arrays.label_N[arrays.routed_N, None]
    first_M, second_M = (np.take_along_axis(wrong_ME, ranked_ME[:, [place]], 1)[:, 0] for place in (0, 1))
    return (int(second_M.sum()) - int(first_M.sum())) / arrays.routed_count
