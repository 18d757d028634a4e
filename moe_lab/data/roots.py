"""Where a user's own data are, so that a run finds them from any folder."""

import os
from pathlib import Path


def root_of(path: str, root: str | None) -> str | None:
    """The absolute folder to which a relative path refers: the given one, or the current one if the path exists only
    there; None for an absolute path.
    """
    if Path(path).expanduser().is_absolute():
        return None
    here = os.getcwd()
    given = here if root is None else os.path.abspath(os.path.expanduser(root))
    is_here_alone = os.path.exists(path) and not os.path.exists(os.path.join(given, path))
    return here if is_here_alone else given


def rooted(path: str, root: str | None) -> str:
    """A path that starts from the folder ``root`` (``root_of``), as the current folder has it."""
    return path if root in (None, os.getcwd()) else os.path.join(str(root), path)
