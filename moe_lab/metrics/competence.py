"""Performance of the mixture and its experts on the test split, and the part of it that is due to the choice of expert.

The oracle knows y. Both "random routing", which draws an expert with equal probabilities, and "marginal routing", which
draws it by the usage shares, are independent of the sample. Expectations over the draw are in closed form.
"""

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import ClassArrays, RunArrays
from moe_lab.metrics.predictions import Predictions
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_routed, require_several_experts


@metric(unit="fraction", low=0, high=1, better="lower", source="0-1 loss", task="classification")
def test_error_rate(arrays: Predictions) -> float:
    """Share of test samples whose class the mixture predicts wrongly."""
    return (arrays.prediction_N != arrays.label_N).mean()


@metric(unit="count", low=0, high=bounds.C_test, better="lower", source="moe-lab", task="classification")
def classes_never_answered(arrays: Predictions) -> int:
    """Number of classes, of those with test samples, that the mixture never predicts."""
    predicted_C = np.bincount(arrays.prediction_N, minlength=arrays.classes) > 0
    return int(np.count_nonzero(arrays.tested_C & ~predicted_C))


@metric(unit="fraction", low=0, high=1, better="lower", source="moe-lab", task="classification")
def worst_class_error_rate(arrays: Predictions) -> float:
    """The mixture's highest error rate on the test samples of any one class."""
    count_C = np.bincount(arrays.label_N, minlength=arrays.classes)
    wrong_C = np.bincount(arrays.label_N[_wrong_N(arrays)], minlength=arrays.classes)
    return (wrong_C[arrays.tested_C] / count_C[arrays.tested_C]).max()


@metric(unit="nats", low=bounds.zero_for_classes, high=None, better="lower", source="Good 1952, logarithmic score")
def test_loss_nats(arrays: Predictions) -> float:
    """-mean log q(y) of the mixture over the test split, without regularizers. In regression, q is a density per sd."""
    log_q_N = arrays.log_likelihood_N
    impossible = np.count_nonzero(log_q_N == -np.inf)
    if impossible:
        raise Undefined(f"infinite: q(y) is 0 for {impossible} of {arrays.samples} test samples")
    return 0.0 - log_q_N.mean()


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="lower",
    source="moe-lab",
    null_element="null if an expert is the arg-max of no test sample",
    task="classification",
)
def expert_error_rate(arrays: ClassArrays) -> list[float | None]:
    """For each expert, its own error rate on the test samples whose arg-max expert it is."""
    require_routed(arrays)
    wrong_E = np.bincount(arrays.expert_N[arrays.routed_N], weights=_expert_wrong_M(arrays), minlength=arrays.experts)
    return [wrong / load if load else None for wrong, load in zip(wrong_E, arrays.load_E, strict=True)]


@metric(unit="fraction", low=0, high=1, better="lower", source="Kuncheva 2002, the oracle", task="classification")
def oracle_error_rate(arrays: ClassArrays) -> float:
    """Share of test samples that no expert predicts correctly: the errors that a perfect choice of expert would leave.

    It is a bound for the gate, not a merit of the experts: it is also low by chance if experts predict at random.
    Compare it with ``oracle_by_luck_error_rate``.
    """
    return arrays.expert_wrong_NE.all(1).mean()


@metric(unit="fraction", low=-1, high=1, better="lower", source="moe-lab", task="classification")
def hardening_gap(arrays: ClassArrays) -> float:
    """Error rate of the arg-max expert alone minus that of the mixture, over routed samples."""
    require_choice(arrays)
    mixture_wrong_M = (arrays.prediction_N != arrays.label_N)[arrays.routed_N]
    difference = int(_expert_wrong_M(arrays).sum()) - int(mixture_wrong_M.sum())
    return difference / arrays.routed_count


@metric(unit="fraction", low=0, high=1, better="lower", source="moe-lab", task="classification")
def expert_error_rate_everywhere(arrays: ClassArrays) -> list[float]:
    """For each expert, its own error rate on all test samples."""
    return arrays.expert_wrong_NE.mean(0).tolist()


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="lower",
    source="moe-lab",
    null_element="null if an expert is the arg-max of every routed test sample",
    task="classification",
)
def expert_error_rate_elsewhere(arrays: ClassArrays) -> list[float | None]:
    """For each expert, its own error rate on the test samples whose arg-max expert is another one."""
    require_choice(arrays)
    wrong_ME, expert_M = arrays.expert_wrong_NE[arrays.routed_N], arrays.expert_N[arrays.routed_N]
    elsewhere = [wrong_ME[expert_M != e, e] for e in range(arrays.experts)]
    return [wrong.mean() if len(wrong) else None for wrong in elsewhere]


@metric(unit="fraction", low=0, high=1, better="none", source="after Kuncheva 2002, the oracle", task="classification")
def oracle_by_luck_error_rate(arrays: ClassArrays) -> float:
    """The oracle's error rate if the experts' errors were independent, with each expert's error rates by class."""
    require_choice(arrays)
    classes = np.unique(arrays.label_N)
    of_class = [arrays.label_N == c for c in classes]
    return sum(arrays.expert_wrong_NE[rows].mean(0).prod() * rows.mean() for rows in of_class)


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab", task="classification")
def random_routing_error_rate(arrays: ClassArrays) -> float:
    """Expected error rate of an expert drawn with equal probabilities for each test sample: the experts' mean."""
    require_choice(arrays)
    return arrays.expert_wrong_NE.mean()


@metric(unit="nats", low=None, high=None, better="lower", source="moe-lab")
def regret_nats(arrays: RunArrays) -> float:
    """Mean of log max_e P_e(y) - log q(y): the advantage of each sample's best expert, y known, over the mixture."""
    require_choice(arrays)
    return (_best_N(arrays) - arrays.log_likelihood_N).mean()


@metric(unit="nats", low=0, high=None, better="none", source="moe-lab")
def random_routing_regret_nats(arrays: RunArrays) -> float:
    """Mean of log max_e P_e(y) - log P_e(y) with e drawn with equal probabilities: the regret of a random choice."""
    require_choice(arrays)
    return (_best_N(arrays) - arrays.expert_log_prob_true_NE.mean(1, dtype=np.float64)).mean()


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab", task="classification")
def marginal_routing_error_rate(arrays: ClassArrays) -> float:
    """Expected error rate of one expert drawn by the usage shares, independently of the sample; over routed samples."""
    require_choice(arrays)
    return arrays.expert_wrong_NE[arrays.routed_N].mean(0) @ arrays.usage_E


@metric(unit="nats", low=bounds.zero_for_classes, high=None, better="none", source="moe-lab")
def marginal_routing_loss_nats(arrays: RunArrays) -> float:
    """Expected -log P_e(y) with e drawn by the usage shares, independently of the sample; over routed samples."""
    require_choice(arrays)
    return 0.0 - _log_prob_true_ME(arrays).mean(0) @ arrays.usage_E


@metric(unit="fraction", low=-1, high=1, better="higher", source="moe-lab", task="classification")
def routing_gain(arrays: ClassArrays) -> float:
    """Expected error of an expert drawn by the usage shares minus that of one drawn by the sample's own weights.

    Experts and loads are the same in both, so the difference is the worth of the gate's knowledge of the sample.
    """
    require_choice(arrays)
    drawn = (arrays.expert_wrong_NE[arrays.routed_N] * arrays.normalized_weights_ME).sum(1).mean()
    return marginal_routing_error_rate(arrays) - drawn


@metric(unit="nats", low=None, high=None, better="higher", source="moe-lab")
def routing_gain_nats(arrays: RunArrays) -> float:
    """Expected -log P_e(y) of an expert drawn by the usage shares minus that of one drawn by the sample's weights."""
    require_choice(arrays)
    drawn = (_log_prob_true_ME(arrays) * arrays.normalized_weights_ME).sum(1).mean()
    return marginal_routing_loss_nats(arrays) + drawn


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="lower",
    source="the code of arXiv:2302.14703, expert error and gate error",
    task="classification",
)
def within_group_error_rate(arrays: ClassArrays) -> float:
    """Share of test samples that the mixture confuses with another class of the same group: the experts' errors.

    Groups are the classes that were chosen for one expert (recipe=prechosen), or else the data set's superclasses.
    """
    return (_wrong_N(arrays) & _same_group_N(arrays)).mean()


@metric(
    unit="fraction",
    low=0,
    high=1,
    better="lower",
    source="the code of arXiv:2302.14703, expert error and gate error",
    task="classification",
)
def between_groups_error_rate(arrays: ClassArrays) -> float:
    """Share of test samples that the mixture confuses with a class of another group: the gate's errors.

    The test error rate is the sum of both. Groups as in ``within_group_error_rate``.
    """
    return (_wrong_N(arrays) & ~_same_group_N(arrays)).mean()


def _wrong_N(arrays: Predictions) -> np.ndarray:
    return arrays.prediction_N != arrays.label_N


def _same_group_N(arrays: ClassArrays) -> np.ndarray:
    """Whether true and predicted class are of the same group."""
    require_several_experts(arrays)
    group_C = arrays.stored("evaluation").get("expert_of_class")
    if group_C is None:
        group_C = _superclasses(arrays)
    return group_C[arrays.label_N] == group_C[arrays.prediction_N]


def _superclasses(arrays: ClassArrays) -> np.ndarray:
    """The superclass of every class, from the test samples."""
    attributes = arrays.stored("attributes")
    if "superclass" not in attributes:
        raise Undefined("no groups of classes are known: recipe=prechosen defines some, CIFAR-100 has superclasses")
    group_C = np.full(arrays.classes, -1)
    group_C[arrays.label_N] = attributes["superclass"]
    if (group_C[arrays.label_N] != attributes["superclass"]).any():
        raise Undefined("samples of one class have several superclasses")
    return group_C


def _best_N(arrays: RunArrays) -> np.ndarray:
    return arrays.expert_log_prob_true_NE.max(1).astype(np.float64)


def _log_prob_true_ME(arrays: RunArrays) -> np.ndarray:
    return arrays.expert_log_prob_true_NE[arrays.routed_N].astype(np.float64)


def _expert_wrong_M(arrays: ClassArrays) -> np.ndarray:
    return arrays.expert_own_prediction_M != arrays.label_N[arrays.routed_N]
