"""A run folder opened from Python."""

from collections.abc import Sequence
from functools import cache, cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moe_lab.config.plugins import load_plugin
from moe_lab.errors import RunError, printable
from moe_lab.store.listing import METRICS
from moe_lab.store.plan import PLAN
from moe_lab.store.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from moe_lab.experiment.predicting import TrainedMixture, TrainedNetwork


class LoadedRun(Run):
    """A run folder that can also return its trained model. No code of the folder is run: its config is checked like a
    command line, and its checkpoint contains tensors only.
    """

    def __init__(self, path: str | Path, plugins: Sequence[str | Path] = ()) -> None:
        if (Path(path) / PLAN).is_file():
            raise RunError(f"{path} is a sweep's folder, not a run's: moe_lab.load_sweep opens it")
        super().__init__(path)
        self._plugins = [load_plugin(Path(file)).__name__ for file in plugins]

    def __repr__(self) -> str:
        choices, headline = self._shown()
        short = [f"{name} {value}" for name, value in [*choices, *(one for one in headline if one[0] in METRICS)]]
        return f"<run {self.name}: {', '.join([self._state(), *short])}; {printable(str(self.path))}>"

    def _repr_html_(self) -> str:
        """A small table of choices and headline metrics, for notebooks."""
        choices, headline = self._shown()
        lines = [("run", self.name), ("status", self._state()), *choices, *headline]
        lines.append(("folder", printable(str(self.path))))
        rows = (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in lines)
        return f"<table>{''.join(rows)}</table>"

    def _state(self) -> str:
        try:
            return self.status["status"]
        except RunError:
            return "unreadable"

    def _shown(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Texts of the choices that differ from the default and of the headline metrics; none if they cannot be
        read.
        """
        from moe_lab.reports.arms.naming import word

        try:
            status = self.status
        except RunError:
            return [], []
        choices = [(key, printable(word(value))) for key, value in (status.get("differs") or {}).items()]
        headline = (status.get("headline") or {}).items()
        return choices, [(name, f"{value:.4g}") for name, value in headline if isinstance(value, int | float)]

    @cached_property
    def history(self) -> "pd.DataFrame":
        """history.csv as a frame, one row per epoch; NaN if a cell is empty. ``history_rows`` has it without pandas."""
        import pandas as pd

        return pd.DataFrame(self.history_rows, dtype=float).astype({"epoch": int})

    def model(self) -> "TrainedMixture | TrainedNetwork":
        """The trained mixture, or network of mixture layers, in evaluation mode, on the CPU: ``.predict(x)
        .predict_proba(x) .route(x)`` of arrays in the data set's own units, or called as ``model(x_BD, noise)`` with
        normalised tensors. Its data need not be there.

        Raises RunError if the checkpoint is missing or does not belong to the config, ConfigError if the config
        names what moe-lab does not have.
        """
        from math import prod

        from moe_lab.config.build import build
        from moe_lab.data.units import units_of
        from moe_lab.errors import expect
        from moe_lab.experiment.job import stored_job
        from moe_lab.experiment.models import build_model
        from moe_lab.experiment.predicting import TrainedMixture, TrainedNetwork
        from moe_lab.store import checkpoint
        from moe_lab.training.mixture_learner import MixtureLearner
        from moe_lab.training.network_learner import NetworkLearner

        @cache
        def state() -> dict[str, Any]:
            return checkpoint.load(self.path)

        @cache
        def describe() -> tuple[tuple[int, ...], tuple[str, ...], dict[str, str]]:
            # runs of earlier versions did not store this
            shape, names = checkpoint.described(state()) or build(self.config["dataset"]).describe()
            return shape, names, checkpoint.content_of(state())

        job = stored_job(self, self._plugins, describe)
        shape, class_names, _ = describe()
        learner = build_model(self.config, shape, len(class_names), seed_init=0)
        if state().get("keys") != [job.key]:
            raise RunError(f"{self.path}: the checkpoint does not belong to config.yaml, which has been changed since")
        try:
            learner.load_state_dict(state()["learner"])
        except (KeyError, RuntimeError) as error:
            raise RunError(f"{self.path}: the checkpoint does not belong to the config ({error})") from None
        units = units_of(state().get("units"), prod(shape))
        if isinstance(learner, NetworkLearner):
            return TrainedNetwork(learner.network, self.config, shape, class_names, units).eval()
        mixture = expect(MixtureLearner, learner).mixture
        return TrainedMixture.of(mixture.eval(), self.config, shape, class_names, units)
