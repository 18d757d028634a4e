"""Loading what a run needs besides its parts: the data set and the seeds."""

from dataclasses import replace

from moe_lab.config.build import build
from moe_lab.data.classes import of_classes
from moe_lab.data.dataset import Data
from moe_lab.experiment.difficulty import with_difficulty
from moe_lab.experiment.machine import device_of, settle
from moe_lab.parts.roles import Config
from moe_lab.training.members import Seeds


def load_data(config: Config) -> Data:
    """The config's data set on its device. Raises DataError with the command that mends it, RunError if
    ``difficulty_from`` is not a run of one network on these samples.
    """
    settle(config)
    data, recipe = build(config["dataset"]).load(), build(config["recipe"])
    if config.get("classes") is not None:
        data = of_classes(data, config["classes"])
    data = replace(data, attributes={**data.attributes, **recipe.attributes(data)})
    if config.get("difficulty_from") is not None:
        data = with_difficulty(data, config["difficulty_from"])
    return data.to(device_of(config))


def seeds_of(config: Config) -> Seeds:
    seed = config["seed"]
    init, order = (seed if config[name] is None else config[name] for name in ("seed_init", "seed_order"))
    return Seeds(init, order, seed)
