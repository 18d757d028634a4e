"""A recipe that follows a path of lambdas in one warm-started run."""

from collections.abc import Sequence

import torch
from torch import Tensor

from moe_lab.config.ranges import Count, Positive
from moe_lab.data.dataset import batches
from moe_lab.errors import expect
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Gate, Regularizer
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, Recipe

#: regularizers whose weight the path may change
OF = ("l1", "lasso")


class LassoPath(Recipe):
    """A path of lambdas in one run: training with each lambda starts from the result of the one before.

    lambda_s = first (last / first)^(s / (lambdas - 1)), s = 0 ... lambdas - 1, is the weight of the regularizer
    ``lasso`` or ``l1`` during its share of ``trainer.epochs``; shares differ by at most one epoch. A rising path goes
    from a dense gate to a sparse one. A falling path (last < first) starts sparse; a gate that can have no active
    expert (relu) may then get no gradient. Recorded at the end of each lambda's share, as a row of stages.csv: active
    experts, nonzero weights of the gate's last layer, losses, errors and entropies; and the weights themselves as
    arrays.
    Source: Friedman, Hastie and Tibshirani 2010, Regularization paths for generalized linear models via coordinate
    descent (falling); Lemhadri et al. 2021, LassoNet, arXiv:1907.12207 (rising, from dense to sparse).

    first:   lambda at the start.
    last:    lambda at the end.
    lambdas: number of lambdas, first and last included; at most ``trainer.epochs``.
    Needs one of these two regularizers, l1 with ``adapt=false``.
    """

    def __init__(self, *, first: Positive = 1e-4, last: Positive = 1e-1, lambdas: Count = 10) -> None:
        ratios = [stage / max(lambdas - 1, 1) for stage in range(lambdas)]
        self._lambdas = [float(f"{first ** (1 - ratio) * last**ratio:.12g}") for ratio in ratios]
        self._stages: list[int] | None = None

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        there = [name for name in OF if name in learner.regularizers]
        if len(there) != 1:
            lacks = "needs a regularizer whose weight it moves, and one only"
            return Reason(lacks, tuple(f"take regularizer=[{name}]" for name in OF))
        if _steers(learner.regularizers[there[0]]):
            words = f"take regularizers.{there[0]}.adapt=false and a regularizers.{there[0]}.weight"
            lacks = f"needs a weight that it moves alone, and {there[0]} moves its own"
            return Reason(lacks, (f"{words}, which the path replaces",))
        if len(self._lambdas) > trainer.epochs:
            return Reason(
                f"needs an epoch at least for each of its {len(self._lambdas)} lambdas, and trainer.epochs="
                f"{trainer.epochs}",
                ("raise trainer.epochs", "lower recipe.lambdas"),
            )
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        stages = course.split_in(len(self._lambdas), epoch)
        if stages == self._stages:
            return
        self._stages = stages
        weight = _moved(expect(MixtureLearner, course.learner)).weight
        weight.copy_(torch.tensor([self._lambdas[stage] for stage in stages]).reshape(weight.shape))

    def after_epoch(self, course: Course, epoch: int, records: Sequence[Record]) -> None:
        here, after = (course.split_in(len(self._lambdas), one) for one in (epoch, epoch + 1))
        ending = [
            run
            for run, (record, trainer) in enumerate(zip(records, course.trainers, strict=True))
            if (here[run] != after[run] or epoch + 1 == trainer.epochs)
            and record.history
            and record.history[-1]["epoch"] == epoch + 1
        ]
        if not ending:
            return
        active = active_experts(course).reshape(len(records)).tolist()
        for run in ending:
            weights_IE = _weights_of_run(course.mixture.gate, run, stacked=len(records) > 1)
            row = {"lambda": self._lambdas[here[run]], "epoch": epoch + 1, "active_experts": active[run]}
            if weights_IE is not None:
                used_E = (weights_IE != 0).any(-2)
                row |= {"nonzero_weights": int((weights_IE != 0).sum()), "nonzero_experts": int(used_E.sum())}
                records[run].stage_arrays.append({"weights": weights_IE})
            last = records[run].history[-1]
            row |= {name: value for name, value in last.items() if name.startswith(("train_", "validation_"))}
            records[run].stages.append(row)


@torch.no_grad()
def active_experts(course: Course) -> Tensor:
    """Mean number of experts with a weight above zero per sample of the validation split, or of the training split if
    that is empty; [...]."""
    mixture, noise = course.mixture.eval(), course.noise("noise/evaluation")
    split = course.data.validation if len(course.data.validation) else course.data.train
    counts = [
        (mixture(x_BD, noise).routing.weights_BE > 0).sum((-2, -1))
        for x_BD, _ in batches(split, mixture.batch_dependent, course.trainers[0].batch_size, mixture.numbers)
    ]
    return sum(counts) / len(split)


def _moved(learner: MixtureLearner) -> Regularizer:
    return next(learner.regularizers[name] for name in OF if name in learner.regularizers)


def _steers(regularizer: Regularizer) -> bool:
    """Whether the regularizer adapts its weight itself."""
    return "weight" in regularizer.state_dict()


def _weights_of_run(gate: Gate, run: int, *, stacked: bool) -> Tensor | None:
    """Weights [I, E] of the gate's last layer in one run; None for a gate whose scores come from no linear layer."""
    if gate.head is None:
        return None
    weights_IE = gate.head.weight_IO.detach()
    return (weights_IE[run] if stacked else weights_IE).cpu().clone()
