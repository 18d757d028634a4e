"""What a launcher is: the one thing that a new way of running jobs has to bring."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import Plan, Planned
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked


class Launcher(ABC):
    """Hands tasks to where they are done. Its keyword-only arguments are its options (``launcher.NAME=VALUE``)."""

    def tasks(self, todo: Sequence[Planned], plan: Plan, sweep: SweepFolder) -> list[Task]:
        """The jobs of ``plan`` that have not ended as they are to be done, in order: here each on its own."""
        return [Task((planned,)) for planned in todo]

    @abstractmethod
    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        """Call ``work(task, stop_asked)`` once for every task, somewhere, and yield each task when it has ended.

        Once ``stop_asked()`` is true none is started any more; those under way are asked to stop, save their state, and
        are still yielded. What a call returns or raises is the ``trouble`` of its task.
        """


def described(error: BaseException) -> str:
    """An exception as a task's trouble."""
    return " ".join(f"{type(error).__name__}: {error}".split())
