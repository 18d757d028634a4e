"""Traces with a planted label, and values as measures.csv has them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moe_lab.metrics.traces import MEASURES
from moe_lab.metrics.traces.written import COLUMNS, Written
from moe_lab.reports.trace.values import Values
from moe_lab.routing.trace import Labels, LayerTrace, Trace
from moe_lab.routing.trace_files import write_trace
from moe_lab.store.cells import csv_text
from moe_lab.store.run import Run


def planted(documents=24, tokens=40, layers=2, experts=6, slots=2, follow=2.0, names=("code", "prose"), **words):
    """Two domains; from layer to layer, experts 0 and 1 follow them more, in layer 0 not at all."""
    rng = np.random.default_rng(0)
    document_T = np.repeat(np.arange(documents), tokens).astype(np.int32)
    domain_D = np.arange(documents) % 2
    rows = []
    for number in range(layers):
        scores_TE = rng.gumbel(size=(len(document_T), experts))
        scores_TE[np.arange(len(document_T)), domain_D[document_T]] += follow * number / max(1, layers - 1)
        experts_TK = np.argsort(-scores_TE, axis=1)[:, :slots].astype(np.int16)
        rows.append(LayerTrace(name=f"block{number}", experts=experts, experts_TK=experts_TK))
    given = {
        "layers": tuple(rows),
        "document_T": document_T,
        "token_id_T": rng.integers(0, 9, len(document_T)).astype(np.int32),
        "document_labels": {"domain": Labels(value=domain_D.astype(np.int32), names=names)},
    }
    return Trace(**given | words)


def written(measure, layer, value, label="domain", **words) -> Written:
    """One row; what is not given is missing."""
    empty = dict.fromkeys(("null_mean", "corrected", "estimate", "low", "high", "p", "adjusted_p"))
    fixed = {"unit": "fraction", "documents": 40, "left_out": 0.0, "notes": ""}
    return Written(**empty | fixed | {"measure": measure, "layer": layer, "label": label, "value": value} | words)


def invented(trace):
    """Every measure of every label and layer, without measuring: that takes minutes."""
    one = {"value": 0.0717, "null_mean": 0.0123, "corrected": 0.0594, "estimate": 0.0642, "low": 0.0311, "high": 0.0987}
    rest = {"p": 0.005, "adjusted_p": 0.0149, "documents": 40, "left_out": 0.0, "notes": "fewer than 20 " * 40}
    rows = [
        {"layer": layer.name, "label": label, "measure": name, "unit": measure.unit, **one, **rest}
        for layer in trace.layers
        for name, measure in MEASURES.items()
        for label in (trace.label_names if measure.scope == "label" else [""])
        if measure.scope in ("label", "layer")
    ]
    return csv_text(list(COLUMNS), rows)


@pytest.fixture
def measures_of() -> Callable[[Trace], str]:
    return invented


@pytest.fixture
def values_from() -> Callable[..., Values]:
    def make(*rows: Written, layers=("block0", "block3"), labels=("domain",), all_selected=False) -> Values:
        return Values(rows, tuple(layers), tuple(labels), all_selected)

    return make


@pytest.fixture
def row() -> Callable[..., Written]:
    return written


@pytest.fixture
def make_trace() -> Callable[..., Trace]:
    return planted


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[..., Run]:
    def make(trace: Trace, name: str = "recorded") -> Run:
        folder = tmp_path / name
        folder.mkdir()
        write_trace(folder, trace)
        return Run(folder)

    return make
