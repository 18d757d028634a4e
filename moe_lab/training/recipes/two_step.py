"""A recipe that trains first the experts, then the gate, then all together."""

from moe_lab.config.ranges import Fraction
from moe_lab.training.from_run import FromRun
from moe_lab.training.options import Trainer


class TwoStep(FromRun):
    """Experts of a finished run that was trained without a gate get a new gate; then all parts learn together.

    Step one is a run of its own, with gate=loudest, or with gate=uniform objective=peeking. Step two is this
    run: in the first ``gate_share`` of the epochs only the gate learns, with frozen experts, and then both.
    Source: the code of arXiv:2302.14703 (no-gate models), half of the epochs each.

    run:        folder of the finished run, of the same data set and experts.
    gate_share: share of the epochs in which only the gate learns; 1: the experts stay frozen.
    """

    def __init__(self, *, run: str, gate_share: Fraction = 0.5) -> None:
        super().__init__(run)
        self._gate_share = gate_share

    def holds_experts(self, trainer: Trainer, epoch: int) -> bool:
        return epoch < self._gate_share * trainer.epochs
