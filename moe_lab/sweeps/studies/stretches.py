"""Progress of a study, which trains its jobs in several sweeps of one folder."""

from collections.abc import Callable, Sequence

from moe_lab.sweeps.folder import Outcome
from moe_lab.sweeps.run import SweepWatch


class InStretches(SweepWatch):
    """Shows the sweeps of one study in turn by ``watch``, each without the jobs that had ended in an earlier one."""

    def __init__(self, watch: SweepWatch) -> None:
        self._watch = watch
        self._shown: set[str] = set()

    def begin(self, outcomes: Sequence[Outcome], read: Callable[[str], Outcome]) -> None:
        fresh = [one for one in outcomes if one.name not in self._shown]
        self._shown |= {one.name for one in outcomes if one.ended}
        self._watch.begin(fresh, read)

    def ended(self, outcome: Outcome) -> None:
        self._shown |= {outcome.name} if outcome.ended else set()
        self._watch.ended(outcome)

    def close(self) -> None:
        self._watch.close()
