"""A user's own arrays."""

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from moe_lab.config.ranges import Share
from moe_lab.data.dataset import Data, Dataset, Split, Target
from moe_lab.data.npz_attributes import read_attributes
from moe_lab.data.npz_file import NpzFile
from moe_lab.data.npz_layout import Layout, read_layout
from moe_lab.data.npz_remedies import finite_x, for_the_other_task, save
from moe_lab.data.split import stratified
from moe_lab.data.standardize import standardize_by, standardize_target_by
from moe_lab.data.strokes import image_columns
from moe_lab.data.units import Units

LARGEST = float(np.finfo(np.float32).max)


@dataclass(kw_only=True)
class Npz(Dataset):
    """Your own arrays from an .npz file (`dataset=npz dataset.path=FILE`).

    ``x_train`` holds features (N, D) or images (N, height, width) or (N, channels, height, width); bytes are divided
    by 255. ``y_train`` holds labels: whole numbers, booleans or text, or a row of zeros with a 1 for the class; or in
    floating point numbers to predict, which are always standardized by the training split. The classes are the labels
    that occur there, in rising order. ``x_test`` and ``y_test`` are the test split; without them ``test_share``
    of the training part is, always the same rows (of each class). ``class_names`` (text) is optional:
    a name for each label that occurs, or for each number from 0 on; of labels in text the order of the classes.
    standardize: each feature minus its mean over the training split, by its standard deviation there (by 1 where it is
    constant there).
    ``attribute_NAME`` is a column of your own, a value for each test sample (for each of x_train where there is no
    x_test), of which a report says how much the choice of expert tells: whole numbers, booleans and text are
    categories, floating point is cut into tenths.
    root: folder that a relative ``path`` starts from; null: the current one, which is then stored, so that a run finds
    its file again from elsewhere. Where the file is no longer there, it is looked for in the current folder.
    Raises DataError where the file does not hold this.
    """

    path: str
    root: str | None = None
    standardize: bool = True
    test_share: Share = 0.2

    def __post_init__(self) -> None:
        self.root = _root(self.path, self.root)
        if self.root is not None and self.root != os.getcwd():
            self.path = os.path.join(self.root, self.path)

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return _described(self.path, _stamp(self.path))

    def lasting(self) -> dict[str, str]:
        return {} if self.root is None else {"root": self.root}

    def for_the_other_task(self) -> str:
        return for_the_other_task(NpzFile(self.path))

    def load(self) -> Data:
        file = NpzFile(self.path)
        layout = read_layout(file)
        train, validation, test, attributes = self._read(file, layout)
        attributes |= _of_images(test.x_ND.numpy(), layout.shape)
        mean_D, sd_D = standardize_by(train, [train, validation, test]) if self.standardize else (0.0, 1.0)
        target = None if layout.class_names else self._target(file, train, [train, validation, test])
        return Data(
            train=in_float32(file, train),
            validation=in_float32(file, validation),
            test=in_float32(file, test),
            shape=layout.shape,
            class_names=layout.class_names,
            attributes={"class": test.y_N.numpy(), **attributes} if target is None else attributes,
            target=target,
            units=Units(largest(file), mean_D, sd_D, *((target.mean, target.sd) if target else ())),
        )

    def _read(self, file: NpzFile, layout: Layout) -> tuple[Split, Split, Split, dict[str, np.ndarray]]:
        """The three splits as they stand in the file, and the attributes of the test samples. What was read whole is
        let go of here, before anything is computed."""
        x_ND, y_N = read_features(file, "x_train"), layout.y_train_N
        if layout.y_test_N is None:
            rest, held_out = self._hold_out(file, strata(y_N))
            test = take(x_ND, y_N, held_out)
            attributes = read_attributes(file, held_out)
        else:
            rest = np.arange(len(y_N))
            test = take(read_features(file, "x_test"), layout.y_test_N, np.arange(len(layout.y_test_N)))
            attributes = read_attributes(file, None)
        train, validation = (take(x_ND, y_N, rest[rows]) for rows in self.split_rows(strata(y_N[rest])))
        return train, validation, test, attributes

    def check(self) -> list[dict[str, str]]:
        self.load()
        file = NpzFile(self.path)
        return [{"file": str(file.path), "source": f"your {key}", "found": _text(file, key)} for key in file.keys]

    def prepare(self) -> str:
        """Nothing to bring: the file is the user's."""
        return self.path

    def _target(self, file: NpzFile, train: Split, splits: list[Split]) -> Target:
        mean, sd = standardize_target_by(train, splits)
        if sd == 0:
            raise file.error(
                f"expected numbers that differ in y_train, found only {mean:g} in the training split; give others"
            )
        return Target("y", mean, sd)

    def _hold_out(self, file: NpzFile, strata_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest, held_out = stratified(strata_N, self.test_share, 0, "npz/test")
        if len(held_out) == 0:
            raise file.error(
                f"expected x_test and y_test, or samples enough to set dataset.test_share={self.test_share} apart, "
                f"found {len(strata_N)} samples; save x_test and y_test, or give a larger share"
            )
        return rest, held_out


def _root(path: str, root: str | None) -> str | None:
    """The absolute folder that a relative path starts from: the given one, or the current one where the file is there
    alone; None for a path that is absolute."""
    if Path(path).expanduser().is_absolute():
        return None
    here = os.getcwd()
    given = here if root is None else os.path.abspath(os.path.expanduser(root))
    is_here_alone = os.path.exists(path) and not os.path.exists(os.path.join(given, path))
    return here if is_here_alone else given


def _stamp(path: str) -> tuple[int, ...]:
    """Another one where the file has been written since; empty where there is none."""
    try:
        facts = Path(path).expanduser().stat()
    except OSError:
        return ()
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


@lru_cache(maxsize=8)
def _described(path: str, stamp: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Kept, because a sweep asks it for every job."""
    layout = read_layout(NpzFile(path))
    return layout.shape, layout.class_names


def read_features(file: NpzFile, key: str) -> np.ndarray:
    """x as (N, D) in float32, or in float64 where float32 would lose digits. Raises DataError on NaN and infinities."""
    x_N = file.read(key)
    wide = np.promote_types(x_N.dtype, np.float32).itemsize > 4
    x_ND: np.ndarray = x_N.astype(np.float64 if wide else np.float32, order="C", copy=False).reshape(len(x_N), -1)
    # comparing the extremes finds NaN too, without a mask as large as the array
    if not (x_ND.min() >= -LARGEST and x_ND.max() <= LARGEST):
        bad_N = ~(np.abs(x_ND) <= LARGEST).all(axis=1)
        raise file.error(
            f"expected finite numbers in {key}, found NaN, infinities or values beyond float32 in {bad_N.sum()} of "
            f"{len(bad_N)} samples, first in row {bad_N.argmax()}; "
            f"{save(finite_x(file, key.removeprefix('x_')), 'replace them')}"
        )
    if x_N.dtype == np.uint8:
        x_ND /= 255
    return x_ND


def largest(file: NpzFile) -> float:
    """What x is divided by as it is read: 255 if it is bytes."""
    return 255.0 if file.header("x_train")[1] == np.uint8 else 1.0


def take(x_ND: np.ndarray, y_N: np.ndarray, rows: np.ndarray) -> Split:
    """A copy of the given rows, x and numbers to predict still in their own precision."""
    y = y_N[rows].astype(np.float64 if y_N.dtype.kind == "f" else np.int64)
    return Split(torch.from_numpy(x_ND[rows]), torch.from_numpy(y), torch.from_numpy(rows.astype(np.int64)))


def strata(y_N: np.ndarray) -> np.ndarray:
    """What is shared out evenly over the splits: the classes; all numbers are alike."""
    return np.zeros(len(y_N), dtype=np.int64) if y_N.dtype.kind == "f" else y_N


def _of_images(x_ND: np.ndarray, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Attributes of images, as they were given, whose values are of one sign."""
    if len(shape) != 3 or x_ND.min() < 0 or x_ND.max() == 0:
        return {}
    return image_columns(x_ND.reshape(-1, *shape), x_ND.max())


def in_float32(file: NpzFile, split: Split) -> Split:
    """The split with x, and numbers to predict, in float32. Raises DataError where standardizing has made a value of x
    too large for it."""
    x_ND = split.x_ND.to(torch.float32)
    # the extremes need no second array of this size
    if len(x_ND) and not torch.stack(x_ND.aminmax()).isfinite().all():
        feature = (~x_ND.isfinite()).any(dim=0).nonzero()[0].item()
        raise file.error(
            f"expected numbers that float32 holds after standardizing, found feature {feature} beyond it (some values "
            "lie too far from the others); remove it, or give dataset.standardize=false"
        )
    return replace(split, x_ND=x_ND, y_N=split.y_N.float() if split.y_N.is_floating_point() else split.y_N)


def _text(file: NpzFile, key: str) -> str:
    shape, dtype = file.header(key)
    return f"{' x '.join(map(str, shape))} {dtype}"
