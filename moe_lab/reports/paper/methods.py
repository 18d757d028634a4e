"""The paragraph on methods from the configs of the runs: what was trained, how often, and how it was compared."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from moe_lab.errors import RunError
from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.findings import states
from moe_lab.reports.arms.words import lowered
from moe_lab.reports.kit.choices import VALUES, described, lookup
from moe_lab.reports.kit.numbers import NBSP
from moe_lab.reports.paper.chosen import Chosen
from moe_lab.reports.paper.references import cited
from moe_lab.reports.paper.sources import (
    FLIPS,
    HOLM,
    OPTIMIZERS,
    OURS,
    Sources,
    config_of,
    interval_sources,
    metric_source,
    options_of,
)
from moe_lab.reports.paper.table import choice_word, listing

#: options that a sentence leaves out, because they add nothing
PLAIN = ("none", "end_to_end")
#: group of parts -> its phrase in a sentence
SAID = {
    "network": "the network {}",
    "dataset": "the data set {}",
    "experts": "experts of the kind {}",
    "gate": "the gate {}",
    "objective": "the objective {}",
    "baseline": "the baseline {}",
    "regularizer": "the regularizer {}",
    "controller": "the controller {}",
    "recipe": "the recipe {}",
}
#: the groups of a mixture that a baseline stands in place of
OF_MIXTURES = ("experts", "gate", "regularizer", "controller")


@dataclass(frozen=True)
class Cite:
    """The papers for the text before it."""

    sources: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the entries in the BibTeX file."""
        return tuple(dict.fromkeys(key for source in self.sources for key in cited(source)))


Sentence = list[str | Cite]


def methods(chosen: Chosen) -> list[Sentence]:
    """The sentences, with the papers that they cite."""
    sources = Sources()
    found = [_differing(chosen, sources), *_shared(chosen, sources), _training(chosen)]
    found += [*_baselines(chosen, sources), _seeds(chosen), *_measures(chosen)]
    found += [_intervals(chosen), _compared(chosen), _machine(chosen)]
    return [sentence for sentence in found if sentence]


def _differing(chosen: Chosen, sources: Sources) -> Sentence:
    """The sentence on the arms and the choices in which they differ."""
    if len(chosen.arms) == 1:
        return [f"We trained one arm, {chosen.arms[0].name}."]
    phrases: Sentence = [f"We trained {len(chosen.arms)} arms, which differ in "]
    for place, key in enumerate(chosen.varying):
        phrases += [" and " if place else "", f"{key} ("]
        for at, level in enumerate(dict.fromkeys(chosen.levels(key).values())):
            words = choice_word(level).split(", ")
            named = [one + _weight(chosen, one) for one in words] if key == "regularizer" else words
            parts = tuple(sources.of(key, one) for one in words)
            phrases += [", " if at else "", ", ".join(named), Cite(parts)]
        phrases.append(")")
    return [*phrases, "."]


def _weight(chosen: Chosen, regularizer: str) -> str:
    """`` (weight 0.1)``, if all arms with this regularizer have the same weight; else empty."""
    found = (lookup(config_of(arm), f"regularizers.{regularizer}.weight") for arm in chosen.arms)
    values = {described(one) for one in found if one is not None}
    return f" (weight {values.pop()})" if len(values) == 1 else ""


def _shared(chosen: Chosen, sources: Sources) -> list[Sentence]:
    """The sentence on the parts that all arms have; if some arms are baselines, one on those of the mixtures."""
    mixtures = [arm for arm in chosen.arms if _baseline(arm) is None]
    subject = "All have " if len(chosen.arms) > 1 else "It has "
    everywhere = [one for one in SAID if one not in OF_MIXTURES]
    if len(mixtures) == len(chosen.arms):
        phrases = _parts(chosen, chosen.arms, SAID, sources) + _sizes(chosen.arms)
        return [_joined(subject, phrases)]
    theirs = "The mixtures have " if len(mixtures) > 1 else "The mixture has "
    of = mixtures or list(chosen.arms)
    return [
        _joined(subject, _parts(chosen, chosen.arms, everywhere, sources)),
        _joined(
            theirs if mixtures else "The mixture that the baseline replaces has ",
            _parts(chosen, of, OF_MIXTURES, sources) + _sizes(of),
        ),
    ]


def _parts(chosen: Chosen, arms: Sequence[Arm], groups: Iterable[str], sources: Sources) -> list[Sentence]:
    """A phrase for each group of which these arms have the same options."""
    options = [options_of(arm) for arm in arms]
    phrases: list[Sentence] = []
    for group in groups:
        first = [one for one in options[0].get(group, []) if one not in PLAIN]
        if first and all(one.get(group) == options[0][group] for one in options):
            named = [one + _weight(chosen, one) for one in first] if group == "regularizer" else first
            text = ", ".join(named) + (_file(chosen) if group == "dataset" else "")
            phrases.append([SAID[group].format(text), Cite(tuple(sources.of(group, one) for one in first))])
    return phrases


def _sizes(arms: Sequence[Arm]) -> list[Sentence]:
    """E and k, if these arms have the same."""
    count, k = _same(arms, VALUES["experts (E)"]), _same(arms, VALUES["selected experts (k)"])
    found: list[Sentence] = [[f"E = {count} expert{'' if count == '1' else 's'}"]] if count else []
    return [*found, [f"k = {k} selected expert{'' if k == '1' else 's'}"]] if k else found


def _joined(subject: str, phrases: Sequence[Sentence]) -> Sentence:
    if not phrases:
        return []
    joined: Sentence = []
    for place, one in enumerate(phrases):
        joined += ["" if place == 0 else " and " if place == len(phrases) - 1 else ", ", *one]
    return [subject, *joined, "."]


def _baseline(arm: Arm) -> str | None:
    """The baseline of an arm; None for a mixture."""
    return next((one for one in options_of(arm).get("baseline", []) if one != "none"), None)


def _baselines(chosen: Chosen, sources: Sources) -> list[Sentence]:
    """A sentence on each baseline: what stands in place of the mixture."""
    names = dict.fromkeys(one for one in map(_baseline, chosen.arms) if one is not None)
    found = [(one, sources.summary("baseline", one)) for one in names]
    return [
        [f"The baseline {one}: {lowered(summary).rstrip('.')}", Cite((sources.of("baseline", one),)), "."]
        for one, summary in found
        if summary
    ]


def _file(chosen: Chosen) -> str:
    """The name of the user's data file or folder."""
    path = _same(chosen.arms, "dataset.path")
    return "" if path in ("", "none") else f" ({PurePath(path).name})"


def _training(chosen: Chosen) -> Sentence:
    """Epochs, batches, optimizer and the validation split, if all arms have the same."""
    same = {label: _same(chosen.arms, VALUES[label]) for label in VALUES}
    phrases: Sentence = ["Training"]
    if same["epochs"]:
        phrases.append(f" took {same['epochs']} epoch{'' if same['epochs'] == '1' else 's'}")
    if same["batch size"]:
        phrases.append(f" in batches of {same['batch size']}")
    if same["optimizer"]:
        phrases += [f" with {same['optimizer']}", Cite((OPTIMIZERS.get(same["optimizer"], ""),))]
    if same["learning rate"]:
        phrases.append(f" at learning rate {same['learning rate']}")
    if same["weight decay"]:
        phrases.append(f", weight decay {same['weight decay']}")
    if same["validation share"]:
        share = 100 * float(same["validation share"])
        phrases.append(f"; {share:g}{NBSP}% of the training split, drawn by class, were held out for validation")
    return [*phrases, "."] if len(phrases) > 1 else []


def _same(arms: Sequence[Arm], key: str) -> str:
    """The value of a key if all arms have the same one; else empty."""
    values = {described(lookup(config_of(arm), key)) for arm in arms}
    return values.pop() if len(values) == 1 else ""


def _seeds(chosen: Chosen) -> Sentence:
    ns = sorted({arm.n for arm in chosen.arms})
    # what was refused is no run of any arm
    finished = states(replace(chosen.measured.collection, refused=()))
    times = f"{ns[0]}" if len(ns) == 1 else f"{ns[0]} to {ns[-1]}"
    seeds = {tuple(one.seed_word for one in arm.counted) for arm in chosen.arms}
    which = f" (seeds {', '.join(next(iter(seeds)))})" if len(seeds) == 1 and len(next(iter(seeds))) <= 20 else ""
    return [
        f"Each arm has {times} finished run{'' if ns == [1] else 's'}{which}; the seed determines the initialization, "
        f"the order of the data and the noise. Of the planned runs of these arms, {finished}. The "
        f"test split{_tested(chosen)} was evaluated once, after training."
    ]


def _tested(chosen: Chosen) -> str:
    try:
        counts = {len(arm.counted[0].stored.arrays("routing", ["label"])["label"]) for arm in chosen.arms}
    except RunError:
        return ""
    return f" of {counts.pop():,} samples" if len(counts) == 1 else ""


def _measures(chosen: Chosen) -> list[Sentence]:
    return [
        [named_once(one.label, one.definition.rstrip(".")), Cite((metric_source(one.name),)), "."]
        for one in chosen.quantities
    ]


def named_once(label: str, definition: str) -> str:
    """``Sample entropy H(E|X): mean entropy of ...``; a definition that begins with the label or with its symbol does
    not repeat it."""
    symbol = label.rpartition(" ")[2]
    if definition.startswith(label):
        return definition
    return label + definition.removeprefix(symbol) if definition.startswith(symbol) else f"{label}: {definition}"


def _intervals(chosen: Chosen) -> Sentence:
    if not chosen.methods:
        return []
    cite = Cite(tuple(interval_sources(chosen.methods)))
    text = f"Intervals are 95{NBSP}% intervals of the mean over seeds ({', '.join(chosen.methods)}"
    return [text, cite, "), for training again on the same test set."]


def _compared(chosen: Chosen) -> Sentence:
    found = chosen.best
    if not found.comparisons:
        return []
    return [
        "Arms were compared by their shared seeds with the exact paired sign-flip test of the mean difference",
        Cite((FLIPS,)),
        ", corrected by Holm's procedure",
        Cite((HOLM,)),
        f" over a family of {found.family} (every two arms, {len(found.tested)} "
        f"metric{'s' if len(found.tested) > 1 else ''}{found.where}) at 5{NBSP}%, in which a difference needs at least "
        f"{found.needed} seeds.",
    ]


def _machine(chosen: Chosen) -> Sentence:
    """The sentence on versions and processors, each listed once."""
    found = [_environment(arm) for arm in chosen.arms]
    versions, machines = (list(dict.fromkeys(one for one in column if one)) for column in zip(*found, strict=True))
    where = f", on {listing(machines)}" if machines else ""
    return ["Everything was computed with ", listing(versions), Cite((OURS,)), f"{where}."] if versions else []


def _environment(arm: Arm) -> tuple[str, str]:
    """``moe-lab 0.1.0 and torch 2.13.0``, and the processor; empty if it is not known."""
    try:
        environment = arm.counted[0].stored.environment
    except RunError:
        return "", ""
    known = environment.get("versions") or {}
    versions = [f"{name} {known[name]}" for name in ("moe-lab", "torch") if name in known]
    return listing(versions) if versions else "", str(environment.get("gpu") or environment.get("cpu") or "")
