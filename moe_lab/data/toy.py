"""Base classes of the toy sets. Legend: N points, G groups (the known components of the points)."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch

from moe_lab.config.ranges import Range, Seed
from moe_lab.data.dataset import Data, Dataset, Split
from moe_lab.data.generators import bit_generator
from moe_lab.data.split import stratified
from moe_lab.errors import ConfigError

TEST_SHARE = 0.2
#: so that a fifth of each group is a point at least
LEAST_IN_GROUP = 5

Samples = Annotated[int, Range(ge=10, le=1_000_000)]


@dataclass(frozen=True)
class Points:
    """``x_N2``: coordinates; ``y_N``: classes; ``group_N``: the true group of each point."""

    x_N2: np.ndarray
    y_N: np.ndarray
    group_N: np.ndarray


@dataclass(kw_only=True)
class Drawn(Dataset):
    """Points drawn at every load, the same for the same ``data_seed``; a fifth of them are the test split.

    index_N counts the points as they are drawn. A subclass names the attribute that holds the true groups, and says
    how many groups there are.

    samples:   number of points; if it does not divide into equal groups, the first groups get one more.
    data_seed: seed of the points and the test split, independent of the run's seed.
    Raises ConfigError if there are fewer than five points a group.
    """

    name: ClassVar[str]
    truth: ClassVar[str]

    samples: Samples = 3000
    data_seed: Seed = 0

    def __post_init__(self) -> None:
        if self.samples < LEAST_IN_GROUP * self.groups:
            raise ConfigError(
                f"dataset.samples={self.samples}: too few for the {self.groups} groups of {self.name}; "
                f"give {LEAST_IN_GROUP * self.groups} or more"
            )

    @property
    @abstractmethod
    def groups(self) -> int:
        """G."""

    def check(self) -> list[dict[str, str]]:
        data = self.load()
        sizes = " + ".join(str(len(split)) for split in (data.train, data.validation, data.test))
        return [{"file": "none", "source": self.prepare(), "found": f"{sizes} points (training, validation, test)"}]

    def prepare(self) -> str:
        """Nothing to get: the points are drawn when they are needed."""
        return f"drawn with dataset.data_seed={self.data_seed}"

    def generator(self) -> np.random.Generator:
        """The random generator of the points."""
        return np.random.Generator(bit_generator(self.data_seed, self.name))

    def split_points(self, label_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows of the training, validation and test split, by ``label_N`` in 0..C-1."""
        rest, test = stratified(label_N, TEST_SHARE, self.data_seed, f"{self.name}/test")
        train, validation = (rest[rows] for rows in self.split_rows(label_N[rest]))
        return train, validation, test

    def even_groups(self) -> np.ndarray:
        """A group for each point, in turns: group_N."""
        return np.arange(self.samples) % self.groups


class Toy(Drawn):
    """Points of several classes in the plane; coordinates are not standardized. A subclass also declares the
    classes.
    """

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Points:
        """The points."""

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return (2,), self.class_names

    def load(self) -> Data:
        points = self.draw(self.generator())
        train, validation, test = self.split_points(points.y_N)
        return Data(
            train=_take(points, train),
            validation=_take(points, validation),
            test=_take(points, test),
            shape=(2,),
            class_names=self.class_names,
            attributes={"class": points.y_N[test], self.truth: points.group_N[test]},
            truth=self.truth,
        )


def numbered(count: int) -> tuple[str, ...]:
    """The names of classes that have none: their numbers."""
    return tuple(map(str, range(count)))


def _take(points: Points, rows: np.ndarray) -> Split:
    x_N2 = torch.from_numpy(points.x_N2[rows].astype(np.float32))
    return Split(x_N2, torch.from_numpy(points.y_N[rows]), torch.from_numpy(rows))
