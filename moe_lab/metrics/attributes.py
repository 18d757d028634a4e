"""Metrics of the arg-max expert's information about every attribute of the test samples, by the attribute's name.

Attributes are the columns of attributes.npz and the clusters of k-means on the inputs; floating-point columns are cut
into tenths. The null permutes samples within their class, so it keeps the dependence of attribute and expert that is
due to the class: the excess over it is information beyond the class. Attributes are in falling order of information.
"""

from collections.abc import Mapping

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.attribute_tables import by_attribute
from moe_lab.metrics.null import PERMUTATIONS
from moe_lab.metrics.registry import metric, require_use


@metric(unit="fraction", low=0, high=1, better="none", source="Theil 1970, uncertainty coefficient")
def attribute_information_per_usage(arrays: RunArrays) -> dict[str, float]:
    """I(E;A)/H(load) for every attribute A: the share of the experts' use that follows it."""
    return _per_usage(arrays, {name: one.information for name, one in by_attribute(arrays).items()})


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab; permutations within strata: Good 2005")
def attribute_information_null_per_usage(arrays: RunArrays) -> dict[str, float]:
    """Mean I(E;A)/H(load) for every attribute A over 199 permutations of the samples within their class."""
    return _per_usage(arrays, {name: one.information_null_D.mean() for name, one in by_attribute(arrays).items()})


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab; permutations within strata: Good 2005")
def attribute_information_null_95_per_usage(arrays: RunArrays) -> dict[str, float]:
    """The 95 % point of I(E;A)/H(load) for every attribute A over 199 permutations within class: the 190th in order."""
    return _per_usage(arrays, {name: _upper(one.information_null_D) for name, one in by_attribute(arrays).items()})


@metric(unit="bits", low=0, high=bounds.log2_E, better="none", source="Cover and Thomas 2006, eq. 2.60")
def attribute_given_class_bits(arrays: RunArrays) -> dict[str, float]:
    """I(E;A|Y) for every attribute A: the arg-max expert's information about it beyond the class, plug-in."""
    return {name: one.given_class for name, one in by_attribute(arrays).items()}


@metric(unit="bits", low=0, high=bounds.log2_E, better="none", source="moe-lab; permutations within strata: Good 2005")
def attribute_given_class_null_bits(arrays: RunArrays) -> dict[str, float]:
    """Mean I(E;A|Y) for every attribute A over 199 permutations of the samples within their class: chance alone."""
    return {name: one.given_class_null_D.mean() for name, one in by_attribute(arrays).items()}


@metric(unit="bits", low=0, high=bounds.log2_E, better="none", source="moe-lab; permutations within strata: Good 2005")
def attribute_given_class_null_95_bits(arrays: RunArrays) -> dict[str, float]:
    """The 95 % point of I(E;A|Y) for every attribute A over 199 permutations within class: the 190th in order."""
    return {name: _upper(one.given_class_null_D) for name, one in by_attribute(arrays).items()}


@metric(unit="ratio", low=0, high=1, better="none", source="Phipson and Smyth 2010, (1 + b) / (1 + m)")
def attribute_p_value(arrays: RunArrays) -> dict[str, float]:
    """Permutation p-value of I(E;A|Y) for every attribute A: (1 + permutations with at least as much) / 200.

    199 permutations of the samples within their class. At least .005, and 1 if the class determines the attribute. Null
    hypothesis: among samples of one class, the choice of expert is independent of the attribute. It is not corrected
    for the number of attributes; ``attribute_corrected_p_value`` is.
    """
    return {name: one.p for name, one in by_attribute(arrays).items()}


@metric(unit="ratio", low=0, high=1, better="none", source="Westfall and Young 1993, single-step max T by permutation")
def attribute_corrected_p_value(arrays: RunArrays) -> dict[str, float]:
    """``attribute_p_value`` corrected over the attributes: by chance, any is below alpha with probability <= alpha.

    All attributes share the permutations. A permutation counts if its largest standardized I(E;A|Y) over all attributes
    is at least this attribute's.
    """
    return {name: one.corrected_p for name, one in by_attribute(arrays).items()}


def _per_usage(arrays: RunArrays, values: Mapping[str, float]) -> dict[str, float]:
    """The values divided by H(load)."""
    usage_bits = require_use(arrays)
    return {name: value / usage_bits for name, value in values.items()}


def _upper(null_D: np.ndarray) -> float:
    return null_D[round(0.95 * (PERMUTATIONS + 1)) - 1]
