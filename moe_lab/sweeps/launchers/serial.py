"""One job after the other, in the process of the command."""

from collections.abc import Iterator, Sequence

from moe_lab.sweeps.launcher import Launcher, described
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked


class Serial(Launcher):
    """One job after the other, in the process of the command."""

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        for task in tasks:
            if stop_asked():
                return
            try:
                trouble = work(task, stop_asked)
            except Exception as error:
                trouble = described(error)
            yield Ended(task, trouble)
