"""Conversion between the units of a data set and normalised inputs and targets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.columns import Columns, columns_of, encoded
from moe_lab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: the numbers of which there is one
_SINGLE = ("largest", "target_mean", "target_sd")
Numbers = float | Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Units:
    """Inputs x = (own / largest - mean) / sd; regression targets y = (own - target_mean) / target_sd.

    The defaults change nothing. mean and sd are one number, or one per channel (features are ordered by channel), or
    one per feature. ``columns`` are those of the table from which the features were made.
    """

    largest: float = 1.0
    mean: Numbers = 0.0
    sd: Numbers = 1.0
    target_mean: float = 0.0
    target_sd: float = 1.0
    columns: Columns = ()

    def inputs(self, own: object, shape: tuple[int, ...]) -> Tensor:
        """x_ND float32 of samples of this shape in their own units, given as [N, *shape] or [N, D]; a leading axis of
        size 1, such as that of grey images, may be left out. If the data set is a table, a frame with its columns
        will do. Raises DataError for other arrays."""
        own_ND = _flat(encoded(own, self.columns) if _is_frame(own) and self.columns else own, shape)
        mean_D, sd_D = (_one_a_feature(one, own_ND.shape[1]) for one in (self.mean, self.sd))
        x_ND = ((own_ND / self.largest - mean_D) / sd_D).astype(np.float32)
        return torch.from_numpy(x_ND)

    def stored(self) -> dict[str, Any]:
        """These units as plain numbers and tensors, for a checkpoint; ``units_of`` reads them."""
        numbers = {name: torch.as_tensor(getattr(self, name), dtype=torch.float64) for name in ("mean", "sd")}
        columns = [[name, None if values is None else list(values)] for name, values in self.columns]
        return {name: float(getattr(self, name)) for name in _SINGLE} | numbers | {"columns": columns}

    def targets(self, y_N: Tensor) -> np.ndarray:
        """Predicted numbers in their own unit, float64."""
        return y_N.double().cpu().numpy() * self.target_sd + self.target_mean


def units_of(stored: object, features: int) -> Units | None:
    """The units stored in a checkpoint for a data set of so many features; None if there are none that fit."""
    if not isinstance(stored, dict):
        return None
    largest, target_mean, target_sd = (stored.get(name) for name in _SINGLE)
    mean, sd = (_numbers(stored.get(name), features) for name in ("mean", "sd"))
    columns = columns_of(stored.get("columns"), features)
    if not (isinstance(largest, float) and isinstance(target_mean, float) and isinstance(target_sd, float)):
        return None
    if mean is None or sd is None or columns is None:
        return None
    return Units(largest, mean, sd, target_mean, target_sd, columns)


def _numbers(stored: object, features: int) -> np.ndarray | None:
    """One number, or as many as divide the features evenly."""
    if not isinstance(stored, Tensor) or stored.dtype != torch.float64 or not stored.isfinite().all():
        return None
    fitting = stored.ndim == 0 or (stored.ndim == 1 and len(stored) > 0 and features % len(stored) == 0)
    return stored.numpy() if fitting else None


def _is_frame(own: object) -> "TypeGuard[pd.DataFrame]":
    """Whether it is a pandas frame, without importing pandas."""
    return hasattr(own, "columns") and hasattr(own, "dtypes")


def _flat(own: object, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(own)
    features = int(np.prod(shape))
    fitting = [(features,), shape] + [shape[1:]] * (len(shape) > 1 and shape[0] == 1)
    if array.ndim < 2 or array.shape[1:] not in fitting or not len(array):
        expected = " or ".join(dict.fromkeys(str(("N", *one)).replace("'", "") for one in fitting))
        raise DataError(
            f"expected samples of shape {expected}, found {array.shape}; give one sample as x[None], and the channels "
            "of an image before its height and width"
        )
    if array.dtype.kind not in "buif":
        raise DataError(f"expected numbers, found {array.dtype}; give x.astype(float)")
    flat_ND: np.ndarray = array.reshape(len(array), features).astype(np.float64)
    bad_N = ~np.isfinite(flat_ND).all(axis=1)
    if bad_N.any():
        raise DataError(
            f"expected finite numbers, found NaN or infinities in {bad_N.sum()} of {len(bad_N)} samples, first in row "
            f"{bad_N.argmax()}; leave them out with x[np.isfinite(x.reshape(len(x), -1)).all(axis=1)]"
        )
    return flat_ND


def _one_a_feature(numbers: Numbers, features: int) -> np.ndarray:
    given = np.atleast_1d(np.asarray(numbers, dtype=np.float64))
    return np.repeat(given, features // len(given))
