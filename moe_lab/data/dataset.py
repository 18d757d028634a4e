"""The role of data sets, and the types of their splits. Legend: N samples, D input features, C classes."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from moe_lab.config.ranges import Seed, Share
from moe_lab.data.sequences import Sequences
from moe_lab.data.split import stratified
from moe_lab.data.units import Units
from moe_lab.layers.noise import Noise


@dataclass(frozen=True)
class Split:
    """Samples of one split: ``x_ND`` float32, flattened and normalised; ``y_N`` int64, the class of each sample, or
    float32, its target, standardized; ``index_N`` int64, each sample's row in the part of the original data that it was
    taken from. Windows of tokens: x and y int64, [N, S], the tokens and the token that follows each.
    """

    x_ND: Tensor
    y_N: Tensor
    index_N: Tensor

    def __len__(self) -> int:
        return self.y_N.shape[0]

    def to(self, device: torch.device | str) -> "Split":
        return Split(self.x_ND.to(device), self.y_N.to(device), self.index_N.to(device))


@dataclass(frozen=True)
class Scale:
    """A standardized number: (value - mean) / sd, both over the training split; ``name`` says what the number is, with
    its unit.
    """

    name: str
    mean: float
    sd: float


@dataclass(frozen=True)
class Target(Scale):
    """The target of a regression. ``truth`` names the attribute that holds the component that each test sample is known
    to come from, counted from 0, and ``truth_names`` are the components' names; None and () if they are not known.
    """

    truth: str | None = None
    truth_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Data:
    """Three splits (validation may be empty), the shape of one sample, the names of the classes, and
    ``attributes``: per-test-sample columns that stay on the CPU, at least ``class`` if there are classes.

    In regression there are no class names, and ``target`` describes the target. ``input`` describes a sample that is a
    single number. ``augment`` changes a batch x_BD of the training split, at random, each time that it is used.
    ``truth`` names the attribute that is known to be the right way to share the samples among experts. ``units`` are
    those of samples and targets before normalisation. ``sequences``: of windows of tokens, what is known of those of
    the test split; classes are tokens then.
    """

    train: Split
    validation: Split
    test: Split
    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    attributes: dict[str, np.ndarray]
    augment: Callable[[Tensor, Noise], Tensor] | None = None
    target: Target | None = None
    input: Scale | None = None
    truth: str | None = None
    units: Units = Units()
    sequences: Sequences | None = None

    @property
    def features(self) -> int:
        """D, the product of the sample's shape."""
        return prod(self.shape)

    @property
    def classes(self) -> int:
        """C; 0 in regression."""
        return len(self.class_names)

    def to(self, device: torch.device | str) -> "Data":
        moved = {name: getattr(self, name).to(device) for name in ("train", "validation", "test")}
        return replace(self, **moved)


@dataclass(kw_only=True)
class Dataset(ABC):
    """A data set: its keyword-only options are its config. Constructing one reads nothing.

    A subclass with options of its own is a keyword-only dataclass too and declares only those; the others are
    inherited. What the options must fulfil together is checked in ``__post_init__``.

    validation_share: share of the training part that becomes the validation split, drawn by class.
    split_seed:       seed of that draw.
    """

    #: whether samples are windows of tokens, and classes the tokens that may follow
    tokens: ClassVar[bool] = False

    validation_share: Share = 0.1
    split_seed: Seed = 0

    @abstractmethod
    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """The shape of one sample and the names of the classes (none in regression), reading only what is needed for
        them.
        """

    def content(self) -> dict[str, str]:
        """Facts besides the options that decide the samples, such as a checksum: part of a job's key and of
        environment.json. Raises DataError as ``load`` does.
        """
        return {}

    def lasting(self) -> dict[str, str]:
        """Options that are stored in place of the given ones, so that a run finds its data from any folder. They do not
        affect the result.
        """
        return {}

    def for_the_other_task(self) -> str:
        """How the user can turn the targets into classes, or into numbers, if that is possible; appended to a message
        about parts for the other task.
        """
        return ""

    def odd(self, data: Data) -> list[str]:
        """Sentences for the user about what is odd in the data, and how to mend it."""
        return []

    @abstractmethod
    def load(self) -> Data:
        """Read, check, split and normalise. Raises DataError if a file is missing or wrong."""

    def units(self) -> Units:
        """How samples in their own units are normalised as by ``load``, so that a model can predict new ones. A data
        set whose numbers are fixed says them here without reading anything. Raises DataError as load does."""
        return self.load().units

    @abstractmethod
    def check(self) -> list[dict[str, str]]:
        """Read and verify everything: a row {"file", "source", "found"} a file. Raises DataError as load does."""

    @abstractmethod
    def prepare(self) -> Path | str:
        """Get missing files into the data folder; returns where the data are."""

    def split_rows(self, y_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the training and of the validation split, given the labels of the training part, or what else of
        whole numbers is to be shared out evenly."""
        return stratified(y_N, self.validation_share, self.split_seed, "validation")


@dataclass(kw_only=True)
class InDataFolder(Dataset):
    """A data set whose files lie in the data folder, each checked by its checksum.

    root: the data folder. A run stores the absolute folder; on a machine that has no such folder, the one that is
          configured there (``MOE_LAB_DATA``, else ``data``) is taken.
    """

    root: str = "data"

    def lasting(self) -> dict[str, str]:
        return {"root": os.path.abspath(os.path.expanduser(self.root))}

    @property
    def data_folder(self) -> Path:
        given, here = Path(self.root).expanduser(), Path(os.environ.get("MOE_LAB_DATA", "data")).expanduser()
        return here if given.is_absolute() and not given.exists() and here.is_dir() else given


#: samples a batch at most where nothing is learned, and none depends on another; and numbers in the largest tensor that
#: is made of a batch: it stays in cache, whatever the product of experts and classes is
EVALUATION_BATCH, EVALUATION_NUMBERS = 1024, 2**22


def batches(
    split: Split, batch_dependent: bool, training_batch: int, numbers: int = 1
) -> Iterable[tuple[Tensor, Tensor]]:
    """(x_BD, y_B) of a split in its order; of the size that training has if a prediction depends on its batch-mates.

    ``numbers``: how many the largest tensor has that is made of one sample.
    """
    size = training_batch if batch_dependent else max(1, min(EVALUATION_BATCH, EVALUATION_NUMBERS // numbers))
    return zip(split.x_ND.split(size), split.y_N.split(size), strict=True)


def spread_rows(split: Split, most: int) -> Tensor:
    """Row numbers of at most ``most`` samples of a split, evenly spaced and always the same."""
    count = min(most, len(split))
    return torch.arange(count, device=split.y_N.device) * len(split) // max(count, 1)


def taken(split: Split, rows_M: Tensor) -> Split:
    """These rows of a split."""
    return Split(split.x_ND[rows_M], split.y_N[rows_M], split.index_N[rows_M])


def spread(split: Split, most: int) -> Split:
    """At most ``most`` samples of a split, evenly spaced over its rows and always the same."""
    return taken(split, spread_rows(split, most))
