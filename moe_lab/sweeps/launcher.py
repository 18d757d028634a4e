"""The role of launchers: a new way of running jobs is a new subclass."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence

from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import Plan, Planned
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked


class Launcher(ABC):
    """Distributes tasks to where they run. Its keyword-only arguments are its options (``launcher.NAME=VALUE``)."""

    def tasks(self, todo: Sequence[Planned], plan: Plan, sweep: SweepFolder) -> list[Task]:
        """The tasks for the jobs in ``todo``, in order; by default one task per job."""
        return [Task((planned,)) for planned in todo]

    @abstractmethod
    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        """Call ``work(task, stop_asked)`` once for every task, in any process, and yield each task when it has ended.

        Once ``stop_asked()`` is true, no further task is started. Running tasks are asked to stop, save their state,
        and are still yielded. The return value or exception of a call is the ``trouble`` of its task.
        """


def described(error: BaseException) -> str:
    """The text of an exception as a task's trouble."""
    return " ".join(f"{type(error).__name__}: {error}".split())
