"""Optional packages: imported where they are used, with an error that names the command to install them."""

from importlib import import_module
from types import ModuleType

from moe_lab.errors import ConfigError


def extra(package: str, what: str, name: str) -> ModuleType:
    """Import the package that ``what`` needs, which pyproject.toml lists under the extra ``name``.

    Raises ConfigError if it is not installed.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package.partition(".")[0]:
            raise
        line = f"pip install -c constraints.txt -e '.[{name}]'"
        raise ConfigError(f"{what} needs {package}, which is not installed: {line}") from None
