"""From a checked config to the mixture and the learner that it describes."""

from dataclasses import replace
from typing import Any

from moe_lab.config.build import build, class_of
from moe_lab.errors import ConfigError
from moe_lab.experiment.remedies import remedied
from moe_lab.layers.noise import seeded
from moe_lab.layers.stacking import keep_buffers
from moe_lab.mixture import dispatch
from moe_lab.mixture.mixture import Mixture
from moe_lab.mixture.sharded import for_selected
from moe_lab.parts.baseline import Alone
from moe_lab.parts.batch_statistics import check_scopes
from moe_lab.parts.checks import check, check_k, check_predicting, check_task, chosen_k
from moe_lab.parts.reasons import Unfit
from moe_lab.parts.roles import Config, Objective, Regularizer, Sizes
from moe_lab.training.mixture_learner import MixtureLearner


def build_learner(config: dict[str, Any], shape: tuple[int, ...], classes: int, seed_init: int) -> MixtureLearner:
    """Build the learner of a checked config on the CPU, each part initialized by its own named generator; a baseline
    replaces the mixture if the config has one. ``classes`` is 0 for regression.

    Raises ConfigError if parts do not fit each other.
    """
    return complete(build_mixture(config, shape, classes, seed_init), config, seed_init)


def complete(mixture: Mixture, config: dict[str, Any], seed_init: int) -> MixtureLearner:
    """The learner of a config whose mixture is built already. Raises ConfigError if parts do not fit each other."""
    with seeded(seed_init, "baseline"):
        baseline = build(config["baseline"]).replace(config, mixture.experts, mixture.gate)
    if baseline is not None:
        sizes = replace(mixture.gate.sizes, experts=1, k=1, hidden=baseline.hidden_features)
        mixture = Mixture(baseline, Alone(sizes), config["inference"])
    sizes = mixture.gate.sizes
    with seeded(seed_init, "objective"):
        objective = build(config["objective"], sizes)
    regularizers, controllers = (_several(role, config, sizes, seed_init) for role in ("regularizer", "controller"))
    try:
        check(mixture.gate, objective, regularizers, controllers)
    except Unfit as error:
        raise remedied(error, config, sizes) from None
    check_scopes(regularizers, mixture.scopes)
    _check_dispatch(mixture, objective, regularizers, config["trainer"])
    for controller in controllers.values():
        if controller.steers:
            keep_buffers(mixture.gate, controller.steers)
    return MixtureLearner(mixture, objective, regularizers, controllers)


def _several(role: str, config: dict[str, Any], sizes: Sizes, seed_init: int) -> dict[str, Any]:
    """The parts of a role that takes several at once."""
    parts = {}
    for name, node in config[f"{role}s"].items():
        with seeded(seed_init, f"{role}/{name}"):
            parts[name] = build(node, sizes)
    return parts


def _check_dispatch(
    mixture: Mixture, objective: Objective, regularizers: dict[str, Regularizer], trainer: Config
) -> None:
    """Raise ConfigError if the parts need all experts to run or to learn, and the trainer excludes that."""
    reason = dispatch.why_dense(mixture.experts, mixture.gate, objective, regularizers)
    dispatch.check(trainer["dispatch"], reason)
    reason = dispatch.why_all_learn(mixture.gate, objective, regularizers)
    if trainer["skip_untouched"] and reason is not None:
        raise ConfigError(f"trainer.skip_untouched does not fit: {reason.lacks}, so none is untouched")


def build_mixture(config: dict[str, Any], shape: tuple[int, ...], classes: int, seed_init: int) -> Mixture:
    """The mixture of a checked config, also if a baseline replaces it."""
    check_predicting(config)
    sizes = sizes_of(config, shape, classes)
    check_task(config, sizes)
    expert_shape = class_of(config["gate"]).expert_shape(config["gate"], shape)
    with seeded(seed_init, "experts"):
        experts = build(config["experts"], replace(sizes, shape=expert_shape))
    sizes = replace(sizes, hidden=experts.hidden_features)
    with seeded(seed_init, "gate"):
        gate = build(config["gate"], sizes)
    check_k(gate)
    dispatcher = for_selected() if config["trainer"]["dispatch"] == "sparse" else None
    try:
        return Mixture(experts, gate, config["inference"], dispatcher)
    except Unfit as error:
        raise remedied(error, config, sizes) from None


def sizes_of(config: dict[str, Any], shape: tuple[int, ...], classes: int) -> Sizes:
    """The sizes with which parts are built; k is the config's, else the gate's default, else E. Raises ConfigError if k
    > E.
    """
    return Sizes(shape, classes, config["experts"]["count"], chosen_k(config))
