"""A recipe that trains a new gate for the experts of a finished run."""

from collections.abc import Sequence

from moe_lab.errors import given
from moe_lab.parts.body import Body
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Gate
from moe_lab.training.from_run import FromRun, fits, idle, take_over
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course

BODY = "mixture.gate.score.body."


class Distillation(FromRun):
    """A new gate, such as softmax, learns to use the experts of a finished run, such as one with an attentive gate.

    The experts are copied and stay frozen. The body of the gate starts as a copy of the earlier gate's body; its last
    layer is new. The gate learns from the data by the run's own objective, not from the earlier gate's decisions. So a
    mixture whose gate needs all experts becomes one whose gate does not. The paper trains it without regularizers, for
    as many epochs as the earlier run.
    Source: Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 (the distilled mixtures).

    run: folder of the finished run, with the same data set, experts and body of the gate.
    """

    def __init__(self, *, run: str) -> None:
        super().__init__(run)

    def holds_experts(self, trainer: Trainer, epoch: int) -> bool:
        return True

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        body = _body(learner.mixture.gate)
        if body is None:
            return Reason("needs a gate with a body of its own", gate=lambda other: _body(other) is not None)
        if not fits(body, self.state_of_run, BODY):
            lacks = f"needs a gate whose body is like that of {self._run}"
            return Reason(lacks, ("take its gate/score/body", "take recipe=two_step"))
        return idle(learner.mixture.gate, learner.regularizers, "experts") or super().lack(learner, trainer)

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        super().begin(course, records)
        take_over(given(_body(course.mixture.gate), "the gate's body"), self.state_of_run, BODY)


def _body(gate: Gate) -> Body | None:
    return getattr(getattr(gate, "score", None), "body", None)
