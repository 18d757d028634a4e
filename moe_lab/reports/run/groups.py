"""All metrics of a run by group, with the few numbers in each group's summary."""

from dataclasses import dataclass

from moe_lab.metrics.registry import by_group, title
from moe_lab.reports.kit.headline import Metrics, Number, numbers
from moe_lab.reports.kit.numbers import UNDEFINED
from moe_lab.tasks import Task

#: group -> metric -> its label in the group's summary
COVER = {
    "competence": {
        "test_loss_nats": "test loss",
        "regret_nats": "regret",
        "routing_gain_nats": "gain of routing",
        "routing_gain": "the same in error",
    },
    "regression": {"oracle_rmse_sd": "oracle", "hardening_gap_nats": "hardening gap"},
    "information": {"expert_given_label_entropy_bits": "H(E|Y)", "choice_and_answer_information_bits": "I(Y;E,Y')"},
    "information_soft": {
        "mutual_information_expert_label_soft_bits": "I(E;Y)",
        "information_per_usage_soft": "I(E;Y)/H(E)",
    },
    "information_bias": {
        "mutual_information_expert_label_mm_bits": "I(E;Y) without bias",
        "expert_answer_information_mm_bits": "I(Y;Y'|E) without bias",
        "mutual_information_null_95_bits": "95 % of chance below",
    },
    "agreement": {"adjusted_mutual_information": "AMI", "adjusted_rand_index": "ARI", "purity": "purity"},
    "references": {"learnable_error_rate": "error of a learnable gate", "recovery_ari": "ARI with the truth"},
    "interventions": {"second_choice_drop": "second choice, error"},
    "similarity": {
        "expert_disagreement": "disagreement",
        "expert_error_correlation": "correlation of errors",
        "expert_weight_cosine": "cosine of weights",
    },
    "balance": {"effective_experts": "effective experts", "load_gini": "Gini of load"},
    "dynamics": {"routing_settled_epoch": "settled at epoch", "collapse_epoch": "collapsed at epoch"},
    "continual": {
        "average_accuracy": "accuracy",
        "forgetting": "forgetting",
        "forgetting_within_task": "within the task",
        "expert_reuse": "old experts reused",
    },
    "calibration": {
        "calibration_error": "ECE",
        "brier_score": "Brier",
        "generalization_gap": "test - training error",
        "generalization_gap_sd": "test - training RMSE",
    },
    "cost": {"parameters_total": "parameters", "multiply_adds_active": "multiply-adds per sample"},
}


@dataclass(frozen=True)
class Group:
    """A group of metrics. ``name`` is as in the register.

    ``cover`` has (label, value with unit) of the few in its summary; for a group without any value, the reason.
    """

    name: str
    title: str
    cover: tuple[tuple[str, str], ...]
    numbers: tuple[Number, ...]


def groups(
    metrics: Metrics, experts: int, classes: int, tested: int | None = None, task: Task = "classification"
) -> list[Group]:
    """The metrics of metrics.json for the task."""
    found = {number.name: number for number in numbers(metrics, experts, classes, tested, task)}
    in_order = [name for name in metrics if name in found]
    return [_group(name, [found[one] for one in inside]) for name, inside in by_group(in_order).items()]


def _group(name: str, inside: list[Number]) -> Group:
    texts = {number.name: number.text for number in inside if number.value is not None}
    cover = tuple((label, texts[metric]) for metric, label in COVER.get(name, {}).items() if metric in texts)
    reasons = {number.reason for number in inside}
    if not texts and len(reasons) == 1:
        cover = ((f"{UNDEFINED}: {reasons.pop()}", ""),)
    return Group(name, title(name), cover, tuple(inside))
