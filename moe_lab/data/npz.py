"""A user's own arrays."""

from dataclasses import dataclass

import numpy as np

from moe_lab.data.npz_attributes import read_attributes
from moe_lab.data.npz_file import NpzFile
from moe_lab.data.npz_layout import read_layout
from moe_lab.data.npz_remedies import finite_x, for_the_other_task, save, without_features
from moe_lab.data.own import Own, OwnData
from moe_lab.data.understood import splits, targets

LARGEST = float(np.finfo(np.float32).max)


@dataclass(kw_only=True)
class Npz(OwnData):
    """Your own arrays from an .npz file (`dataset=npz dataset.path=FILE`).

    ``x_train`` holds features (N, D) or images (N, height, width) or (N, channels, height, width); bytes are divided by
    255. ``y_train`` holds labels: whole numbers, booleans or text, or a row of zeros with a 1 for the class; or
    floating point targets of a regression, which are always standardized by the training split. The classes are the
    labels that occur there, in rising order. ``x_test`` and ``y_test`` are the test split; without them ``test_share``
    of the training part is, always the same rows (of each class). ``class_names`` (text) is optional: a name for each
    label that occurs, or for each number from 0 on; of labels in text the order of the classes.
    standardize: each feature minus its mean over the training split, by its standard deviation there (by 1 if it is
                 constant there).
    ``attribute_NAME`` is a column of your own, a value for each test sample (for each of x_train if there is no
    x_test), about which the report says how much the choice of expert tells: whole numbers, booleans and text are
    categories, floating point is cut into tenths.
    root:        folder that a relative ``path`` starts from; null: the current one, which is then stored.
    Raises DataError if the file does not hold this.
    """

    test_part = "x_test and y_test"

    def files(self) -> list[str]:
        return [self.path]

    def read(self) -> Own:
        file = NpzFile(self.path)
        return Own(
            read_layout(file),
            features=lambda part: read_features(file, f"x_{part}"),
            attributes=lambda held_out: read_attributes(file, held_out),
            error=file.error,
            largest=largest(file),
            target_name="y",
        )

    def for_the_other_task(self) -> str:
        return for_the_other_task(NpzFile(self.path))

    def without_features(self, features: list[int]) -> str:
        return save(without_features(NpzFile(self.path), features), "leave them out")

    def check(self) -> list[dict[str, str]]:
        data, file = self.load(), NpzFile(self.path)
        found = {key: _text(file, key) for key in file.keys}
        found["y_train"] += f": {targets(read_layout(file))}"
        said = [*((f"your {key}", text) for key, text in found.items()), ("splits", splits(data))]
        return [{"file": str(file.path), "source": source, "found": text} for source, text in said]


def read_features(file: NpzFile, key: str) -> np.ndarray:
    """x as (N, D) in float32, or in float64 if float32 would lose digits. Raises DataError on NaN and infinities."""
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
    """The number by which x is divided when it is read: 255 for bytes."""
    return 255.0 if file.header("x_train")[1] == np.uint8 else 1.0


def _text(file: NpzFile, key: str) -> str:
    shape, dtype = file.header(key)
    return f"{' x '.join(map(str, shape))} {dtype}"
