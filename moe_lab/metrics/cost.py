"""Costs of the mixture, gate included, in parameters and multiply-adds."""

from moe_lab.metrics.predictions import Predictions
from moe_lab.metrics.registry import metric


@metric(unit="count", low=0, high=None, better="lower", source="moe-lab")
def parameters_total(arrays: Predictions) -> int:
    """Number of parameters of the gate and all experts."""
    return arrays.parameters_total


@metric(unit="count", low=0, high=None, better="lower", source="Fedus et al. 2021, arXiv:2101.03961")
def parameters_active(arrays: Predictions) -> int:
    """Number of parameters that one sample's prediction uses: the gate and the experts selected for it."""
    return arrays.parameters_active


@metric(unit="count", low=0, high=None, better="lower", source="moe-lab")
def multiply_adds_total(arrays: Predictions) -> int:
    """Multiply-adds of one sample's prediction with all experts: linear layers, convolutions and attention."""
    return arrays.multiply_adds_total


@metric(unit="count", low=0, high=None, better="lower", source="Fedus et al. 2021, arXiv:2101.03961")
def multiply_adds_active(arrays: Predictions) -> int:
    """Multiply-adds of one sample's prediction: the gate and the experts selected for it."""
    return arrays.multiply_adds_active
