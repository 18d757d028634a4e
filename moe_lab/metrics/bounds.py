"""Bounds of metrics that depend on a run's sizes, as functions of these.

Listings print the docstring of each as the bound.
"""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass

from moe_lab.tasks import Task


@dataclass(frozen=True)
class Sizes:
    """The sizes that a bound may depend on: E experts, C classes, C_test of them with test samples, and the task."""

    E: float
    C: float
    C_test: float
    task: Task


#: a number, or a function of the run's sizes; None: no bound, for all runs or for these sizes
Bound = float | Callable[[Sizes], float | None] | None


def value(bound: Bound, sizes: Sizes) -> float | None:
    """The value of a bound for these sizes; None: no bound."""
    number = bound(sizes) if callable(bound) else bound
    return None if number is None else float(number)


def text(bound: float | Callable[[Sizes], float | None]) -> str:
    """A bound as text: -0.5, or log2 E."""
    return inspect.getdoc(bound) or "" if callable(bound) else f"{bound:g}"


def zero_for_classes(of: Sizes) -> float | None:
    """0 for classes"""
    return 0 if of.task == "classification" else None


def E(of: Sizes) -> float:
    """E"""
    return of.E


def E_minus_1(of: Sizes) -> float:
    """E - 1"""
    return of.E - 1


def one_over_E(of: Sizes) -> float:
    """1 / E"""
    return 1 / of.E


def one_minus_one_over_E(of: Sizes) -> float:
    """1 - 1 / E"""
    return 1 - 1 / of.E


def sqrt_E_minus_1(of: Sizes) -> float:
    """sqrt(E - 1)"""
    return math.sqrt(of.E - 1)


def C_test(of: Sizes) -> float:
    """C_test"""
    return of.C_test


def log2_E(of: Sizes) -> float:
    """log2 E"""
    return math.log2(of.E)


def log2_C_test(of: Sizes) -> float:
    """log2 C_test"""
    return math.log2(of.C_test)


def log2_min_E_C(of: Sizes) -> float:
    """log2 min(E, C)"""
    return math.log2(min(of.E, of.C))


def log2_min_E_C_test(of: Sizes) -> float:
    """log2 min(E, C_test)"""
    return math.log2(min(of.E, of.C_test))
