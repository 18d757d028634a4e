"""The report of one network of mixture layers: report.md, report.html, figures/ and tables, from its folder alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moe_lab.metrics.computing import TAKEN
from moe_lab.metrics.networks import LABEL, label_of
from moe_lab.metrics.registry import METRICS
from moe_lab.reports.kit.headline import BATCH_NOTE, ONE_SEED, Metrics, Sizes, headline, sampling_note
from moe_lab.reports.kit.numbers import quantity
from moe_lab.reports.kit.page import rendered
from moe_lab.reports.kit.section import write_pages
from moe_lab.reports.network.sections import finished_sections, history_sections
from moe_lab.reports.run.groups import groups
from moe_lab.reports.run.report import common, unfinished
from moe_lab.reports.trace.report import TracePage
from moe_lab.routing.trace_notes import label_notes
from moe_lab.store.run import Run, as_written

COSTS = {
    "parameters_total": "parameters",
    "parameters_active": "parameters used per sample",
    "multiply_adds_total": "multiply-adds per sample, all experts",
    "multiply_adds_active": "multiply-adds per sample, selected experts",
}


def write_network_report(run: Run) -> Path:
    """Write the report into the run's folder; the same files give the same bytes.

    Returns: the path of report.html.
    Raises: RunError if a file of the run is missing or broken.
    """
    if not run.finished:
        with as_written(run.path):
            context = unfinished(run, history_sections)
            pages = rendered("run", context)
        return write_pages(run.path, pages, context["sections"])
    page = TracePage.of(run)
    with as_written(run.path):
        context = _finished(run, page)
        pages = rendered("network", context) | page.pages
    report = write_pages(run.path, pages, context["sections"])
    page.write_tables(run.path)
    return report


def _finished(run: Run, page: TracePage) -> dict[str, Any]:
    trace, metrics = page.trace, run.metrics
    label, last = label_of(trace), trace.layers[-1].name
    sizes: Sizes = {
        "experts": trace.layers[-1].experts,
        "classes": len(run.arrays("test")["class_names"] if label == LABEL else trace.label(label).names),
        "tested": len(trace.label(label).names),
        "task": "classification",
    }
    notes = [
        f"Metrics of the choice of expert are of the rows of the last mixture layer, {last}, and their {label}.",
        # tokens of one document are not independent
        sampling_note(metrics, trace.documents) if label == LABEL else ONE_SEED,
    ]
    if run.arrays("test").get("batch_dependent", False):
        notes.append(BATCH_NOTE)
    # the metrics of each layer have chapters of their own
    apart = {name for name, one in METRICS.items() if one.of_networks and not one.of_tokens} | set(TAKEN)
    own = {name: entry for name, entry in metrics.items() if "." not in name and name not in apart}
    return (
        page.context
        | common(run)
        | {
            "answer": answer(metrics, last, label),
            "notes": list(label_notes(trace)),
            "more_notes": 0,
            "sampling_note": " ".join(notes),
            "headline": headline(own, **sizes),
            "groups": groups(own, **sizes),
            "costs": costs(metrics),
            "sections": finished_sections(run, trace, page.values),
        }
    )


def answer(metrics: Metrics, layer: str, label: str) -> str:
    """The sentence on the network's predictions, and on the choice of expert in its last layer and the label."""
    bits, share = (_value(metrics, name) for name in ("mutual_information_expert_label_bits", "information_per_usage"))
    begin = f"{_quality(metrics)}. In the last mixture layer, {layer}, the choice of expert"
    if bits is None:
        reason = metrics["mutual_information_expert_label_bits"].get("reason", "no value")
        return f"{begin} tells nothing that can be measured: {reason}."
    sentence = f"{begin} tells I(E;{label}) = {quantity(bits, 'bits')} about the {label}"
    entropy = quantity(_value(metrics, "load_entropy_bits"), "bits")
    if share is None:
        return f"{sentence}; its entropy H(load) is {entropy}."
    return f"{sentence}, {quantity(share, 'fraction')} of its entropy H(load) = {entropy}."


def _quality(metrics: Metrics) -> str:
    """The loss of a language model, the error of other networks."""
    if "test_bits_per_byte" not in metrics:
        return f"Test error {quantity(_value(metrics, 'test_error_rate'), 'fraction')}"
    sentence = f"Test loss {quantity(_value(metrics, 'test_loss_nats'), 'nats')} per token"
    bits, gap = (_value(metrics, name) for name in ("test_bits_per_byte", "bayes_gap"))
    if bits is not None:
        return f"{sentence}, {quantity(bits, 'bits')} per byte"
    return sentence if gap is None else f"{sentence}, {quantity(gap, 'fraction')} above the Bayes mixture"


def costs(metrics: Metrics) -> dict[str, str]:
    """The costs of a prediction."""
    found = {label: _value(metrics, name) for name, label in COSTS.items()}
    return {label: f"{value:,.0f}" for label, value in found.items() if value is not None}


def _value(metrics: Mapping[str, Mapping[str, Any]], name: str) -> Any:
    return metrics.get(name, {}).get("value")
