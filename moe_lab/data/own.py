"""A user's own data: the content of files of any format becomes three splits."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from moe_lab.config.ranges import Share
from moe_lab.data.columns import Columns
from moe_lab.data.dataset import Data, Dataset, Scale, Split, Target
from moe_lab.data.odd import oddities
from moe_lab.data.roots import root_of, rooted
from moe_lab.data.split import stratified
from moe_lab.data.standardize import standardize_by, standardize_target_by
from moe_lab.data.strokes import image_columns
from moe_lab.data.units import Units
from moe_lab.errors import DataError

#: attributes that moe-lab itself makes
TAKEN = ("class", "ink", "thickness", "difficulty", "kmeans_pixels")
Attributes = dict[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """Shape of one sample, names of the classes (none in regression), targets of the training part and, if there is
    one, the test part.
    """

    shape: tuple[int, ...]
    class_names: tuple[str, ...]
    y_train_N: np.ndarray
    y_test_N: np.ndarray | None


@dataclass(frozen=True)
class Own:
    """The content of a user's files.

    features:   x (N, D) of the part ``train`` or ``test``, in float32 or float64, already divided by ``largest``.
    attributes: columns of the test part; given rows, of these rows of the training part.
    index:      of a part, each sample's row in the file, if samples of the file were left out.
    error:      an error that names the file.
    """

    layout: Layout
    features: Callable[[str], np.ndarray]
    attributes: Callable[[np.ndarray | None], Attributes]
    error: Callable[[str], DataError]
    largest: float = 1.0
    target_name: str = "y"
    columns: Columns = ()
    index: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(kw_only=True)
class OwnData(Dataset):
    """The user's own data at ``path``. A subclass reads one format.

    path:        file or folder.
    standardize: each feature minus its mean over the training split, by its standard deviation there (by 1 if it is
                 constant there). Regression targets always are.
    test_share:  of the training part (of each class), always the same rows, are the test split if there is no test
                 part.
    root:        folder that a relative ``path`` starts from; null: the current one, which is then stored, so that a run
                 finds its file again from elsewhere. If the file is no longer there, it is looked for in the current
                 folder.
    """

    path: str
    root: str | None = None
    standardize: bool = True
    test_share: Share = 0.2

    def __post_init__(self) -> None:
        self.root = root_of(self.path, self.root)
        self.path = self.rooted(self.path)

    def rooted(self, path: str) -> str:
        """The absolute path of ``path``, relative to ``root``."""
        return rooted(path, self.root)

    @abstractmethod
    def read(self) -> Own:
        """Read and check everything except what ``Own`` reads later. Raises DataError."""

    @abstractmethod
    def files(self) -> list[str]:
        """The files that are read; if one of them changes, the data are described again."""

    @property
    @abstractmethod
    def test_part(self) -> str:
        """What a test part of one's own is given by, for messages."""

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        options = tuple((one.name, getattr(self, one.name)) for one in fields(self))
        return _described(type(self), options, tuple(map(_stamp, self.files())))

    def lasting(self) -> dict[str, str]:
        return {} if self.root is None else {"root": self.root}

    def prepare(self) -> str:
        """Nothing to get: the data are the user's."""
        return self.path

    def odd(self, data: Data) -> list[str]:
        return oddities(data, self.without_features, self.for_the_other_task)

    def without_features(self, features: list[int]) -> str:
        """How to leave features out, by their numbers, as a clause of a message."""
        return "leave them out"

    def load(self) -> Data:
        own = self.read()
        layout = own.layout
        train, validation, test, attributes = self._splits(own)
        attributes |= _of_images(test.x_ND.numpy(), layout.shape)
        mean_D, sd_D = standardize_by(train, [train, validation, test]) if self.standardize else (0.0, 1.0)
        target = None if layout.class_names else _target(own, train, [train, validation, test])
        return Data(
            train=in_float32(own, train),
            validation=in_float32(own, validation),
            test=in_float32(own, test),
            shape=layout.shape,
            class_names=layout.class_names,
            attributes={"class": test.y_N.numpy(), **attributes} if target is None else attributes,
            target=target,
            input=_one_input(own, mean_D, sd_D) if target else None,
            units=Units(
                own.largest, mean_D, sd_D, *((target.mean, target.sd) if target else (0.0, 1.0)), columns=own.columns
            ),
        )

    def _splits(self, own: Own) -> tuple[Split, Split, Split, Attributes]:
        """The three splits as stored in the files, and the attributes of the test samples. Whole arrays are freed here,
        before anything is computed.
        """
        x_ND, y_N, y_test_N = own.features("train"), own.layout.y_train_N, own.layout.y_test_N
        if y_test_N is None:
            rest, held_out = self._hold_out(own, strata(y_N))
            test = take(x_ND, y_N, held_out, own.index.get("train"))
            attributes = own.attributes(held_out)
        else:
            rest = np.arange(len(y_N))
            test = take(own.features("test"), y_test_N, np.arange(len(y_test_N)), own.index.get("test"))
            attributes = own.attributes(None)
        kept = self.split_rows(strata(y_N[rest]))
        train, validation = (take(x_ND, y_N, rest[rows], own.index.get("train")) for rows in kept)
        return train, validation, test, attributes

    def _hold_out(self, own: Own, strata_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # the name is that of the first format, whose splits stay as they were
        rest, held_out = stratified(strata_N, self.test_share, 0, "npz/test")
        if len(held_out) == 0:
            raise own.error(
                f"expected {self.test_part}, or samples enough to set dataset.test_share={self.test_share} apart, "
                f"found {len(strata_N)} samples; give {self.test_part}, or a larger share"
            )
        return rest, held_out


def _stamp(path: str) -> tuple[int, ...]:
    """A stamp that changes whenever the file is written; empty if there is no file."""
    try:
        facts = Path(path).expanduser().stat()
    except OSError:
        return ()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


@lru_cache(maxsize=8)
def _described(
    cls: type[OwnData], options: tuple[tuple[str, Any], ...], stamps: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Cached, because a sweep asks for it once per job."""
    layout = cls(**dict(options)).read().layout
    return layout.shape, layout.class_names


def take(x_ND: np.ndarray, y_N: np.ndarray, rows: np.ndarray, index_N: np.ndarray | None = None) -> Split:
    """A copy of the given rows, x and numbers to predict still in their own precision."""
    y = y_N[rows].astype(np.float64 if y_N.dtype.kind == "f" else np.int64)
    index = rows if index_N is None else index_N[rows]
    return Split(torch.from_numpy(x_ND[rows]), torch.from_numpy(y), torch.from_numpy(index.astype(np.int64)))


def strata(y_N: np.ndarray) -> np.ndarray:
    """The strata of the splits: the classes; a single one in regression."""
    return np.zeros(len(y_N), dtype=np.int64) if y_N.dtype.kind == "f" else y_N


def _target(own: Own, train: Split, splits: list[Split]) -> Target:
    mean, sd = standardize_target_by(train, splits)
    if sd == 0:
        raise own.error(
            f"expected numbers that differ in {own.target_name}, found only {mean:g} in the training split; give others"
        )
    return Target(own.target_name, mean, sd)


def _one_input(own: Own, mean_D: Any, sd_D: Any) -> Scale | None:
    """The unit of an input that is one number with a name."""
    if len(own.columns) != 1 or own.columns[0][1] is not None:
        return None
    return Scale(own.columns[0][0], *(float(np.ravel(one)[0]) for one in (mean_D, sd_D)))


def _of_images(x_ND: np.ndarray, shape: tuple[int, ...]) -> Attributes:
    """Attributes of images, as they were given, whose values are of one sign."""
    if len(shape) != 3 or x_ND.min() < 0 or x_ND.max() == 0:
        return {}
    return image_columns(x_ND.reshape(-1, *shape), x_ND.max())


def in_float32(own: Own, split: Split) -> Split:
    """The split with x, and numbers to predict, in float32. Raises DataError if standardizing has made a value of x
    too large for it."""
    x_ND = split.x_ND.to(torch.float32)
    # the extremes need no second array of this size
    if len(x_ND) and not torch.stack(x_ND.aminmax()).isfinite().all():
        feature = (~x_ND.isfinite()).any(dim=0).nonzero()[0].item()
        raise own.error(
            f"expected numbers that float32 holds after standardizing, found feature {feature} beyond it (some values "
            "lie too far from the others); remove it, or give dataset.standardize=false"
        )
    return replace(split, x_ND=x_ND, y_N=split.y_N.float() if split.y_N.is_floating_point() else split.y_N)
