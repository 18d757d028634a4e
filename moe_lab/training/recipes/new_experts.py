"""A recipe that trains new experts under the gate of a finished run."""

from collections.abc import Sequence
from pathlib import Path

from moe_lab.parts.reasons import Reason
from moe_lab.store.run import Run
from moe_lab.training.from_run import GATE, FromRun, fits, idle, learns, take_over
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, hold


class NewExperts(FromRun):
    """New experts are trained under the frozen gate of a finished run.

    This measures the value of a decomposition apart from the experts with which it was found. The experts are
    initialized by this run's ``seed_init``: the same one as in the earlier run gives them that run's initial weights.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 (preliminary study: the gate frozen,
    experts restarted from the same weights or at random).

    run: folder of the finished run, of the same data set and gate. Needs a gate with parameters that sees inputs alone:
    one that reads its experts' features, as attentive does, would decide differently with other experts.
    """

    def __init__(self, *, run: str) -> None:
        super().__init__(run)

    @property
    def expert_of_class(self) -> Sequence[int] | None:
        """The intended expert of every class in the other run; None if it is not known or no longer available."""
        folder = Path(self._run).expanduser()
        if not (folder / "evaluation.npz").is_file():
            return None
        known = Run(folder).arrays("evaluation").get("expert_of_class")
        return None if known is None else known.tolist()

    def holds_experts(self, trainer: Trainer, epoch: int) -> bool:
        return False

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        gate = learner.mixture.gate
        if not learns(gate):
            return Reason("needs a gate that has learned, as that of its run", gate=learns)
        if gate.traits.reads_experts:
            lacks = "needs a gate that sees inputs alone, or new experts change what it decides"
            return Reason(lacks, gate=lambda other: learns(other) and not other.traits.reads_experts)
        if steering := [name for name, controller in learner.controllers.items() if controller.steers]:
            lacks = f"needs a frozen gate, and controller {steering[0]} changes it"
            return Reason(lacks, (f"leave {steering[0]} out",))
        if reason := idle(learner.mixture.gate, learner.regularizers, "gate"):
            return reason
        if not fits(gate, self.state_of_run, GATE):
            return Reason(
                f"needs a gate like that of {self._run}, and this is of another kind, number of experts or size",
                ("take its gate, experts.count and data set",),
            )
        return None

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        take_over(course.mixture.gate, self.state_of_run, GATE)

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        super().before_step(course, epoch, batch)
        hold(course.mixture.gate, True)
