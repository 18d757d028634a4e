"""Parts in a user's own file: ``--plugin mygate.py`` makes ``_target_: mygate.MyGate`` a name that a config may use."""

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from moe_lab.errors import ConfigError, one_line

#: names of all modules that this process has imported as plug-ins, in order
_IMPORTED: dict[str, None] = {}


class PluginLoader(SourceFileLoader):
    """Marks a module as a plug-in, and leaves no bytecode beside the user's file."""

    def set_data(self, path: str, data: object, **options: object) -> None:
        """Write nothing, where importlib would write ``__pycache__``."""


def load_plugin(path: Path) -> ModuleType:
    """Import the file under its own name; loading it again gives the same module.

    Raises ConfigError if there is no such file, if its name is taken, or if it cannot be imported.
    """
    path = Path(path)
    name = path.stem
    if path.suffix != ".py" or not path.is_file():
        raise ConfigError(f"--plugin {path}: there is no such Python file")
    if not name.isidentifier():
        raise ConfigError(f"--plugin {path}: name the file by letters, digits and '_', so that Python can import it")
    present = sys.modules.get(name)
    if present is not None and name in loaded_plugins() and Path(present.__file__ or "") == path.resolve():
        return present
    if name in sys.modules or _installed(name, path):
        raise ConfigError(f"--plugin {path}: there is another module named {name}; rename the file")
    return _import(name, path.resolve())


def loaded_plugins() -> list[str]:
    """Names of the plug-in modules that this process has loaded."""
    return [name for name in _IMPORTED if isinstance(getattr(sys.modules.get(name), "__loader__", None), PluginLoader)]


def plugin_files() -> list[Path]:
    """Their files, for another process."""
    return [Path(sys.modules[name].__file__ or "") for name in loaded_plugins()]


def _installed(name: str, path: Path) -> bool:
    spec = find_spec(name)
    return spec is not None and not (spec.origin and Path(spec.origin).resolve() == path.resolve())


def _import(name: str, path: Path) -> ModuleType:
    spec = spec_from_file_location(name, path, loader=PluginLoader(name, str(path)))
    if spec is None or spec.loader is None:
        raise ConfigError(f"--plugin {path}: cannot be imported")
    module = module_from_spec(spec)
    sys.modules[name] = module
    _IMPORTED[name] = None
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        del sys.modules[name]
        raise
    except BaseException as error:
        del sys.modules[name]
        raise ConfigError(f"--plugin {path}: {type(error).__name__}: {one_line(str(error))}") from error
    return module
