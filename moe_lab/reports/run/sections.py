"""The chapters of one run's report, from the run's files."""

from collections.abc import Iterable
from typing import TypeVar

from moe_lab.metrics.arrays import ClassArrays, NumberArrays
from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.kit.section import Section
from moe_lab.reports.run import curves
from moe_lab.reports.run.attributes import VALUE as ATTRIBUTES
from moe_lab.reports.run.attributes import attribute_bars, attribute_table, attributes
from moe_lab.reports.run.class_table import class_table
from moe_lab.reports.run.coactivation import coactivation_picture
from moe_lab.reports.run.expert_accuracy import expert_accuracy, expert_rmse
from moe_lab.reports.run.gate_entropies import entropy_histogram
from moe_lab.reports.run.gate_weights import gate_pictures
from moe_lab.reports.run.images import is_image, typical_images
from moe_lab.reports.run.interventions import removal_picture, swap_picture
from moe_lab.reports.run.lasso_path import path_pictures
from moe_lab.reports.run.predictive import accuracy_of_means, predictive_picture
from moe_lab.reports.run.references import reference_table
from moe_lab.reports.run.regions import own_answers_picture, region_picture
from moe_lab.reports.run.regretted_images import regretted_images
from moe_lab.reports.run.similarity import similarity_picture
from moe_lab.reports.run.target import Target
from moe_lab.reports.run.target_tables import explained_table, given_table
from moe_lab.reports.run.tasks import task_pictures
from moe_lab.reports.run.usage import usage_bands
from moe_lab.store.run import Run

Arrays = ClassArrays | NumberArrays
Part = TypeVar("Part")

#: the metrics of each expert on its own samples, of the mixture, and of the oracle
ERRORS = ("expert_error_rate", "test_error_rate", "oracle_error_rate")
RMSES = ("expert_rmse_sd", "test_rmse_sd", "oracle_rmse_sd")
ALONE = (
    "There is one expert, so there is nothing to route: usage, entropies, tables and metrics of the choice of expert "
    "are left out."
)
NONE_ROUTED = "No test sample reached an expert, so there are no figures of the routing."
NO_ATTRIBUTES = "What else the choice of expert follows is undefined: {}."
NOT_REMOVED = "What would be lost without an expert is undefined: {}."
NO_EXPERT_ERRORS = "The experts' own errors are undefined: {}."


def history_sections(history: curves.History) -> list[Section]:
    """Accuracy (in regression: RMSE), loss, usage and entropies over the epochs."""
    if not history:
        return [Section("Training", notes=("No epoch was finished, so there are no curves.",))]
    training = Section("Training", (curves.quality_curve(history), curves.loss_curve(history)))
    if curves.expert_count(history) < 2:
        return [training]
    return [training, Section("Use of the experts", (usage_bands(history), curves.entropy_curve(history)))]


def finished_sections(run: Run, arrays: Arrays, target: Target) -> list[Section]:
    """All chapters of a finished run: the curves, and the routing of the test split."""
    sections = history_sections(run.history_rows)
    path = [*_path(run), *_tasks(arrays)]
    if arrays.routed_count == 0:
        return [*sections, *path, Section("Specialization", notes=(NONE_ROUTED,))]
    predicted = _predicted(run, arrays, target)
    images, notes = _images(run, arrays, target)
    if arrays.experts == 1:
        return [*sections, *path, *predicted, Section("The expert", images, (ALONE, *notes))]
    training, use = sections
    use = Section(use.title, _there((*use.pictures, entropy_histogram(arrays), coactivation_picture(arrays))))
    special = _special(run, arrays, target, images, notes)
    after = [*_plane(run, arrays, target), _competence(run, arrays, target), *_alike(run, arrays)]
    return [training, *path, *predicted, use, special, *after]


def _special(run: Run, arrays: Arrays, target: Target, images: tuple[Picture, ...], notes: tuple[str, ...]) -> Section:
    """The samples of each expert: by the target, by other attributes, compared with references, and as images."""
    rows = attributes(run.metrics)
    bars = (attribute_bars(rows, target.one, arrays.samples),) if rows else ()
    tables = (reference_table(run.metrics, arrays, target.one), attribute_table(rows, target.one) if rows else None)
    reason = run.metrics.get(ATTRIBUTES, {}).get("reason")
    if not rows and reason:
        notes = (*notes, NO_ATTRIBUTES.format(reason))
    weights = run.arrays("evaluation").get("gate_weights")
    pictures = (*_tables(arrays, target), *bars, *images, None if weights is None else gate_pictures(weights))
    return Section("In what they specialize", _there(pictures), notes, _there(tables))


def _plane(run: Run, arrays: Arrays, target: Target) -> list[Section]:
    """Decision regions, if samples are points in the plane."""
    if not run.has("regions") or not isinstance(arrays, ClassArrays):
        return []
    regions = run.arrays("regions")
    pictures = (region_picture(regions, arrays, target.names), own_answers_picture(regions, target.names))
    return [Section("Decision regions", pictures)]


def _alike(run: Run, arrays: Arrays) -> list[Section]:
    """Similarity of the experts, and the effect of exchanging two."""
    pictures = _there((similarity_picture(arrays), swap_picture(run.metrics, arrays)))
    return [Section("How alike the experts are", pictures)] if pictures else []


def _there(parts: Iterable[Part | None]) -> tuple[Part, ...]:
    return tuple(part for part in parts if part is not None)


def _path(run: Run) -> list[Section]:
    """Weights, active experts and error against lambda, for a run over a path of lambdas."""
    if not run.stages or "lambda" not in run.stages[0]:
        return []
    weights_SIE = run.arrays("stages")["weights"] if run.has("stages") else None
    return [Section("The path", path_pictures(run.stages, weights_SIE))]


def _tasks(arrays: Arrays) -> list[Section]:
    """For tasks in a sequence: accuracy on each task after each task, and the experts of each task."""
    pictures = task_pictures(arrays)
    return [Section("The tasks, one after another", pictures)] if pictures else []


def _predicted(run: Run, arrays: Arrays, target: Target) -> list[Section]:
    """In regression, the mixture's predictions: over the input if that is one number, else against the truth."""
    if isinstance(arrays, ClassArrays):
        return []
    if run.has("inputs"):
        return [Section("What it predicts", (predictive_picture(arrays, run.arrays("inputs"), target),))]
    return [Section("What it predicts", (accuracy_of_means(arrays, target),))]


def _tables(arrays: Arrays, target: Target) -> tuple[Picture, ...]:
    if isinstance(arrays, ClassArrays):
        return (class_table(arrays, target.names),)
    return (given_table(arrays, target), explained_table(arrays, target))


def _images(run: Run, arrays: Arrays, target: Target) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    if not run.has("examples"):
        return (), ("The run stored no examples.",)
    examples = run.arrays("examples")
    if not is_image(examples["image"]):
        if isinstance(arrays, NumberArrays):
            return (), ()
        return (), ("The samples are not images, so the most typical ones of each expert are not shown.",)
    names = target.names if isinstance(arrays, ClassArrays) else None
    return (typical_images(examples, arrays.load_E, names),), ()


def _competence(run: Run, arrays: Arrays, target: Target) -> Section:
    title = "How good each expert is, and whether it is needed"
    own_name, of_mixture, of_oracle = ERRORS if isinstance(arrays, ClassArrays) else RMSES
    needed = _there((removal_picture(run.metrics, arrays), _regretted(run, arrays, target)))
    notes = _not_removed(run) if not needed or needed[0].stem != "interventions" else ()
    own = run.metrics[own_name]
    if own["value"] is None:
        return Section(title, needed, (NO_EXPERT_ERRORS.format(own.get("reason")), *notes))
    values = {
        label: run.metrics.get(name, {}).get("value")
        for label, name in (("mixture", of_mixture), ("oracle", of_oracle))
    }
    references = {label: value for label, value in values.items() if value is not None}
    if isinstance(arrays, ClassArrays):
        picture = expert_accuracy(arrays, own["value"], references)
    else:
        picture = expert_rmse(arrays, own["value"], references)
    return Section(title, (picture, *needed), notes)


def _not_removed(run: Run) -> tuple[str, ...]:
    reason = run.metrics.get("removal_own_nats", {}).get("reason")
    return (NOT_REMOVED.format(reason),) if reason else ()


def _regretted(run: Run, arrays: Arrays, target: Target) -> Picture | None:
    examples = run.arrays("examples") if run.has("examples") else {}
    if "regret_image" not in examples or not is_image(examples["regret_image"]):
        return None
    return regretted_images(examples, target.names if isinstance(arrays, ClassArrays) else None)
