"""The table of the run and its reference decompositions."""

from collections.abc import Mapping
from typing import Any

from moe_lab.metrics.arrays import ClassArrays, NumberArrays
from moe_lab.reports.kit.numbers import NONE, quantity
from moe_lab.reports.kit.table import Table
from moe_lab.reports.run.target import printable

Metrics = Mapping[str, Mapping[str, Any]]

#: reference -> its name in the table, in order
ROWS = {
    "learnable": "a nearest-neighbour gate on this run's experts",
    "kmeans_features": "k-means of this run's experts' features",
    "kmeans_pixels": "k-means of the inputs",
    "untrained": "the gate before training",
}
#: the references that depend on training -> their description
TRAINED = {
    "learnable": "the nearest-neighbour gate, which selects one of them by a sample's nearest validation samples,",
    "kmeans_features": "the clusters of their last hidden layers",
}


def reference_table(metrics: Metrics, arrays: ClassArrays | NumberArrays, one: str) -> Table | None:
    """I(E;Y)/H(load), agreement with the run, and the error of the selected expert; None if undefined."""
    information, alike = (
        _value(metrics, name) for name in ("reference_information_per_usage", "reference_agreement_ari")
    )
    if information is None:
        return None
    of_classes = isinstance(arrays, ClassArrays)
    error, unit = ("error_rate", "fraction") if of_classes else ("rmse_sd", "sd")
    rows: list[tuple[str, float | None, float | None, float | None]] = [
        ("this run's gate", _value(metrics, "information_per_usage"), 1.0, _value(metrics, f"test_{error}"))
    ]
    picked = {"learnable": _value(metrics, f"learnable_{error}")}
    rows += [
        (label, information[name], (alike or {}).get(name), picked.get(name))
        for name, label in ROWS.items()
        if name in information
    ]
    recovered = _value(metrics, "recovery_ari")
    if recovered is not None:
        rows.append((f"the known truth, {_truth(arrays)}", None, recovered, None))
    rows.append((f"the best expert, {one} known (oracle)", None, None, _value(metrics, f"oracle_{error}")))
    shown = tuple(
        (label, _text(bits, "fraction"), NONE if ari is None else f"{ari:.2f}", _text(wrong, unit))
        for label, bits, ari, wrong in rows
    )
    trained = " and ".join(TRAINED[name] for name in ROWS if name in information and name in TRAINED)
    made = f"Made from this run's trained experts: {trained}. " if trained else ""
    return Table(
        "Compared with other assignments of the samples",
        ("who chooses", "I(E;Y)/H(load)", "agreement", "test error" if of_classes else "test RMSE"),
        "lrrr",
        shown,
        f"Clusters of the inputs and the gate before training do not depend on training, but still follow the {one} "
        f"to some degree. Only information above these two is due to training. {made}Agreement with this run: "
        "adjusted Rand index, 0 by chance, 1 for the same partition. Error: of the mixture, of the selected expert, "
        "and of the oracle.",
    )


def _truth(arrays: ClassArrays | NumberArrays) -> str:
    return printable(arrays.stored("evaluation")["truth"])


def _value(metrics: Metrics, name: str) -> Any:
    return metrics.get(name, {}).get("value")


def _text(value: float | None, unit: str) -> str:
    return NONE if value is None else quantity(value, unit)
