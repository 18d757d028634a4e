"""In what experts specialize: how much the arg-max expert tells of every attribute of the test samples.

Legend: A values of an attribute, D draws of the null. Attributes are the columns of attributes.npz and the clusters of
k-means on the inputs; numbers in floating point are cut into tenths. The null permutes samples within their class, so
it keeps all that attribute and expert both owe to the class: what exceeds it is told beyond the class.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.bins import bins
from moe_lab.metrics.formulas import entropy_bits, mutual_information_bits
from moe_lab.metrics.null import PERMUTATIONS, named_generator, random_tables
from moe_lab.metrics.registry import require_choice
from moe_lab.metrics.stored import Undefined

#: what stands in evaluation.npz and is an attribute, too
CLUSTERS = "kmeans_pixels"


@dataclass(frozen=True)
class Told:
    """What the arg-max expert tells of one attribute, over routed samples, with the values of the null in rising order.

    information: I(E;A) in bits; given_class: I(E;A|Y) in bits.
    """

    information: float
    information_null_D: np.ndarray
    given_class: float
    given_class_null_D: np.ndarray


def attribute_columns(arrays: RunArrays) -> Mapping[str, np.ndarray]:
    """The attributes of the test samples as categories, whole numbers from 0. Raises Undefined where there are none."""
    stored = dict(arrays.stored("attributes"))
    clusters_N = arrays.stored("evaluation").get(f"reference_{CLUSTERS}")
    if clusters_N is not None:
        stored[CLUSTERS] = clusters_N
    if not stored:
        raise Undefined("nothing is known of the test samples besides their target")
    return {name: _categories(column_N) for name, column_N in stored.items()}


def _categories(column_N: np.ndarray) -> np.ndarray:
    cut = bins(column_N) if column_N.dtype.kind == "f" else column_N
    return np.unique(cut, return_inverse=True)[1].reshape(-1)


@lru_cache(maxsize=1)
def told(arrays: RunArrays) -> dict[str, Told]:
    """Of every attribute, those first of which the expert tells most. Raises Undefined where nothing was chosen."""
    require_choice(arrays)
    found = {name: _told(arrays, column_N) for name, column_N in attribute_columns(arrays).items()}
    return dict(sorted(found.items(), key=lambda one: -one[1].information))


def _told(arrays: RunArrays, column_N: np.ndarray) -> Told:
    table_CEA = _table(arrays, column_N)
    # experts in an order of their own, so that the null does not depend on how they are numbered
    order = np.lexsort(table_CEA.sum(2))
    generator = named_generator("attributes within class")
    drawn_CDEA = [_drawn(table_EA[order], generator) for table_EA in table_CEA]
    share_C = table_CEA.sum((1, 2)) / table_CEA.sum()
    within_CD = np.stack([_information(drawn_DEA) for drawn_DEA in drawn_CDEA])
    return Told(
        mutual_information_bits(table_CEA.sum(0)),
        np.sort(_information(reduce(np.add, drawn_CDEA))),
        float(sum(p * mutual_information_bits(table_EA) for p, table_EA in zip(share_C, table_CEA, strict=True) if p)),
        np.sort(share_C @ within_CD),
    )


def _table(arrays: RunArrays, column_N: np.ndarray) -> np.ndarray:
    """Routed samples by class, arg-max expert and value of the attribute."""
    shape = (arrays.classes, arrays.experts, int(column_N.max()) + 1)
    cell_M = np.ravel_multi_index((arrays.class_N, arrays.expert_N, column_N), shape, mode="clip")[arrays.routed_N]
    return np.bincount(cell_M, minlength=np.prod(shape)).reshape(shape)


def _drawn(table_EA: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Tables [D, E, A] with the same margins; what is empty stays so."""
    drawn_DEA = np.zeros((PERMUTATIONS, *table_EA.shape), dtype=np.int64)
    used_E, used_A = (np.flatnonzero(table_EA.sum(axis)) for axis in (1, 0))
    margins = table_EA.sum(1)[used_E], table_EA.sum(0)[used_A]
    drawn_DEA[:, used_E[:, None], used_A] = random_tables(*margins, PERMUTATIONS, generator)
    return drawn_DEA


def _information(tables_DEA: np.ndarray) -> np.ndarray:
    """Plug-in I(E;A) of tables with the same margins, in bits; 0 where one of both has one value only."""
    if min(np.count_nonzero(tables_DEA[0].sum(axis)) for axis in (0, 1)) < 2:
        return np.zeros(len(tables_DEA))
    joint_D = entropy_bits(tables_DEA.reshape(len(tables_DEA), -1))
    return (entropy_bits(tables_DEA.sum(2)) + entropy_bits(tables_DEA.sum(1)) - joint_D).clip(min=0)
