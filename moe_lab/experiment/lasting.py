"""Absolute paths of other runs that a config names, so that they are found from every folder."""

import os

from moe_lab.parts.roles import Config


def with_lasting_runs(config: Config) -> Config:
    """The config with absolute folders in ``difficulty_from`` and in the option ``run`` of a recipe or a regularizer.
    Typed paths are relative to the current folder; a run may be resumed or repeated from another.

    Keys of jobs do not change: ``difficulty_from`` is not part of a key, and ``run`` enters by that run's learned
    tensors.
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
