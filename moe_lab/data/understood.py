"""How a user's data are read, in a few words, for `moe-lab data check`."""

from collections.abc import Sequence

import numpy as np

from moe_lab.data.columns import Columns
from moe_lab.data.dataset import Data
from moe_lab.data.own import Layout
from moe_lab.errors import cut

#: most classes whose samples are counted one by one, and most columns that are named
MOST = 10


def targets(layout: Layout) -> str:
    """The targets of the training part: ``3 classes: ant (20), bee (20), cow (20)`` or ``regression, from 1.5 to
    90``."""
    y_N = layout.y_train_N
    if not layout.class_names:
        return f"regression, from {y_N.min():.4g} to {y_N.max():.4g}"
    count_C = np.bincount(y_N, minlength=len(layout.class_names))
    if len(count_C) > MOST:
        return f"{len(count_C)} classes of {count_C.min()} to {count_C.max()} samples"
    counted = (f"{cut(name)} ({count})" for name, count in zip(layout.class_names, count_C, strict=True))
    return f"{len(count_C)} classes: {', '.join(counted)}"


def inputs(columns: Columns) -> list[str]:
    """The columns that are inputs: numbers, and categories with their numbers of values, each of which is an input."""
    numbers = [cut(name) for name, values in columns if values is None]
    categories = [f"{cut(name)} ({len(values)} values)" for name, values in columns if values is not None]
    said = [f"{_counted(numbers, 'number', 'numbers')}: {named(numbers)}"] if numbers else []
    if categories:
        said.append(f"{_counted(categories, 'category', 'categories')}, one-hot: {named(categories)}")
    return said


def _counted(names: Sequence[str], one: str, several: str) -> str:
    return f"{len(names)} {one if len(names) == 1 else several}"


def named(names: Sequence[str]) -> str:
    """Names in one line, the first of many."""
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more


def splits(data: Data) -> str:
    """How many samples each split has."""
    sizes = (len(data.train), len(data.validation), len(data.test))
    return f"{' + '.join(f'{size:,}' for size in sizes)} samples (training, validation, test)"
