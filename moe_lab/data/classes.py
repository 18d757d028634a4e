"""A data set without some of its classes."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from moe_lab.data.dataset import Data, Split
from moe_lab.errors import ConfigError


def chosen_classes(classes: Sequence[int], count: int, key: str) -> list[int]:
    """The given classes, checked and sorted.

    Raises ConfigError, which names the config's ``key``, if a class does not exist or is named twice, or for
    regression.
    """
    if not count:
        raise ConfigError(f"{key}: this data set is for regression and has no classes")
    if beyond := sorted(set(classes) - set(range(count))):
        raise ConfigError(f"{key}: there is no class {beyond[0]}, the classes are numbered from 0 to {count - 1}")
    if twice := [one for one in sorted(set(classes)) if classes.count(one) > 1]:
        once = str(sorted(set(classes))).replace(" ", "")
        raise ConfigError(
            f"{key}: class {twice[0]} is named {classes.count(twice[0])} times: name each once, as {once}"
        )
    return sorted(classes)


def resolved_classes(given: Sequence[int] | None, own: Sequence[int] | None, count: int) -> list[int] | None:
    """The classes that a config gives, or else those of its recipe; None if they are all classes.

    Raises ConfigError if a class does not exist or the two differ.
    """
    wanted = own if given is None else given
    if wanted is None:
        return None
    classes = chosen_classes(wanted, count, "classes" if given else "recipe.tasks")
    if given and own and classes != sorted(own):
        raise ConfigError(f"classes={list(given)}: the recipe trains on the classes {sorted(own)}: leave classes null")
    return None if classes == list(range(count)) else classes


def of_classes(data: Data, classes: Sequence[int]) -> Data:
    """The samples of some classes, in their splits. Classes keep their numbers, and all names stay, so a mixture has an
    output for every class.
    """
    kept = torch.tensor(list(classes))
    test_N = torch.isin(data.test.y_N, kept).numpy()
    return replace(
        data,
        train=_of_classes(data.train, kept),
        validation=_of_classes(data.validation, kept),
        test=_of_classes(data.test, kept),
        attributes={name: column_N[test_N] for name, column_N in data.attributes.items()},
    )


def _of_classes(split: Split, classes: torch.Tensor) -> Split:
    rows = torch.isin(split.y_N, classes)
    return Split(split.x_ND[rows], split.y_N[rows], split.index_N[rows])
