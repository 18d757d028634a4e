"""What no single value of a study's file shows: names that the file does not have, and numbers that cannot be."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from moe_lab.errors import did_you_mean, there_are
from moe_lab.metrics import METRICS
from moe_lab.metrics.computing import TAKEN
from moe_lab.metrics.registry import parts_of

if TYPE_CHECKING:
    from moe_lab.sweeps.studies.file import Published, StudyFile

#: metrics of runs, and of layers with experts that compute nothing
KNOWN = (*METRICS, *TAKEN)
#: words of every study, with their values
OF_STUDIES = {"protocol": ("paper", "fair"), "grid": ("published", "full")}


def faults(study: "StudyFile") -> Iterator[str]:
    """Each fault of a study's file, with the key where it is."""
    for named in _named_arms(study) - study.all_arms.keys():
        yield f"there is no arm named '{named}'"
    of_choices = [name for choice in study.all_choices for name in choice.metrics]
    for metric in [*study.metrics, *of_choices]:
        _, known, _ = parts_of(metric)
        if known not in KNOWN:
            yield f"no metric named '{metric}'.{did_you_mean(known, KNOWN)} See moe-lab list metric"
    for metric in study.margins.keys() - study.metrics.keys():
        yield f"margins: {_no_metric(metric, study.metrics)}"
    yield from _of_tuning(study)
    own = {key: tuple(values) for key, values in study.choices.items()}
    for key, values in study.choices.items():
        for value, choice in values.items():
            yield from _of_values(choice.only, OF_STUDIES | own, f"choices.{key}.{value}.only")
    for place, published in enumerate(study.published):
        yield from _of_values(published.where, own, f"published.{place}.where")
        yield from _of_rows(published, [*study.metrics, *of_choices], f"published.{place}.rows")


def _named_arms(study: "StudyFile") -> set[str]:
    """Arms that the file names in other places than their own."""
    taught = {arm.teacher for arm in study.all_arms.values() if arm.teacher is not None}
    changed = {name for choice in study.all_choices for name in (*choice.arms, *choice.drop)}
    return {study.against} | taught | changed | {name for one in study.published for name in one.rows}


def _no_metric(metric: str, metrics: "Mapping[str, str] | list[str]") -> str:
    return f"'{metric}' is none of the study's metrics.{did_you_mean(metric, metrics)}{there_are(list(metrics))}"


def _of_tuning(study: "StudyFile") -> Iterator[str]:
    """Seeds that choose a setting and are reported too."""
    last = study.first_seed + max(study.seeds, study.quick.seeds or 0) - 1
    for seed in study.fair.tuning_seeds if study.fair else []:
        if study.first_seed <= seed <= last:
            seeds = f"the study's own, {study.first_seed} to {last}"
            yield f"fair.tuning_seeds: {seed} is one of {seeds}: choose settings on other seeds, such as {last + 1}"


def _of_values(values: Mapping[str, str], known: Mapping[str, tuple[str, ...]], place: str) -> Iterator[str]:
    """Words that the study does not have, or values that they do not have."""
    for key, value in values.items():
        if key not in known:
            yield f"{place}.{key}: the study has no such choice.{did_you_mean(key, known)}{there_are(list(known))}"
        elif value not in known[key]:
            near = did_you_mean(value, known[key])
            yield f"{place}.{key}: '{value}' is no value of {key}.{near}{there_are(known[key])}"


def _of_rows(published: "Published", metrics: list[str], place: str) -> Iterator[str]:
    """Published numbers of metrics that are not shown, or that cannot be."""
    for arm, row in published.rows.items():
        means = {metric: mean for metric, (mean, _) in row.mean.items()}
        for kind, numbers in (("best", row.best), ("mean", means)):
            for metric, number in numbers.items():
                if metric not in metrics:
                    yield f"{place}.{arm}.{kind}: {_no_metric(metric, metrics)}"
                elif not _possible(metric, number):
                    known = METRICS[parts_of(metric)[1]]
                    hint = f"; in percent that is {number / 100:g}" if known.unit == "fraction" else ""
                    yield f"{place}.{arm}.{kind}.{metric}: is {number:g}, but its range is {known.range}{hint}"


def _possible(metric: str, number: float) -> bool:
    """Whether the number lies within the bounds of its metric, for any number of experts and classes."""
    _, known, _ = parts_of(metric)
    if known not in METRICS:
        return True
    low, high = METRICS[known].bounds()
    return (low is None or number >= low) and (high is None or number <= high)
