"""The findings of a trace in sentences: what the experts follow, how much, and with which certainty."""

from collections.abc import Mapping

from moe_lab.metrics.traces.labelled import SAME_EVERYWHERE
from moe_lab.metrics.traces.written import Written
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.numbers import quantity
from moe_lab.reports.trace.values import ACCURACY, FIRST, GIVEN_TOKEN, Values, ends, exact_value, size, sure, with_unit

#: most labels with a sentence; more are in the tables
MOST = 6


def findings(values: Values, experts: Mapping[str, int]) -> list[str]:
    """One sentence per label, the most certain and largest first, and one on the use of the experts.

    Args:
        experts: layer -> E.
    """
    about = ranked(values)
    sentences = [sentence for label in about[:MOST] for sentence in _of_label(values, label)]
    if len(about) > MOST:
        sentences.append(f"{len(about) - MOST} more labels are in the tables.")
    if not about:
        sentences.append("The trace has no labels, so it cannot be measured what its experts follow.")
    return [*sentences, *_usage(values, experts)]


def ranked(values: Values) -> list[str]:
    """The labels: those that experts follow come first, in falling order of how much."""
    return sorted(values.labels, key=lambda label: _rank(values, label))


def _rank(values: Values, label: str) -> tuple[bool, bool, float]:
    known, first = values.known(values.main, label).values(), values.known(FIRST, label).values()
    return not any(map(sure, known)), not any(map(sure, first)), -max(map(size, known), default=0.0)


def _of_label(values: Values, label: str) -> list[str]:
    known, name = values.known(values.main, label), shortened(label)
    share = f"I(E;{name})/H(E){values.of_what}"
    if not known:
        rows = values.by_layer(values.main, label)
        reason = next((row.notes for row in rows if row is not None and row.notes), "no value")
        return [f"Whether experts follow {name} cannot be measured: {reason}."]
    if all(row.adjusted_p is None for row in known.values()):
        reason = next(row.notes for row in known.values())
        layer, row = _largest(known)
        value = f" {share} is {exact_value(row)}{_in(values, layer)}." if SAME_EVERYWHERE in reason else ""
        return [f"Whether experts follow {name} cannot be tested: {reason}.{value}"]
    if any(map(sure, known.values())):
        return [_followed(values, label, values.main), *_given_token(values, label), *_documents(values, label)]
    layer, row = _largest(known)
    value = f"is {exact_value(row)}{_in(values, layer)}, {_p(values, values.main, row)}."
    if any(map(sure, values.known(FIRST, label).values())):
        return [
            _followed(values, label, FIRST),
            f"Over all selected experts there is no evidence of this: the largest {share} {value}",
        ]
    over = _over(values, label)
    return [f"There is no evidence that experts follow {name}: the largest {share}{over} {value}"]


def _over(values: Values, label: str) -> str:
    """The selections that the main measure is over, if they are not the first choices alone."""
    pairs = zip(values.by_layer(values.main, label), values.by_layer(FIRST, label), strict=True)
    several = any(one is not None and first is not None and one.value != first.value for one, first in pairs)
    return " over all selected experts" if several else ""


def _followed(values: Values, label: str, measure: str) -> str:
    """That experts, or their first choices alone, follow a label in some layer by this measure."""
    known, name = values.known(measure, label), shortened(label)
    beyond = {layer: row for layer, row in known.items() if sure(row)}
    layer, row = _largest(beyond)
    alone = measure != values.main
    of_what = " of first choices" if alone else values.of_what
    share = f"I(E;{name})/H(E){of_what} = {exact_value(row)}{_in(values, layer)}"
    who = "First choices" if alone else "Experts"
    text = f"{who}{_of(values, beyond, layer)} follow the label {name}: {share}, {_p(values, measure, row)}"
    if len(known) > 1:
        least = min(known, key=lambda one: size(known[one]))
        text += f"; least in {shortened(least)}, {with_unit(size(known[least]), row.unit)}"
    return f"{text}."


def _of(values: Values, beyond: Mapping[str, Written], layer: str) -> str:
    if len(values.layers) == 1:
        return ""
    if len(beyond) == 1:
        return f" of {'' if 'layer' in layer.casefold() else 'layer '}{shortened(layer)}"
    every = len(beyond) == len(values.layers)
    if every and len(beyond) == 2:
        return " of both layers"
    return f" of {'all' if every else len(beyond)} {'' if every else 'of '}{len(values.layers)} layers"


def _given_token(values: Values, label: str) -> list[str]:
    known, name = values.known(GIVEN_TOKEN, label) if values.telling([GIVEN_TOKEN]) else {}, shortened(label)
    beyond = {layer: row for layer, row in known.items() if sure(row)}
    if beyond:
        layer, row = _largest(beyond)
        what = f"I(E;{name} | token id)/H(E) = {exact_value(row)}{_in(values, layer)}"
        return [f"It is more than the tokens alone explain: {what}, {_p(values, GIVEN_TOKEN, row)}."]
    tested = any(row.adjusted_p is not None for row in known.values())
    return [f"Given the token id, no layer has information about {name} beyond chance."] if tested else []


def _documents(values: Values, label: str) -> list[str]:
    beyond = {layer: row for layer, row in values.known(ACCURACY, label).items() if sure(row)}
    if not beyond:
        return []
    layer, row = _largest(beyond)
    chance = "" if row.null_mean is None else f", where chance is {quantity(row.null_mean, row.unit)}"
    right = f"{quantity(row.value, row.unit)}{ends(row)} of the documents{chance}"
    return [f"The counts of experts{_in(values, layer)} predict {shortened(label)} of {right}."]


def _usage(values: Values, experts: Mapping[str, int]) -> list[str]:
    """A sentence on how evenly experts are used."""
    if values.all_selected:
        return ["Every row selects all experts; its first choice is the one with the largest weight."]
    violation = values.known("slot_max_violation_global")
    if not violation:
        return []
    layer, row = _largest(violation)
    times = quantity(1 + size(row), "ratio")
    text = f"The most used expert{_in(values, layer)} has {times} times the mean load"
    if len(violation) > 1:
        text += ", the most of all layers"
    dead = {layer: row for layer, row in values.known("never_selected_experts").items() if row.value}
    if not dead:
        return [f"{text}; every expert is selected by some row."]
    worst, row = _largest(dead)
    number = quantity(row.value, "count")
    return [f"{text}; {number} of {experts[worst]} experts{_in(values, worst)} are never selected."]


def _largest(rows: Mapping[str, Written]) -> tuple[str, Written]:
    return max(rows.items(), key=lambda pair: size(pair[1]))


def _in(values: Values, layer: str) -> str:
    return f" in {shortened(layer)}" if len(values.layers) > 1 else ""


def _p(values: Values, measure: str, row: Written) -> str:
    if row.adjusted_p is None:
        return "without a test"
    family = values.family(measure)
    return f"p = {row.adjusted_p:.2g}" + (f" corrected over {family} values" if family > 1 else "")
