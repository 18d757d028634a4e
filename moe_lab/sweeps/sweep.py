"""Running a sweep from Python, from its overrides to its outcomes, as `moe-lab sweep` does:

sweep = new_sweep(["gate=softmax,attentive", "seed=0,1"], Path("runs"), name="gates")
outcomes, said = sweep.run(sweep.claim())
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from moe_lab.config.build import build
from moe_lab.data.dataset import Dataset
from moe_lab.errors import ConfigError, DataError, RunError
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.run import never
from moe_lab.store.folders import Taken, check_runs, check_spelling, claim
from moe_lab.sweeps.folder import Outcome, SweepFolder
from moe_lab.sweeps.launcher import Launcher
from moe_lab.sweeps.plan import Follow, Plan, silently
from moe_lab.sweeps.run import SweepWatch, run_plans
from moe_lab.sweeps.settings import settings, split
from moe_lab.sweeps.sweeper import Plans
from moe_lab.sweeps.work import what_decides_data
from moe_lab.training.watch import StopAsked

OWN_PLAN = "--resume takes the sweep's own plan: leave out --name and all overrides except launcher ones"


@dataclass(frozen=True)
class Sweep:
    """A planned sweep; nothing has been written yet.

    plan:     its first jobs, and those that its folder already contains.
    later:    gives the plans that follow from the outcomes of the first; None if there are none.
    launcher: runs the jobs.
    there:    its folder, if it continues an existing one; else ``claim`` makes ``runs/name``.
    again:    a new folder even if ``name`` is taken.
    """

    plan: Plan
    later: Plans | None
    launcher: Launcher
    there: SweepFolder | None
    runs: Path
    name: str | None
    again: bool

    @property
    def odd(self) -> list[str]:
        """Sentences about what is odd in the user's own data, each once. Data that cannot be loaded are skipped: their
        jobs report the error."""
        said: dict[str, None] = {}
        configs = [one.job.config for one in self.plan.jobs]
        for config in {what_decides_data(one): one for one in configs}.values():
            dataset = build(config["dataset"])
            if type(dataset).odd is not Dataset.odd:
                with suppress(DataError, RunError):
                    said |= dict.fromkeys(dataset.odd(load_data({**config, "device": "cpu"})))
        return list(said)

    def claim(self) -> Path:
        """The sweep's folder, made if there is none: ``runs/name``, or named by the time; with ``again`` NAME_2, NAME_3
        ... if NAME is taken. If another sweep of this name has started in the meantime, its folder is returned, whose
        lock names the holder. Raises RunError if the folder cannot be made or is no sweep's."""
        if self.there is not None:
            return self.there.path
        try:
            return claim(self.runs, self.name, numbered=self.again)
        except Taken:
            there = SweepFolder(self.runs / self.name) if self.name else None
            if there is not None and (there.has_plan or there.without_plan):
                return there.path
            raise

    def run(
        self, folder: Path, *, watch: SweepWatch | None = None, stop_asked: StopAsked = never, fail_fast: bool = False
    ) -> tuple[list[Outcome], str]:
        """Run every job that has not ended in ``folder``, which ``claim`` returned. Returns and raises as ``run_plans``
        does."""
        return run_plans(
            self.plan, self.later, folder, self.launcher, watch=watch, stop_asked=stop_asked, fail_fast=fail_fast
        )


def new_sweep(
    words: Sequence[str],
    runs: Path,
    name: str | None = None,
    *,
    again: bool = False,
    strict: bool = False,
    config_dir: Path | None = None,
    plugins: Sequence[str] = (),
    follow: Follow = silently,
) -> Sweep:
    """Plan the sweep of the overrides ``words``, which may include those of launcher and sweeper. It extends an
    existing sweep ``runs/name``, unless ``again``. ``follow`` may show the progress of planning.

    Raises ConfigError as ``plan`` and ``settings`` do, RunError if ``runs`` or the name cannot be used or the stored
    plan cannot be read.
    """
    of_jobs, of_sweep = split(words)
    check_runs(runs)
    if name is not None:
        check_spelling(name)
    how = settings(of_sweep, config_dir, plugins)
    if not of_jobs:
        raise ConfigError("a sweep needs overrides, such as gate=softmax,attentive 'seed=range(0,10)'")
    there = SweepFolder(runs / name) if name and (runs / name).exists() and not again else None
    plans = how.sweeper.plans(of_jobs, config_dir, plugins, strict=strict, follow=follow)
    made = next(plans)
    if there is not None and not there.without_plan:
        made = there.read_plan(list(plugins), follow).extended(made)
    return Sweep(made, plans, how.launcher, there, runs, name, again)


def resumed_sweep(
    folder: Path,
    words: Sequence[str],
    runs: Path,
    *,
    again: bool = False,
    config_dir: Path | None = None,
    plugins: Sequence[str] = (),
    follow: Follow = silently,
) -> Sweep:
    """A sweep that resumes the stored plan in ``folder``; ``words`` are overrides of the launcher.

    With ``again`` every job is run anew, in a new folder of that name in ``runs``. Raises ConfigError for other
    overrides, RunError if the stored plan cannot be read.
    """
    of_jobs, of_sweep = split(words)
    if of_jobs:
        raise ConfigError(OWN_PLAN)
    how = settings(of_sweep, config_dir, plugins)
    stored = SweepFolder(folder)
    made = stored.read_plan(list(plugins), follow)
    return Sweep(made, None, how.launcher, None if again else stored, runs, folder.name, again)
