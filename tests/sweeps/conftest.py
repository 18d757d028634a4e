"""A small sweep that is planned once, and a launcher that only pretends to train."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from moe_lab.store.status import StatusFile
from moe_lab.sweeps.launcher import Launcher
from moe_lab.sweeps.plan import Plan, Planned, plan
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked

SHORT = ["trainer.epochs=1", "trainer.limit_batches=1"]


class Pretend(Launcher):
    """Ends every job in the state that ``becomes`` says, and keeps the names of those that it was given."""

    def __init__(self, becomes: Callable[[Planned], str] = lambda planned: "finished") -> None:
        self.done: list[str] = []
        self._becomes = becomes

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        for task in tasks:
            if stop_asked():
                return
            [planned] = task.jobs
            self.done.append(planned.name)
            state = self._becomes(planned)
            if state == "lost":
                yield Ended(task, "its worker died")
                continue
            headline = {"test_error_rate": 0.25} if state == "finished" else {}
            status = StatusFile(work.folder / "jobs" / planned.name, **planned.job.facts)
            status.end(state, error=None if state == "finished" else f"it {state}", headline=headline)
            yield Ended(task)


@pytest.fixture(scope="session")
def pretend() -> type[Pretend]:
    return Pretend


@pytest.fixture(scope="session")
def small() -> Plan:
    """Four jobs: two gates, two seeds."""
    return plan(["gate=softmax,attentive", "seed=0,1", *SHORT])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sweep"
    made.mkdir()
    return made
