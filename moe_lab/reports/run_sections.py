"""The chapters of one run's report, each from the files that the run has."""

from collections.abc import Sequence

import numpy as np

from moe_lab.metrics import RunArrays
from moe_lab.reports import curves
from moe_lab.reports.class_table import class_table
from moe_lab.reports.expert_accuracy import expert_accuracy
from moe_lab.reports.gate_entropies import entropy_histogram
from moe_lab.reports.images import is_image, typical_images
from moe_lab.reports.picture import Picture
from moe_lab.reports.section import Section
from moe_lab.reports.usage import usage_bands
from moe_lab.store.run import Run

ONE_EXPERT = "There is one expert, so there is nothing to route: usage, entropies and the class table are left out."
NONE_ROUTED = "No test sample reached an expert, so there is nothing to show of the routing."
NO_EXPERT_ERRORS = "The experts' own errors are undefined: {}."


def history_sections(history: curves.History) -> list[Section]:
    """Accuracy, loss, usage and entropies over the epochs."""
    if not history:
        return [Section("Training", notes=("No epoch was finished, so there are no curves.",))]
    training = Section("Training", (curves.accuracy_curve(history), curves.loss_curve(history)))
    if curves.expert_count(history) < 2:
        return [training]
    return [training, Section("Use of the experts", (usage_bands(history), curves.entropy_curve(history)))]


def finished_sections(run: Run, arrays: RunArrays) -> list[Section]:
    """All chapters of a finished run: the curves, and what the routing of the test split shows."""
    sections = history_sections(run.history)
    names = class_names(run, arrays.classes)
    if arrays.routed_count == 0:
        return [*sections, Section("Specialization", notes=(NONE_ROUTED,))]
    images, notes = _images(run, arrays, names)
    if arrays.experts == 1:
        return [*sections, Section("The expert", images, (ONE_EXPERT, *notes))]
    training, use = sections
    use = Section(use.title, (*use.pictures, entropy_histogram(arrays)))
    special = Section("In what they specialize", (class_table(arrays, names), *images), notes)
    return [training, use, special, _competence(run, arrays)]


def class_names(run: Run, classes: int) -> list[str]:
    """The names of evaluation.npz, or the class numbers. What cannot be printed may not stand in an SVG either."""
    stored = run.arrays("evaluation").get("class_names", np.arange(classes))
    return ["".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(name)) for name in stored]


def _images(run: Run, arrays: RunArrays, names: Sequence[str]) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    if not run.has("examples"):
        return (), ("The run stored no examples.",)
    examples = run.arrays("examples")
    if not is_image(examples["image"]):
        return (), ("The samples are no images, so the most typical ones of each expert are not shown.",)
    return (typical_images(examples, arrays.load_E, names),), ()


def _competence(run: Run, arrays: RunArrays) -> Section:
    title = "How good each expert is"
    own = run.metrics["expert_error_rate"]
    if own["value"] is None:
        return Section(title, notes=(NO_EXPERT_ERRORS.format(own.get("reason")),))
    rates = {"mixture": "test_error_rate", "oracle": "oracle_error_rate"}
    values = {label: run.metrics.get(name, {}).get("value") for label, name in rates.items()}
    references = {label: value for label, value in values.items() if value is not None}
    return Section(title, (expert_accuracy(arrays, own["value"], references),))
