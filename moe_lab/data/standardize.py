"""Numbers in units of their standard deviation over the training split."""

from dataclasses import replace

import numpy as np
import torch

from moe_lab.data.dataset import Data, Scale, Split, Target
from moe_lab.data.units import Units


def standardize_by(train: Split, splits: list[Split]) -> tuple[np.ndarray, np.ndarray]:
    """(x - mean_D) / sd_D in place, mean and population sd those of train, sd 1 for a feature constant there; returns
    mean_D and sd_D."""
    sd_D, mean_D = torch.std_mean(train.x_ND, dim=0, correction=0)
    # zero exactly for a constant feature, since torch updates the mean by differences, which leave no rounding
    sd_D.masked_fill_(sd_D == 0, 1.0)
    for split in splits:
        split.x_ND.sub_(mean_D).div_(sd_D)
    return mean_D.numpy(), sd_D.numpy()


def standardize_target_by(train: Split, splits: list[Split]) -> tuple[float, float]:
    """(y - mean) / sd in place, mean and population sd those of train; returns both. Nothing is changed if the
    numbers of train are all the same (sd 0)."""
    sd, mean = (one.item() for one in torch.std_mean(train.y_N, correction=0))
    if sd > 0:
        for split in splits:
            split.y_N.sub_(mean).div_(sd)
    return mean, sd


def regression_data(
    x_ND: np.ndarray,
    y_N: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    target_name: str,
    input_name: str | None = None,
    truth: tuple[str, tuple[str, ...], np.ndarray] | None = None,
) -> Data:
    """A data set of numbers from float64 arrays and the rows of training, validation and test split, standardized.

    ``input_name`` is given if D = 1; ``truth`` is an attribute's name, its components' names and component_N.
    """
    splits = [Split(*(torch.from_numpy(one) for one in (x_ND[rows_N], y_N[rows_N], rows_N))) for rows_N in rows]
    train, test_rows = splits[0], rows[2]
    x_scale = None if input_name is None else Scale(input_name, train.x_ND.mean().item(), _sd(train.x_ND))
    mean_D, sd_D = standardize_by(train, splits)
    mean, sd = standardize_target_by(train, splits)
    target = Target(target_name, mean, sd) if truth is None else Target(target_name, mean, sd, *truth[:2])
    train, validation, test = (replace(split, x_ND=split.x_ND.float(), y_N=split.y_N.float()) for split in splits)
    return Data(
        train,
        validation,
        test,
        shape=x_ND.shape[1:],
        class_names=(),
        attributes={} if truth is None else {truth[0]: truth[2][test_rows].astype(np.int64)},
        target=target,
        truth=None if truth is None else truth[0],
        input=x_scale,
        units=Units(mean=mean_D, sd=sd_D, target_mean=mean, target_sd=sd) if sd > 0 else Units(mean=mean_D, sd=sd_D),
    )


def _sd(column: torch.Tensor) -> float:
    return column.std(correction=0).item()
