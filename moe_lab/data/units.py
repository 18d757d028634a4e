"""How a data set's own numbers become what a mixture is given, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from moe_lab.errors import DataError

Numbers = float | Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Units:
    """Inputs x = (own / largest - mean) / sd; regression targets y = (own - target_mean) / target_sd.

    The defaults change nothing. mean and sd are one number, or one a channel (features stand channel after channel), or
    one a feature.
    """

    largest: float = 1.0
    mean: Numbers = 0.0
    sd: Numbers = 1.0
    target_mean: float = 0.0
    target_sd: float = 1.0

    def inputs(self, own: object, shape: tuple[int, ...]) -> Tensor:
        """x_ND float32 of samples of this shape in their own units, given as [N, *shape] or [N, D]; a leading axis of
        size 1, such as that of grey images, may be left out. Raises DataError for other arrays."""
        own_ND = _flat(own, shape)
        mean_D, sd_D = (_one_a_feature(one, own_ND.shape[1]) for one in (self.mean, self.sd))
        x_ND = ((own_ND / self.largest - mean_D) / sd_D).astype(np.float32)
        return torch.from_numpy(x_ND)

    def targets(self, y_N: Tensor) -> np.ndarray:
        """Predicted numbers in their own unit, float64."""
        return y_N.double().cpu().numpy() * self.target_sd + self.target_mean


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
