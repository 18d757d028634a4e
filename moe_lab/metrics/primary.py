"""The metric by which runs are compared."""

from collections.abc import Mapping
from typing import Any


def primary(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """The name of the metric by which a run is compared whose metrics.json is ``metrics``: of a language model the test
    loss, because its wrong tokens say less; else the error rate; in regression, which has none, the RMSE."""
    if "test_bits_per_byte" in metrics:
        return "test_loss_nats"
    return "test_rmse_sd" if metrics.get("test_error_rate", {}).get("value") is None else "test_error_rate"
