"""Where a config's other runs lie, in a form that holds from every folder."""

import os

from moe_lab.parts.roles import Config


def with_lasting_runs(config: Config) -> Config:
    """The config with the folders of runs that it takes something from made absolute: ``difficulty_from``, and the
    option ``run`` of a recipe or a regularizer. What is typed starts from the current folder; a run that is resumed or
    repeated may be in another.

    Keys of jobs stay the same: ``difficulty_from`` decides nothing of a key, and ``run`` counts by what that run has
    learned.
    """
    several = {name: _with_run(node) for name, node in config["regularizers"].items()}
    changed: Config = {"recipe": _with_run(config["recipe"]), "regularizers": several}
    if isinstance(config.get("difficulty_from"), str):
        changed["difficulty_from"] = _absolute(config["difficulty_from"])
    return {**config, **changed}


def _with_run(node: Config) -> Config:
    return {**node, "run": _absolute(node["run"])} if isinstance(node.get("run"), str) else node


def _absolute(folder: str) -> str:
    return os.path.abspath(os.path.expanduser(folder))
