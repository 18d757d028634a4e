"""Oddities of a user's own data that do not stop training, each with advice."""

from collections.abc import Callable

import numpy as np
import torch

from moe_lab.data.dataset import Data
from moe_lab.errors import shown

#: with fewer training samples a class can hardly be learned, and with fewer test samples hardly be measured
FEW = 5
#: most classes or features that are named
MOST_NAMED = 5


def oddities(data: Data, without_features: Callable[[list[int]], str], other_task: Callable[[], str]) -> list[str]:
    """Sentences about features with one value, classes without test samples, and classes with few samples.

    ``without_features`` gives the advice to leave features out, ``other_task`` the advice to use regression.
    """
    return [*_constant(data, without_features), *(_classes(data, other_task) if data.classes else [])]


def _constant(data: Data, without_features: Callable[[list[int]], str]) -> list[str]:
    """Images are not checked: their borders often have one value."""
    if len(data.shape) > 1 or not len(data.train):
        return []
    same_D = torch.ones(data.features, dtype=torch.bool)
    for split in (data.train, data.validation, data.test):
        same_D &= (split.x_ND == data.train.x_ND[0]).all(dim=0).cpu()
    found = same_D.nonzero()[:, 0].tolist()
    if not found:
        return []
    have = "has" if len(found) == 1 else "have"
    return [f"{len(found)} of {data.features} features {have} one value in all samples: {without_features(found)}"]


def _classes(data: Data, other_task: Callable[[], str]) -> list[str]:
    train_C, test_C = (
        np.bincount(split.y_N.cpu().numpy(), minlength=data.classes) for split in (data.train, data.test)
    )
    here_C = train_C > 0
    lacking_C, few_C = here_C & (test_C == 0), here_C & (train_C < FEW)
    said = _without(np.flatnonzero(here_C & ~lacking_C & ~few_C).tolist())
    if few_C.sum() > here_C.sum() / 2:
        said = other_task().removeprefix("; ") or said
    sentences = []
    if lacking := np.flatnonzero(lacking_C).tolist():
        them = "it" if len(lacking) == 1 else "them"
        sentences.append(
            f"the test split has no sample of {_named(data, lacking)}, so nothing is measured of {them}: {said}"
        )
    if few := np.flatnonzero(few_C).tolist():
        counts = ", ".join(str(train_C[c]) for c in few[:MOST_NAMED]) + (", ..." if len(few) > MOST_NAMED else "")
        have = "has" if len(few) == 1 else "have"
        sentences.append(f"{_named(data, few)} {have} fewer than {FEW} training samples ({counts}): {said}")
    return sentences


def _named(data: Data, classes: list[int]) -> str:
    names = [shown(data.class_names[c]) for c in classes]
    text = ", ".join(names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"class {text}" if len(names) == 1 else f"the classes {text}{more}"


def _without(kept: list[int]) -> str:
    """The word that trains with the other classes alone."""
    if len(kept) < 2:
        return "add samples"
    return f"add samples, or train without with classes={str(kept).replace(' ', '')}"
