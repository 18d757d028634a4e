"""The classes that a config may name: only those defined in a part package or in a plug-in file."""

import inspect
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from moe_lab.errors import ConfigError, did_you_mean, joined, shown

#: packages whose classes a config may name
PACKAGES = (
    "moe_lab.parts.gates",
    "moe_lab.parts.experts",
    "moe_lab.parts.baselines",
    "moe_lab.parts.networks",
    "moe_lab.parts.objectives",
    "moe_lab.parts.regularizers",
    "moe_lab.parts.controllers",
    "moe_lab.models",
    "moe_lab.data",
    "moe_lab.training",
    "moe_lab.loggers",
    "moe_lab.sweeps.launchers",
    "moe_lab.sweeps.sweepers",
)


def find_class(target: object, where: str, plugins: Sequence[str] = (), role: type = object) -> type:
    """The class of the given role that ``target`` names; it must be defined in exactly that module, not imported there.

    ``where`` is the dotted key of the node, ``plugins`` the names of plug-in modules. No module outside these and the
    part packages is imported. Raises ConfigError if ``target`` names no such class.
    """
    key = joined(where, "_target_")
    if not isinstance(target, str):
        raise ConfigError(f"{key}={shown(target)}: must name a class")
    module_name, _, name = target.rpartition(".")
    module = _module(module_name, key, plugins)
    if module is None:
        hint = f"; is --plugin {module_name}.py missing?" if _could_be_a_file(module_name) else ""
        raise ConfigError(f"{key}={shown(target)}: names no part of moe_lab and no class of a --plugin file{hint}")
    classes = {
        label: value
        for label, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module_name and _can_be(value, role)
    }
    if name not in classes:
        kind = "part" if role is object else role.__name__
        raise ConfigError(f"{key}={shown(target)}: {module_name} defines no such {kind}.{did_you_mean(name, classes)}")
    return classes[name]


def _could_be_a_file(module_name: str) -> bool:
    return module_name.isidentifier() and module_name not in sys.stdlib_module_names


def _can_be(cls: type, role: type) -> bool:
    return issubclass(cls, role) and not inspect.isabstract(cls)


def _module(name: str, key: str, plugins: Sequence[str]) -> ModuleType | None:
    if name in plugins:
        return sys.modules.get(name)
    if not any(f"{name}.".startswith(f"{package}.") for package in PACKAGES):
        return None
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or f"{name}.".startswith(f"{error.name}."):
            return None
        raise ConfigError(f"{key}: {name} needs the package {error.name}, which is not installed") from None
