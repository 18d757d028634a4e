"""docs/metrics.md, from the register of metrics.

``python -m docs.metrics > docs/metrics.md`` writes it anew; a test says when that is due.
"""

import sys

from moe_lab.metrics import METRICS, Metric
from moe_lab.metrics.registry import by_group, title

PROSE = """# Metrics

Every metric is a pure function of what a run has stored ([run-folder.md](run-folder.md)): of the test split's arrays,
of the validation samples' experts after each epoch, and of the history. `metrics.json` holds all of them, and
`moe-lab list metric` has this page in the terminal, `moe-lab explain NAME` one of them. This page is made from the
register (`python -m docs.metrics > docs/metrics.md`); a test keeps it up to date.

## Conventions

- **Letters.** N test samples, E experts, C classes, C_test of them with test samples. Y is the true class; in
  regression, the known component that a sample comes from, or else which tenth of the test targets it is. Y' is a
  prediction of it: the arg-max expert's own, or the mixture's where the definition says so. q is what the mixture
  predicts, P_e what expert e does.
- **Weights and rows.** *Usage* is of the gate's weights: each sample's row is divided by its sum, so that a sample
  counts once. *Load* is of counts: each sample belongs to its arg-max expert. Names with `soft`, and `usage_...`, are
  of weights; `load_...` and all other information, `information_per_usage` too, are of counts. Ties of arg-max go to
  the lowest index.
- **Unrouted samples.** A sample whose weights are all zero belongs to no expert. It is left out of entropies,
  information, load, agreement and the hardening gap, and counted in `unrouted_share`; the mixture's own error and
  loss are over all test samples.
- **Dead and collapsed.** A dead expert is the arg-max of no test sample. A routing is collapsed where one expert has
  more than 95 % of the routed samples; it has no agreement with anything, for two partitions into one part always
  agree.
- **Undefined.** What has no value is null, with the reason beside it; never NaN, never 0 in its place.
- **Units.** Entropies and information are in bits, losses and regret in nats (1 nat = 1.44 bits); `fraction` is a
  share, printed in percent, and differences of shares in points; `ratio` is a plain number that is no share; `sd` is
  the standard deviation of the target over the training split; `y` is the target's own unit.
- **Bias.** Information from counts is a plug-in estimate, too large by about (E - 1)(C - 1) / (2 N ln 2) bits. The
  names with `mm` are corrected by Miller and Madow, and not clipped: they may be negative or exceed a bound. What
  chance alone gives is in the `null` metrics; with 199 permutations the smallest p-value is .005.
- **What to read first.** I(E;Y) is bounded by H(load), and any balancer raises it; `information_per_usage` is the share
  of the usage that follows the class. An oracle's error is low also by luck: read it beside
  `oracle_by_luck_error_rate`. One run is one observation; compare seeds before comparing arms, and arms by what every
  seed has: `information_per_usage` is undefined for a collapsed one ([reports.md](reports.md)).
- **Who does the classifying.** I(Y;E,Y') = I(Y;E) + I(Y;Y'|E), Y' the arg-max expert's own prediction. The first term
  is classified by the choice of expert, the second by the expert. Experts that always give the same answer have the
  largest I(E;Y) and nothing to say: read both terms, with `classes_never_answered` and `worst_class_error_rate`.

## Add one

A metric is one decorated function in a module of `moe_lab/metrics`; the module is its group. It is given the run's
arrays (`moe_lab/metrics/arrays.py`): those of the test split, `arrays.stored("assignments")` and the like for any
other file of the folder, read on demand, and `arrays.history`. It returns a number, a list with one an expert, or
numbers by name, and raises `Undefined` with the reason where it has no value. If its argument is annotated as
`RoutingArrays` in place of `RunArrays`, it needs no more than routing and labels, and it is also computed of a layer of
a trace ([traces.md](traces.md)). As `LayerArrays` it is of a mixture layer of a network, as `NetworkArrays` of all
layers together ([networks.md](networks.md)). The first line of its docstring is the definition. Listing,
`metrics.json`, report and this page follow; `tests/metrics/test_all_metrics.py` asks for its value by hand.
"""


def text() -> str:
    """The whole of docs/metrics.md."""
    parts = [PROSE]
    for group, names in by_group(METRICS).items():
        parts += [f"## {title(group)}\n\n{introduction(group)}\n"]
        parts += [*(_entry(METRICS[name]) for name in names), ""]
    return "\n".join(parts)


def introduction(group: str) -> str:
    """What the head of the group's module says."""
    return (sys.modules[f"moe_lab.metrics.{group}"].__doc__ or "").strip()


def _entry(metric: Metric) -> str:
    facts = [metric.unit, metric.range]
    if metric.better != "none":
        facts.append(f"{metric.better} is better")
    if metric.task is not None:
        facts.append(f"{metric.task} only")
    said = [metric.definition, *filter(None, (metric.notes, _nulls(metric)))]
    plain = "\n  ".join(said).replace("*", r"\*")
    return f"- **`{metric.name}`** ({', '.join(facts)}): {plain}\n  *{metric.source}*"


def _nulls(metric: Metric) -> str:
    return f"An element is {metric.null_element}." if metric.null_element else ""


if __name__ == "__main__":
    print(text(), end="")
