"""A sweeper whose values Optuna chooses from the results of earlier trials."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Literal

from moe_lab.config.compose import Interval, expand, interval
from moe_lab.config.extras import extra
from moe_lab.config.ranges import Count, Seed
from moe_lab.config.sources import Sources, open_sources
from moe_lab.errors import ConfigError, RunError
from moe_lab.store.plan import Refused
from moe_lab.store.run import Run
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import Follow, NoJobLeft, Plan, plan, silently
from moe_lab.sweeps.sweeper import Plans, Sweeper
from moe_lab.training.stack import SEEDS


class Optuna(Sweeper):
    """Values chosen by Optuna's tree-structured Parzen estimator.

    Source: Bergstra, Bardenet, Bengio and Kegl 2011, Algorithms for hyper-parameter optimization.

    It chooses values of ``interval(LOW,HIGH)``, ``tag(log,interval(LOW,HIGH))``, ``int(interval(LOW,HIGH))``, and among
    overrides with several values. Seeds are not chosen from: a trial is trained with every seed, and its value is the
    mean. Trials are judged by validation data after the last epoch, never by the test split. The same command with the
    same --name makes the same choices again and trains only what is missing.

    trials:    number of trials.
    batch:     number of trials that are chosen, and then trained, together.
    metric:    a column of history.csv that begins with validation_.
    direction: whether smaller or larger values are better.
    seed:      seed of Optuna's choices.
    """

    def __init__(
        self,
        *,
        trials: Count = 20,
        batch: Count = 4,
        metric: str = "validation_loss_nats",
        direction: Literal["minimize", "maximize"] = "minimize",
        seed: Seed = 0,
    ) -> None:
        if not metric.startswith("validation_"):
            raise ConfigError(f"sweeper.metric={metric}: choose by validation data, such as validation_error_rate")
        self._optuna = extra("optuna", "sweeper=optuna", "optuna")
        self._trials, self._batch = trials, batch
        self._metric, self._direction, self._seed = metric, direction, seed

    def plans(
        self,
        words: Sequence[str],
        config_dir: Path | None,
        plugins: Sequence[str],
        *,
        strict: bool = False,
        follow: Follow = silently,
    ) -> Plans:
        space = _Space(words, open_sources(config_dir), self._optuna)
        self._optuna.logging.set_verbosity(self._optuna.logging.WARNING)
        sampler = self._optuna.samplers.TPESampler(seed=self._seed)
        study = self._optuna.create_study(direction=self._direction, sampler=sampler)
        failed = self._optuna.trial.TrialState.FAIL
        for start in range(0, self._trials, self._batch):
            asked = [study.ask(space.distributions) for _ in range(min(self._batch, self._trials - start))]
            made = [_plan(space.words(one.params), space, config_dir, plugins, strict) for one in asked]
            batch = made[0]
            for other in made[1:]:
                batch = batch.extended(other)
            sweep = yield Plan(list(words), batch.jobs, batch.refused)
            for trial, one in zip(asked, made, strict=True):
                value = self._value(one, sweep)
                study.tell(trial, value, state=failed if value is None else None)
        if all(trial.state == failed for trial in study.trials):
            return "no trial has a value"
        best = study.best_trial
        values = " ".join(space.text(key, value) for key, value in best.params.items())
        return f"best of {self._trials} trials: {values}  ({self._metric} {best.value:.4g})"

    def _value(self, made: Plan, sweep: SweepFolder) -> float | None:
        """The value of a trial: the mean over its jobs; None if one of them has not finished."""
        if not made.jobs or any(sweep.outcome(planned).state != "finished" for planned in made.jobs):
            return None
        return mean(self._measured(Run(sweep.job(planned.name))) for planned in made.jobs)

    def _measured(self, run: Run) -> float:
        value = run.history_rows[-1].get(self._metric) if run.history_rows else None
        if value is None:
            raise RunError(f"{run.path} has no {self._metric} to choose by: is there validation data?")
        return value


class _Space:
    """The search space of Optuna, and the overrides for its choices."""

    def __init__(self, words: Sequence[str], sources: Sources, optuna: Any) -> None:
        self.distributions: dict[str, Any] = {}
        self._fixed: list[str] = []
        for word in words:
            key = word.partition("=")[0]
            if found := interval(word):
                self.distributions[found.key] = _distribution(found, optuna)
            elif key not in SEEDS and len(values := expand(word, sources)) > 1:
                self.distributions[key] = optuna.distributions.CategoricalDistribution(values)
            else:
                self._fixed.append(word)
        if not self.distributions:
            raise ConfigError(
                "sweeper=optuna has nothing to choose: add an override such as 'trainer.lr=interval(1e-4,1e-1)'"
            )

    def words(self, values: dict[str, Any]) -> list[str]:
        return [*self._fixed, *(self.text(key, value) for key, value in values.items())]

    def text(self, key: str, value: Any) -> str:
        """The override for a chosen value; a categorical value is the override itself."""
        return value if isinstance(value, str) else f"{key}={value!r}"


def _distribution(found: Interval, optuna: Any) -> Any:
    kind = optuna.distributions.IntDistribution if found.whole else optuna.distributions.FloatDistribution
    try:
        return kind(found.low, found.high, log=found.log)
    except ValueError as error:
        raise ConfigError(f"{found.text}: {error}") from None


def _plan(words: list[str], space: _Space, config_dir: Path | None, plugins: Sequence[str], strict: bool) -> Plan:
    """The plan of a trial; it has no jobs if its parts do not fit each other."""
    try:
        return plan(words, config_dir, plugins, strict=strict, named=space.distributions)
    except NoJobLeft as error:
        return Plan(words, [], [Refused(words, str(error))])
