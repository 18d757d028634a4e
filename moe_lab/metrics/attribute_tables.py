"""Information of the arg-max expert about every attribute of the test samples: in what experts specialize.

Attributes are the columns of attributes.npz and the clusters of k-means on the inputs; floating-point columns are cut
into tenths. The null permutes samples within their class, so it keeps the dependence of attribute and expert that is
due to the class: the excess over it is information beyond the class. Every permutation is applied to all attributes at
once, so that p-values can be corrected over them.

Axes: M routed samples, A attributes, D permutations of the null.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.bins import bins
from moe_lab.metrics.formulas import cell_counts, cells, conditional_information_bits, entropy_bits
from moe_lab.metrics.null import PERMUTATIONS, named_generator, permutation_within
from moe_lab.metrics.registry import require_choice
from moe_lab.metrics.stored import Undefined
from moe_lab.routing.trace import Labels

#: the columns of evaluation.npz that are attributes, too
CLUSTERS = "kmeans_pixels"
#: values that differ by less count as equal up to rounding
ROUNDING = 1e-9


@dataclass(frozen=True)
class AttributeInformation:
    """The arg-max expert's information about one attribute, over routed samples, and the null's values in rising order.

    information: I(E;A) in bits; given_class: I(E;A|Y) in bits, with its p-value and the p-value corrected over
    attributes.
    """

    information: float
    information_null_D: np.ndarray
    given_class: float
    given_class_null_D: np.ndarray
    p: float
    corrected_p: float


def attribute_labels(arrays: RunArrays) -> dict[str, Labels]:
    """The attributes of the test samples as categories, with the names of these. Raises Undefined if there are none."""
    stored = dict(arrays.stored("attributes"))
    clusters_N = arrays.stored("evaluation").get(f"reference_{CLUSTERS}")
    if clusters_N is not None:
        stored[CLUSTERS] = clusters_N
    if not stored:
        raise Undefined("the test samples have no attributes besides their target")
    return {name: categories(column_N) for name, column_N in stored.items()}


def categories(column_N: np.ndarray) -> Labels:
    """A column as categories, with the names of these; a floating-point column is cut into tenths."""
    is_number = column_N.dtype.kind == "f"
    found, number_N = np.unique(bins(column_N) if is_number else column_N, return_inverse=True)
    names = tuple(f"tenth {one + 1}" if is_number else str(one) for one in found)
    return Labels(value=number_N.reshape(-1), names=names)


#: several metrics share a run's result; a weak key does not keep the run's arrays in memory
_RESULTS: WeakKeyDictionary[RunArrays, dict[str, AttributeInformation]] = WeakKeyDictionary()


def by_attribute(arrays: RunArrays) -> dict[str, AttributeInformation]:
    """All attributes, in falling order of information. Raises Undefined if there is no choice of expert."""
    require_choice(arrays)
    if arrays not in _RESULTS:
        _RESULTS[arrays] = _of_every_attribute(arrays)
    return _RESULTS[arrays]


def _of_every_attribute(arrays: RunArrays) -> dict[str, AttributeInformation]:
    columns = {name: one.value[arrays.routed_N] for name, one in attribute_labels(arrays).items()}
    expert_M, class_M = arrays.expert_N[arrays.routed_N], arrays.class_N[arrays.routed_N]
    nothing_M = np.zeros_like(class_M)
    plain_DA, within_DA = _null(arrays, columns)
    plain_A, within_A = (
        np.array([conditional_information_bits(given_M, expert_M, column_M)[0] for column_M in columns.values()])
        for given_M in (nothing_M, class_M)
    )
    p_A, corrected_A = p_values(within_A, within_DA)
    found = {
        name: AttributeInformation(
            float(plain_A[a]),
            np.sort(plain_DA[:, a]),
            float(within_A[a]),
            np.sort(within_DA[:, a]),
            float(p_A[a]),
            float(corrected_A[a]),
        )
        for a, name in enumerate(columns)
    }
    return dict(sorted(found.items(), key=lambda one: -one[1].information))


def _null(arrays: RunArrays, columns: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """I(E;A) and I(E;A|Y) in bits, [D, A] each, for permutations of the samples within their class.

    They do not depend on how experts or samples are numbered.
    """
    class_M, expert_M = arrays.class_N[arrays.routed_N], arrays.expert_N[arrays.routed_N]
    # experts in a canonical order: by their number of samples of each class
    place_E = np.argsort(np.lexsort(arrays.label_counts_EC.T))
    expert_M = place_E[expert_M[np.lexsort((place_E[expert_M], class_M))]]
    order_M = np.lexsort((*columns.values(), class_M))
    class_M, of_attribute = class_M[order_M], [column_M[order_M] for column_M in columns.values()]
    in_class = [cells(class_M, column_M) for column_M in of_attribute]
    expert_bits, class_bits, expert_class_bits = (
        float(entropy_bits(cell_counts(cell_M))) for cell_M in (expert_M, class_M, cells(class_M, expert_M))
    )
    attribute_bits = np.array([float(entropy_bits(cell_counts(column_M))) for column_M in of_attribute])
    attribute_class_bits = np.array([float(entropy_bits(cell_counts(cell_M))) for cell_M in in_class])
    joint_DA, joint_class_DA = np.zeros((2, PERMUTATIONS, len(columns)))
    generator = named_generator("attributes within class")
    for draw in range(PERMUTATIONS):
        drawn_M = expert_M[permutation_within(class_M, generator)]
        for a, (column_M, cell_M) in enumerate(zip(of_attribute, in_class, strict=True)):
            joint_DA[draw, a] = _joint_bits(drawn_M, column_M)
            joint_class_DA[draw, a] = _joint_bits(drawn_M, cell_M)
    plain_DA = expert_bits + attribute_bits - joint_DA
    within_DA = expert_class_bits + attribute_class_bits - class_bits - joint_class_DA
    return plain_DA.clip(min=0), within_DA.clip(min=0)


def _joint_bits(one_M: np.ndarray, other_M: np.ndarray) -> float:
    return float(entropy_bits(cell_counts(one_M * (int(other_M.max()) + 1) + other_M)))


def p_values(found_A: np.ndarray, null_DA: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Permutation p-values of the attributes, and p-values corrected over attributes, [A] each.

    p = (1 + draws at least as large as the observed value) / (1 + D). Corrected (single-step max T): values are
    standardized over the draws and the observed value, and each draw counts with its largest value over all attributes.
    If there is no effect, the probability that any corrected p is below alpha is at most alpha. If the class determines
    an attribute, all draws are equal and p is 1.
    Source: Westfall and Young 1993, Resampling-based multiple testing, sec. 2.3.
    """
    all_DA = np.vstack([found_A, null_DA])
    as_large_DA = all_DA >= found_A - ROUNDING
    spread_A = all_DA.std(0)
    free_A = spread_A > ROUNDING
    standard_DA = (all_DA - all_DA.mean(0))[:, free_A] / spread_A[free_A]
    most_D = standard_DA.max(1, initial=-np.inf)
    corrected_A = np.ones(len(found_A))
    corrected_A[free_A] = (most_D[:, None] >= standard_DA[0] - ROUNDING).mean(0)
    return as_large_DA.mean(0), corrected_A
