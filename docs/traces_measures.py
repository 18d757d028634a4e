"""docs/traces-measures.md, from the register of measures and the simulations of benchmarks/document_coverage.py.

``python -m docs.traces_measures > docs/traces-measures.md`` writes it anew; a test says when that is due.
"""

import csv
from pathlib import Path

from moe_lab.metrics.traces import MEASURES, Measure
from moe_lab.metrics.traces.measured import Scope
from moe_lab.reports.kit.page import table

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
PROSE = """# Measures of traces

What `trace.measure()` computes ([traces.md](traces.md)), and how far its tests and intervals can be relied on. This
page is made from the register and from simulations (`python -m docs.traces_measures > docs/traces-measures.md`); the
formulas stand in the docstrings of `moe_lab/metrics/traces/`.

## How to read a value

- **`value`** is the plug-in value: the formula, with shares of counts for probabilities. A slot is one selected expert
  of one row; "of slots" counts all of them, "of first choices" the expert that a row ranks first.
- **`null_mean` and `p`** are of the null: labels change places between documents, 200 times, and everything is computed
  again. p is one-sided, (1 + b) / 201 if b permutations have a value at least as large.
- **`corrected`** is `value - null_mean`: 0 on average where the label means nothing. Where the label does mean
  something it is too small, for permuted labels make documents of one label less alike (5.5 % for a true 6.9 % with
  20 documents). It does not claim too much.
- **`estimate`, `low`, `high`**: the value without its bias, and the 95 % interval over documents. Compare models by
  these. The estimate of an information may be negative, and that of an entropy above log2 E; their intervals are not
  cut at the range of the measure, for that would leave the estimate out. Those of shares and of balance are cut.
- **Balance** within documents and batches has its chance in `null_mean`: a few rows never use all experts evenly.
- **`adjusted_p`**: each measure in all layers x labels is one family. The permutations are the same ones for all of its
  members, so the family is corrected by its joint null distribution (step-down max T, Westfall and Young 1993). Holm's
  correction is as valid, but cannot go below m / 201 in a family of m: with 16 layers and 3 labels nothing would ever
  be significant.
- **Too few documents.** With n_g documents of label g at most D! / prod n_g! arrangements differ. Where that allows no
  p of .05 the reason stands in place of p. Labels with fewer than 20 documents are named in a warning: the simulations
  below go down to five, but documents that people write are less regular than simulated ones.

## The null

Rows of one document are alike: it has one topic, one author, one language. So nothing that permutes rows is a null:
of traces through an *untrained* router, with labels that mean nothing, it calls nearly all significant (below).

- **A label of documents** (domain, language) is permuted over the documents that have it.
- **A label of rows** (part of speech, kind of character, the first choice of the layer before) differs within a
  document, and documents differ in length. Here a document's whole sequence of labels goes to another document of
  nearly the same length (strata of 20 in order of length), and is cut or begun again to fit. What labels owe to each
  other and to the place in the document stays. Two other ways were considered. Rotating a sequence within its document
  tests only how rows are aligned. Laying all sequences end to end in a new order lets borders fall inside documents, so
  that two documents share a sequence: chance information comes out a third too small, and too much is significant.
  Where documents of a stratum differ much in length, the null errs towards no information (1 % in place of 5 % below).
- **I(E;label | token id)** uses the same permutations, so its p is of the hypothesis that the label has to do with
  neither tokens nor experts. Where label and tokens depend on each other, as language and letters do, permuted labels
  are more evenly mixed within a token than real ones; `corrected` and `p` then err towards no information. `estimate`
  does not: it compares with labels that are permuted within each token id.
- One permutation of the documents is that of all layers and labels. Seeds of training are another matter: one trace is
  one model.

## The interval

The jackknife over documents: each document is left out in turn, or each of 200 groups of documents. A bootstrap would
be wrong here, for plug-in information is too large by about one over the number of documents and resampling doubles
that; the jackknife takes it off. Document accuracy has the interval of Clopper and Pearson. `effective_rank`,
`domain_specialization_highest`, `slot_max_violation_global` and `coactivation_highest` have none, for noise pushes them
up in a way that no jackknife mends: read the first two against `null_mean`.
"""
SCOPES: dict[Scope, str] = {
    "label": "Of a label in a layer",
    "layer": "Of a layer",
    "pair": "Of two layers: neighbours, two steps of one model, or two models",
    "router": "Of a router's weights",
}
NULLS = """## Simulated: does the null hold?

{traces:,} traces each, 99 permutations. Documents have vocabularies of their own; a random linear router sees a random
embedding of the token and half as much of the document. Labels mean nothing: those of documents are drawn, those of
rows stay for ten rows on average. How many traces of a hundred have p <= .05 (with their 95 % interval); 5 is right.
"""
FAMILIES = """
In families of 12 such traces (60 documents of 50 rows, E = 8) {raw:g} % have at least one raw p <= .05, and
{adjusted:g} % at least one adjusted p.
"""
INTERVALS = """## Simulated: does the interval hold?

{traces:,} traces each; 95 % is right. Labels are drawn, a label's logits of the experts have the given spread, tokens
have logits of their own (sd 1), documents too (sd .3); documents have 100 tokens of a vocabulary of 30, Dirichlet
around that of their label. All numbers in percent; the true document accuracy is the mean over the traces. Given the
token the estimate is too small, and the interval too low, where most cells are empty and the information is large:
with 64 experts, 80 documents have 67 slots of a token and label. Near chance the accuracy's interval is a little too
narrow.
"""
TRACES = 1_000


def text() -> str:
    """The whole of docs/traces-measures.md."""
    parts = [PROSE, "## All measures\n"]
    for scope, title in SCOPES.items():
        parts += [f"**{title}**\n", *(_entry(one) for one in MEASURES.values() if one.scope == scope), ""]
    nulls, intervals = (_rows(name) for name in ("document_nulls", "document_intervals"))
    families = {row["test"]: float(row["significant_percent"]) for row in nulls if "family" in row["case"]}
    parts += [NULLS.format(traces=TRACES), _null_table([row for row in nulls if "family" not in row["case"]])]
    parts += [FAMILIES.format(raw=families["at least one raw p"], adjusted=families["at least one adjusted p"])]
    parts += [INTERVALS.format(traces=TRACES), _interval_table(intervals)]
    return "\n".join(parts) + "\n"


def _entry(measure: Measure) -> str:
    ends = f"at least {measure.low:g}" if measure.high is None else f"{measure.low:g} to {measure.high:g}"
    return f"- **`{measure.name}`** ({measure.unit}, {ends}): {measure.definition}\n  *{measure.source}*"


def _null_table(rows: list[dict[str, str]]) -> str:
    tests, cases = (list(dict.fromkeys(row[key] for row in rows)) for key in ("test", "case"))
    found = {(row["case"], row["test"]): row for row in rows}
    cells = [[case, *(_rate(found[case, test], "significant_percent") for test in tests)] for case in cases]
    return table(["trace", *tests], cells, "l" + "r" * len(tests))


def _interval_table(rows: list[dict[str, str]]) -> str:
    columns = ("true_percent", "estimate_mean_percent", "corrected_mean_percent")
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    cells = [
        [row["measure"], row["case"], *(_short(row[column]) for column in columns), _rate(row, "covers_percent")]
        for row in sorted(rows, key=lambda row: measures.index(row["measure"]))
    ]
    heads = ["measure", "trace", "true", "mean estimate", "mean corrected", "holds the true value"]
    return table(heads, cells, "llrrrr")


def _short(percent: str) -> str:
    """Two digits behind the point."""
    return f"{round(float(percent), 2) + 0.0:.2f}"


def _rate(row: dict[str, str], column: str) -> str:
    return f"{float(row[column]):.1f} ({float(row['low_percent']):.1f} to {float(row['high_percent']):.1f})"


def _rows(name: str) -> list[dict[str, str]]:
    with (RESULTS / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    print(text(), end="")
