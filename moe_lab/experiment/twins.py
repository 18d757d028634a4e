"""Twins: plain networks that are trained like a mixture, to see whether the mixture was worth it."""

from dataclasses import dataclass
from pathlib import Path

from moe_lab.config.build import class_of
from moe_lab.data.dataset import Data
from moe_lab.errors import ConfigError
from moe_lab.experiment.job import Job, vary_job
from moe_lab.experiment.models import is_network
from moe_lab.experiment.run import never, run
from moe_lab.experiment.writer import RunWriter
from moe_lab.parts.baselines.none import Unchanged
from moe_lab.parts.objectives.cross_entropy import CrossEntropy
from moe_lab.parts.objectives.mixture import Mixture
from moe_lab.parts.objectives.mixture_density import MixtureDensity
from moe_lab.parts.roles import Config
from moe_lab.store.folders import make_inside
from moe_lab.store.run import TWINS, Run
from moe_lab.training.recipes.end_to_end import EndToEnd
from moe_lab.training.watch import StopAsked, Watch

#: the baselines beside one mixture, and beside a network of mixture layers
OF_A_MIXTURE, OF_A_NETWORK = ("single", "dense_total"), ("dense_active", "dense_total")
#: settings that do not apply to one network without a gate
WITHOUT = ("regularizer=[]", "controller=[]", "logger=[]", "inference=mixture", "trainer.dispatch=auto")
#: the objective of one network in place of objectives of mixtures
OF_ONE = {"classification": "objective=mixture", "regression": "objective=mixture_density"}
ENDED = ("finished", "diverged")


@dataclass(frozen=True)
class Twin:
    """A plain network beside a run, in the folder ``twins/NAME`` of that run. ``name``: the option of ``baseline``."""

    name: str
    job: Job
    folder: Path

    @property
    def ended(self) -> bool:
        return (self.folder / "status.json").exists() and Run(self.folder).status["status"] in ENDED

    def plan(self) -> None:
        """Make its folder, which records that it is still to be trained."""
        make_inside(self.folder.parent)
        writer = RunWriter(self.job, make_inside(self.folder))
        if not (self.folder / "status.json").exists():
            writer.plan()
        writer.close()

    def train(self, data: Data, *, watch: Watch | None = None, stop_asked: StopAsked = never) -> None:
        """Train or resume it on the data of the run. Raises as ``moe_lab.experiment.run.run``."""
        run(self.job, self.folder, data, watch=watch, stop_asked=stop_asked, resume=True)


def twins_of(job: Job, folder: Path, plugins: tuple[str, ...] = ()) -> tuple[list[Twin], list[str]]:
    """The plain networks to train beside a run of this job, and why others cannot be trained.

    They have its data, seeds, trainer and sizes. Beside a mixture these are one network like an expert, and one dense
    network of as many parameters; in a network, dense ones in place of each mixture layer. None beside a run that is
    itself a baseline, has one expert, or is led by a recipe other than end_to_end.
    """
    if not _is_plain(job.config):
        return [], []
    found, reasons = [], []
    for name in OF_A_NETWORK if is_network(job.config) else OF_A_MIXTURE:
        try:
            twin = vary_job(job.config, job.facts, [f"baseline={name}", *_words(job.config)], plugins=plugins)
            found.append(Twin(name, twin, folder / TWINS / name))
        except ConfigError as error:
            reasons.append(f"baseline={name}: {error}")
    return found, reasons


def unfinished_twins(run: Run) -> bool:
    """Whether a run has twins that were begun, or planned, and have not ended."""
    return any(twin.status["status"] not in ENDED for twin in run.twins.values())


def _is_plain(config: Config) -> bool:
    plain = class_of(config["baseline"]) is Unchanged and class_of(config["recipe"]) is EndToEnd
    return plain and config["experts"]["count"] > 1


def _words(config: Config) -> list[str]:
    """The overrides that change a mixture's config into that of one network, besides the baseline."""
    of_one = class_of(config["objective"]) in (Mixture, MixtureDensity, CrossEntropy)
    alone = [] if config.get("parallel") is None else ["parallel=none"]
    return [*WITHOUT, *alone, *([] if of_one else [OF_ONE[class_of(config["experts"]).task]])]
