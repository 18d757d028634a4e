"""The chapters of a network's report."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moe_lab.metrics.network_arrays import ABSENT
from moe_lab.metrics.networks import by_sample, is_of_tokens, label_of
from moe_lab.reports.kit.section import Section
from moe_lab.reports.network.ablation import all_layers_tables, class_map, expert_table, retention_picture
from moe_lab.reports.network.computing import computing_sections
from moe_lab.reports.network.dynamics import layer_dynamics
from moe_lab.reports.network.followed import followed_section
from moe_lab.reports.network.history import Row
from moe_lab.reports.network.language import language_sections, token_names
from moe_lab.reports.network.patches import Shown, patch_picture
from moe_lab.reports.network.shown import left_out, shown_layers
from moe_lab.reports.run.curves import loss_curve, quality_curve
from moe_lab.reports.trace.sections import balance, for_a_paper, label_sections, tokens
from moe_lab.reports.trace.values import Values
from moe_lab.routing.trace import Labels, Trace
from moe_lab.store.run import Run

NEEDED = "What is lost without an expert"
ALONE = "Each layer has one expert, so none can be removed."


def finished_sections(run: Run, trace: Trace, values: Values) -> list[Section]:
    """The chapters in order: what the experts follow, how it developed, and what they are needed for."""
    counts = run.arrays("counts")["counts"] if run.has("counts") else None
    return [
        followed_section(run.metrics, trace),
        *label_sections(values, label_of(trace)),
        *_patches(run, trace),
        *(tokens(trace, token_names(run)) if is_of_tokens(trace) else ()),
        *(language_sections(run, trace) if is_of_tokens(trace) else ()),
        *balance(trace, values),
        *computing_sections(trace, run.arrays("costs")),
        *history_sections(run.history_rows, counts, "next token" if is_of_tokens(trace) else "class"),
        *_needed(run, trace),
        *for_a_paper(values),
    ]


def history_sections(
    history: Sequence[Row], counts_TLEC: np.ndarray | None = None, about: str = "class"
) -> list[Section]:
    """Accuracy and loss over the epochs, and the routing of each layer; ``about`` names what ``counts_TLEC`` counts."""
    if not history:
        return [Section("Training", notes=("No epoch was finished, so there are no curves.",))]
    training = Section("Training", (quality_curve(history), loss_curve(history)))
    return [*layer_dynamics(history, counts_TLEC, about), training]


def _patches(run: Run, trace: Trace) -> list[Section]:
    """The chapter; none if the samples are not images, or a row is a whole image."""
    if not run.has("examples"):
        return []
    shown = Shown.of(trace, run.arrays("examples"), run.arrays("test")["class_names"].tolist())
    if shown is None:
        return []
    names = [layer.name for layer in trace.layers]
    pictures = tuple(patch_picture(trace, trace.layer(name), shown) for name in shown_layers(names))
    return [Section("Patches by expert", pictures, left_out(names))]


def _needed(run: Run, trace: Trace) -> list[Section]:
    several = [layer.name for layer in trace.layers if layer.experts > 1]
    if not run.has("ablation"):
        return [Section(NEEDED, notes=(f"Not measured: {ABSENT['ablation']}." if several else ALONE,))]
    arrays, about = run.arrays("ablation"), label_of(trace)
    label = trace.label(about)
    # from here on the samples are the documents, and a sample has the label of its first row
    trace = by_sample(trace, {"test": run.arrays("test")})
    _, first_D = np.unique(trace.document_T, return_index=True)
    of_samples = Labels(value=label.value[first_D], names=label.names)
    numbers = [at for at, layer in enumerate(trace.layers) if layer.name in shown_layers(several)]
    maps = [class_map(trace, number, arrays, of_samples, about) for number in numbers]
    tables = [expert_table(trace, number, arrays, run.metrics) for number in numbers]
    notes = (*left_out_of_ablation(trace, arrays), *left_out(several))
    return [
        Section(
            NEEDED, (*maps, retention_picture(trace, arrays)), notes, (*tables, *all_layers_tables(run.metrics, about))
        )
    ]


def left_out_of_ablation(trace: Trace, arrays: Mapping[str, Any]) -> list[str]:
    """Notes on samples and experts that were left out of the ablation."""
    remarks, samples = [], len(arrays["document"])
    if samples < trace.documents:
        remarks.append(f"Measured on {samples:,} of the {trace.documents:,} test samples, evenly spaced.")
    removed = int((~np.isnan(arrays["removed_loss"]).any(2)).sum())
    experts = sum(layer.experts for layer in trace.layers if layer.experts > 1)
    if removed < experts:
        remarks.append(f"{removed} of {experts} experts were removed, those of each layer that most rows select.")
    return remarks
