"""The paragraph on methods from the configs of the runs: what was trained, how often, and how it was compared."""

from dataclasses import dataclass
from pathlib import PurePath

from moe_lab.errors import RunError
from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.findings import states
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
    found = [_differing(chosen, sources), _shared(chosen, sources), _training(chosen), _seeds(chosen)]
    found += [*_measures(chosen), _intervals(chosen), _compared(chosen), _machine(chosen)]
    return [sentence for sentence in found if sentence]


def _differing(chosen: Chosen, sources: Sources) -> Sentence:
    """The sentence on the arms and the choices in which they differ."""
    if len(chosen.arms) == 1:
        return [f"We trained one arm, {chosen.arms[0].name}."]
    phrases: Sentence = [f"We trained {len(chosen.arms)} arms, which differ in "]
    for place, key in enumerate(chosen.varying):
        levels = dict.fromkeys(arm.levels[key] for arm in chosen.arms)
        phrases += [" and " if place else "", f"{key} ("]
        for at, level in enumerate(levels):
            parts = [sources.of(key, one.strip()) for one in choice_word(level).split(",")]
            phrases += [", " if at else "", choice_word(level), Cite(tuple(parts))]
        phrases.append(")")
    return [*phrases, "."]


def _shared(chosen: Chosen, sources: Sources) -> Sentence:
    """The sentence on the parts that all arms have."""
    options = [options_of(arm) for arm in chosen.arms]
    phrases: list[Sentence] = []
    for group, phrase in SAID.items():
        first = [one for one in options[0].get(group, []) if one not in PLAIN]
        if first and all(one.get(group) == options[0][group] for one in options):
            named = ", ".join(first) + (_file(chosen) if group == "dataset" else "")
            phrases.append([phrase.format(named), Cite(tuple(sources.of(group, one) for one in first))])
    count, k = _same(chosen, VALUES["experts (E)"]), _same(chosen, VALUES["selected experts (k)"])
    phrases += [[f"E = {count} experts"]] if count else []
    phrases += [[f"k = {k} selected experts"]] if k else []
    if not phrases:
        return []
    joined: Sentence = []
    for place, one in enumerate(phrases):
        joined += ["" if place == 0 else " and " if place == len(phrases) - 1 else ", ", *one]
    return ["All have " if len(chosen.arms) > 1 else "It has ", *joined, "."]


def _file(chosen: Chosen) -> str:
    """The name of the user's data file or folder."""
    path = _same(chosen, "dataset.path")
    return "" if path in ("", "none") else f" ({PurePath(path).name})"


def _training(chosen: Chosen) -> Sentence:
    """Epochs, batches, optimizer and the validation split, if all arms have the same."""
    same = {label: _same(chosen, VALUES[label]) for label in VALUES}
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


def _same(chosen: Chosen, key: str) -> str:
    """The value of a key if all arms have the same one; else empty."""
    values = {described(lookup(config_of(arm), key)) for arm in chosen.arms}
    return values.pop() if len(values) == 1 else ""


def _seeds(chosen: Chosen) -> Sentence:
    ns = sorted({arm.n for arm in chosen.arms})
    times = f"{ns[0]}" if len(ns) == 1 else f"{ns[0]} to {ns[-1]}"
    seeds = {tuple(one.seed_word for one in arm.counted) for arm in chosen.arms}
    which = f" (seeds {', '.join(next(iter(seeds)))})" if len(seeds) == 1 and len(next(iter(seeds))) <= 20 else ""
    return [
        f"Each arm has {times} finished run{'' if ns == [1] else 's'}{which}; the seed determines the initialization, "
        f"the order of the data and the noise. Of all planned runs, {states(chosen.measured.collection)}. The test "
        f"split{_tested(chosen)} was evaluated once, after training."
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
