"""Jobs of one structure as one program, one such stack per core or GPU."""

from collections.abc import Sequence

from moe_lab.config.ranges import Count
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.launchers.processes import Processes
from moe_lab.sweeps.plan import Plan, Planned
from moe_lab.sweeps.stacks import stack_name, stacks
from moe_lab.sweeps.work import Task


class Stacked(Processes):
    """Jobs of one structure train as one program, one such stack a worker process.

    Other jobs, and those that gain nothing by the measured times in moe_lab/sweeps/stack.csv, train alone as with
    ``processes``.

    workers: number of worker processes; null: as many as the cores have room for the threads of jobs, or one per GPU if
             jobs run on GPUs.
    runs:    most jobs in a stack.
    """

    def __init__(self, *, workers: Count | None = None, runs: Count = 16) -> None:
        super().__init__(workers=workers)
        self._runs = runs

    def tasks(self, todo: Sequence[Planned], plan: Plan, sweep: SweepFolder) -> list[Task]:
        """The jobs in stacks. Stacks of an earlier session continue with the same jobs, because the last bits of a run
        depend on the size of its stack; one without a checkpoint continues only if stacks may still be as large. The
        other jobs are grouped anew."""
        waiting = {planned.name: planned for planned in todo}
        known = {planned.name: planned for planned in plan.jobs}
        made = []
        for name, members in sweep.stacks().items():
            if set(members) <= known.keys() and any(member in waiting for member in members):
                jobs = tuple(known[member] for member in members)
                if name == stack_name(jobs) and (len(jobs) <= self._runs or sweep.has_state(name)):
                    made.append(Task(jobs, name))
                    waiting = {one: planned for one, planned in waiting.items() if one not in members}
        left = list(waiting.values())
        for some in stacks(left, self.count(left), self._runs):
            made.append(Task(tuple(some), stack_name(some)) if len(some) > 1 else Task(tuple(some)))
        return made
