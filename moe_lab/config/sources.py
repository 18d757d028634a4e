"""The folders of options: ``conf/`` and, if given, a user's own folder of the same layout."""

import os
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from moe_lab.errors import ConfigError, cut, did_you_mean, there_are
from moe_lab.store.untrusted import Unusable, read_text, read_yaml

#: the package data, a link to conf/ at the top of the repository
BUILT_IN = Path(__file__).resolve().parents[1] / "conf"
#: most files and folders in a folder of options; conf/ has fewer than 200
MOST_FILES = 100_000
#: groups with the settings of a sweep
OF_A_SWEEP = ("launcher", "sweeper")
#: groups that do not belong to a run's config
OF_NO_RUN = (*OF_A_SWEEP, "study")
#: an interpolation that refers to another key, not to the environment
_REFERENCE = re.compile(r"\$\{(?!oc\.env:[^${}]*\})")
_PACKAGE = re.compile(r"^#\s*@package\s+(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Sources:
    """Groups and options, read from the file system: a folder is a group, and a YAML file in it is an option.

    A group whose entry in the defaults list of config.yaml is a list (``regularizer: []``) takes several options at
    once. Their nodes are entries of a mapping named by the plural (``regularizers.NAME``).
    """

    folders: tuple[Path, ...]

    @cached_property
    def groups(self) -> list[str]:
        """Sorted names of the groups, such as gate and gate/score."""
        parents = {file.parent.as_posix() for folder in self.folders for file in _yaml_files(folder)}
        return sorted(parents - {"."})

    @cached_property
    def several(self) -> frozenset[str]:
        """The groups that take several options at once."""
        defaults = _read(self.folders[0] / "config.yaml").get("defaults", [])
        entries = [entry for entry in defaults if isinstance(entry, dict)]
        return frozenset(group for entry in entries for group, value in entry.items() if isinstance(value, list))

    @cached_property
    def mappings(self) -> dict[str, str]:
        """Name of the mapping of a several-at-once group's options -> the group. Sorted, because the order of a set
        differs between processes and output must not depend on it."""
        return {f"{group}s": group for group in sorted(self.several)}

    def stamp(self) -> int:
        """A number that changes whenever a file is added, removed or written."""
        files = [folder / file for folder in self.folders for file in _yaml_files(folder)]
        found = [(file, file.stat()) for file in files]
        return hash(tuple((str(file), stat.st_mtime_ns, stat.st_size) for file, stat in found))

    @cached_property
    def refer(self) -> bool:
        """Whether any file that belongs to a run's config has a value that refers to another key."""
        files = (
            folder / file for folder in self.folders for file in _yaml_files(folder) if file.parts[0] not in OF_NO_RUN
        )
        return any(_REFERENCE.search(file.read_text(errors="replace")) for file in files)

    def options(self, group: str) -> list[str]:
        """Sorted names of a group's options. Raises ConfigError if there is no such group."""
        if group not in self.groups:
            raise ConfigError(f"no group named '{group}'.{did_you_mean(group, self.groups)}{there_are(self.groups)}")
        return sorted({file.stem for folder in self.folders for file in (folder / group).glob("*.yaml")})

    def file(self, group: str, option: str) -> Path:
        return next(path for folder in self.folders if (path := folder / group / f"{option}.yaml").is_file())

    def node(self, group: str, option: str) -> dict[str, Any]:
        """The content of the option's own file, not composed."""
        return _read(self.file(group, option))

    def place(self, group: str, option: str) -> str:
        """Dotted key of the option's node in a composed config."""
        return f"{group}s.{option}" if group in self.several else group.replace("/", ".")

    def check_option(self, group: str, option: str) -> None:
        """Raises ConfigError if there is no such option."""
        options = self.options(group)
        if option not in options:
            raise ConfigError(f"no {group} named '{cut(option)}'.{did_you_mean(option, options)}{there_are(options)}")


def open_sources(config_dir: Path | None = None) -> Sources:
    """The built-in options and those of ``config_dir``.

    Raises ConfigError if config_dir is no folder, or if a file in it has the name of a built-in one or lies in no
    group's folder: Hydra would ignore it silently.
    """
    if config_dir is None:
        return Sources((BUILT_IN.resolve(),))
    if not config_dir.is_dir():
        raise ConfigError(f"--config-dir {config_dir}: there is no such folder")
    groups = [folder.name for folder in BUILT_IN.iterdir() if folder.is_dir()]
    for file in _yaml_files(config_dir):
        if (BUILT_IN / file).is_file():
            raise ConfigError(f"{config_dir / file} has the name of the built-in {file.with_suffix('')}: rename it")
        if file.parts[0] not in groups:
            near = did_you_mean(file.parts[0], groups)
            raise ConfigError(f"{config_dir / file} lies in no group's folder.{near}{there_are(groups)}")
        if file.suffix != ".yaml":
            raise ConfigError(f"{config_dir / file}: name it {file.stem}.yaml")
    sources = Sources((BUILT_IN.resolve(), config_dir.resolve()))
    for file in _yaml_files(config_dir):
        place = sources.place(file.parent.as_posix(), file.stem)
        _check_own(config_dir / file, place, file.parts[0] in sources.several, _written_at(config_dir / file))
    return sources


def _written_at(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


@lru_cache(maxsize=1024)
def _check_own(file: Path, place: str, must_say_so: bool, written_at: int) -> None:
    """Raises ConfigError if a user's own file cannot be read, or would land elsewhere than at ``place``."""
    defaults = _read(file).get("defaults", [])
    packages = _PACKAGE.findall(read_text(file))
    if must_say_so and packages != [place]:
        raise ConfigError(f"{file}: must begin with the line '# @package {place}'")
    if packages not in ([], [place]):
        raise ConfigError(f"{file}: an option has one place, {place}: leave the line '# @package' away")
    if not isinstance(defaults, list) or not all(_is_entry(one) for one in defaults):
        raise ConfigError(
            f"{file}: defaults must be a list of entries such as '- score: linear', none of them Hydra's own"
        )


def _is_entry(entry: Any) -> bool:
    """Whether an entry is allowed in a defaults list: NAME, or GROUP: NAME, but none of Hydra's special forms."""
    names = list(entry) if isinstance(entry, dict) else [entry]
    return len(names) == 1 and isinstance(names[0], str) and not re.search(r"\bhydra\b", names[0])


def _yaml_files(folder: Path) -> list[Path]:
    """The YAML files in ``folder``, sorted and relative to it, without hidden ones. Raises ConfigError if it has more
    than MOST_FILES entries."""
    found, entries = [], 0
    for place, folders, files in os.walk(folder):
        entries += len(folders) + len(files)
        if entries > MOST_FILES:
            raise ConfigError(
                f"{folder} has more than {MOST_FILES} files and folders in it, expected a folder of options: "
                "give one that is laid out like conf/"
            )
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(place).relative_to(folder)
        names = (name for name in (*folders, *files) if not name.startswith(".") and fnmatch(name, "*.y*ml"))
        found += [inside / name for name in names]
    return sorted(found)


def _read(file: Path) -> dict[str, Any]:
    try:
        node = read_yaml(read_text(file))
    except FileNotFoundError:
        raise ConfigError(f"{file} is missing, or a link to what is") from None
    except Unusable as error:
        raise ConfigError(f"{file} {error}") from None
    if not isinstance(node, dict | None):
        raise ConfigError(f"{file} must hold a mapping, KEY: VALUE on each line")
    return node or {}
