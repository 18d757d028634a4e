"""Error rates of the test by documents, and coverage of the interval over documents, by simulation.

``python -m benchmarks.document_coverage`` writes benchmarks/results/document_nulls.csv and document_intervals.csv and
prints them as the tables of docs/traces-measures.md. In the first, labels are random: a test at .05 should find 5 % of
the traces significant. In the second, information of a known size is planted: 95 % of the 95 % intervals should contain
it.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moe_lab.metrics.traces import tables
from moe_lab.metrics.traces.documents import document_accuracy
from moe_lab.metrics.traces.labelled import DocumentLabel, Labelled, RowLabel
from moe_lab.metrics.traces.labels import of_tables
from moe_lab.metrics.traces.measured import MEASURES
from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.metrics.traces.sampled import Statistic, interval
from moe_lab.metrics.traces.tokens import Kept, given_token
from moe_lab.reports.kit.page import table
from moe_lab.routing.trace import LayerTrace, Trace
from moe_lab.statistics import rate
from moe_lab.statistics.documents import permutation_p, step_down_max_t
from moe_lab.store.atomic import write_csv

RESULTS = Path(__file__).parent / "results"
TRACES, PERMUTATIONS = 1_000, 99
LABELS, VOCABULARY, WIDTH = 4, 200, 16


@dataclass(frozen=True)
class Case:
    """Documents, their mean length, whether lengths differ (log-normal, sd .7), experts and selected experts."""

    documents: int = 100
    length: int = 100
    vary: bool = False
    experts: int = 8
    k: int = 1

    @property
    def name(self) -> str:
        lengths = f"{self.length} rows" + (", lengths differ" if self.vary else "")
        return f"{self.documents} documents of {lengths}, E = {self.experts}, k = {self.k}"


CASES = (Case(), Case(vary=True), Case(documents=40), Case(documents=400, length=25), Case(experts=64, k=8))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A trace, and labels of its documents and rows that are independent of it."""

    trace: Trace
    rows: Rows
    document_label: DocumentLabel
    row_label: RowLabel


def untrained(case: Case, rng: np.random.Generator, seed: int) -> Drawn:
    """Documents with their own vocabularies through a random linear router.

    A row's input is a random embedding of its token, plus half of one of its document. A row's label stays for ten rows
    on average, and then is drawn anew.
    """
    length_D = _lengths(case, rng)
    document_T = np.repeat(np.arange(case.documents, dtype=np.int32), length_D)
    token_T = _tokens(document_T, np.tile(rng.dirichlet(np.full(VOCABULARY, 0.5)), (case.documents, 1)), rng)
    context_DW = 0.5 * rng.normal(size=(case.documents, WIDTH))
    hidden_TW = rng.normal(size=(VOCABULARY, WIDTH))[token_T] + context_DW[document_T]
    logits_TE = hidden_TW @ rng.normal(size=(WIDTH, case.experts))
    experts_TK = np.argsort(-logits_TE, axis=1)[:, : case.k].astype(np.int16)
    trace = Trace(
        layers=(LayerTrace(name="block0", experts=case.experts, experts_TK=experts_TK),),
        document_T=document_T,
        token_id_T=token_T,
    )
    rows, names = Rows.of(trace), tuple(map(str, range(LABELS)))
    label_D = rng.permutation(np.arange(case.documents) % LABELS)
    row_T = np.arange(len(document_T))
    begins_T = (rng.random(len(row_T)) < 0.1) | np.append(True, document_T[1:] != document_T[:-1])
    label_T = rng.integers(0, LABELS, len(row_T))[np.maximum.accumulate(np.where(begins_T, row_T, 0))]
    return Drawn(
        trace,
        rows,
        DocumentLabel("meaningless", names, rows, PERMUTATIONS, seed, label_D),
        RowLabel("meaningless", names, rows, PERMUTATIONS, seed, label_T),
    )


def _tokens(document_T: np.ndarray, base_DV: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A token for each row, from a vocabulary of its document that is Dirichlet around ``base_DV``."""
    own_DV = np.cumsum(rng.gamma(np.maximum(20 * base_DV, 1e-3)), axis=1)
    at_T = rng.random(len(document_T)) * own_DV[document_T, -1]
    starts = np.searchsorted(document_T, np.arange(len(base_DV) + 1))
    parts = [np.searchsorted(own_DV[d], at_T[first:past]) for d, (first, past) in enumerate(itertools.pairwise(starts))]
    return np.concatenate(parts).astype(np.int32)


def _lengths(case: Case, rng: np.random.Generator) -> np.ndarray:
    if not case.vary:
        return np.full(case.documents, case.length)
    return np.maximum(2, (case.length * np.exp(0.7 * rng.normal(size=case.documents) - 0.245)).astype(np.int64))


def information(drawn: Drawn, label: Labelled) -> Statistic:
    slots = Chosen.slots(drawn.trace.layers[0], drawn.rows)
    [found] = label.tables([slots])
    return of_tables(tables.information_per_usage, found)


def beyond_token(drawn: Drawn, label: Labelled) -> Statistic:
    slots = Chosen.slots(drawn.trace.layers[0], drawn.rows)
    return given_token(label, slots, Kept.of(label, drawn.trace.token_id_T))


def told(drawn: Drawn, label: DocumentLabel) -> Statistic:
    return document_accuracy(label, Chosen.slots(drawn.trace.layers[0], drawn.rows).by_document(drawn.rows))


def token_p(drawn: Drawn, label: Labelled, rng: np.random.Generator) -> float:
    """p of I(E;label) if single rows are permuted, which is a wrong null."""
    first = Chosen.first(drawn.trace.layers[0], drawn.rows)
    permuted = [first.table(rng.permutation(label.label_T), label.labels) for _ in range(PERMUTATIONS)]
    value = float(tables.information_bits(first.table(label.label_T, label.labels)))
    return permutation_p(value, tables.information_bits(np.stack(permuted)))


def nulls(traces: int = TRACES, cases: tuple[Case, ...] = CASES) -> Iterator[dict[str, Any]]:
    """The percentage of traces that are significant at .05 although the label is random."""
    for case in cases:
        rng = np.random.default_rng(0)
        called: dict[str, int] = {}
        for seed in range(traces):
            drawn = untrained(case, rng, seed)
            found = {
                "label of documents": information(drawn, drawn.document_label),
                "label of documents, given the token": beyond_token(drawn, drawn.document_label),
                "label of documents, told by the histogram": told(drawn, drawn.document_label),
                "label of rows": information(drawn, drawn.row_label),
            }
            ps = {name: permutation_p(one.value, one.null_P) for name, one in found.items()}
            ps["label of documents, token null"] = token_p(drawn, drawn.document_label, rng)
            ps["label of rows, token null"] = token_p(drawn, drawn.row_label, rng)
            for name, p in ps.items():
                called[name] = called.get(name, 0) + int(p <= 0.05)
        for name, count in called.items():
            yield {"case": case.name, "test": name} | _shares("significant", count, traces)


def families(traces: int = TRACES, members: int = 12) -> Iterator[dict[str, Any]]:
    """The percentage of families of random labels with at least one significant member, raw and adjusted."""
    case, rng, counts = Case(documents=60, length=50), np.random.default_rng(1), np.zeros(2, dtype=int)
    for seed in range(traces):
        drawn = [untrained(case, rng, seed) for _ in range(members)]
        found = [information(one, one.document_label) for one in drawn]
        values, null = [one.value for one in found], [one.null_P for one in found]
        raw = min(permutation_p(value, one) for value, one in zip(values, null, strict=True))
        counts += [raw <= 0.05, min(step_down_max_t(values, null)) <= 0.05]
    for name, count in zip(("at least one raw p", "at least one adjusted p"), counts, strict=True):
        yield {"case": f"family of {members}, {case.name}", "test": name} | _shares("significant", int(count), traces)


@dataclass(frozen=True)
class Planted:
    """Labels drawn with equal probability. A label's logits of the experts have sd ``spread``, a token's sd 1, and a
    document's own sd .3; its vocabulary is Dirichlet around its label's."""

    documents: int
    experts: int
    spread: float
    length: int = 100
    tokens: int = 30

    @property
    def name(self) -> str:
        return f"{self.documents} documents, E = {self.experts}, spread {self.spread:g}"


PLANTED = tuple(
    Planted(documents, experts, spread)
    for documents, experts in ((20, 8), (80, 8), (400, 8), (80, 64))
    for spread in (0.0, 0.1, 0.3, 1.0)
)
#: number of documents that represent the whole population
POPULATION = 20_000


class Population:
    """The distribution of a planted case's traces, and its true values."""

    def __init__(self, case: Planted) -> None:
        rng = np.random.default_rng([2, case.documents, case.experts])
        self.case = case
        self.vocabulary_GX = rng.dirichlet(np.full(case.tokens, 2.0), LABELS)
        self.token_XE = rng.normal(size=(case.tokens, case.experts))
        self.label_GE = case.spread * rng.normal(size=(LABELS, case.experts))
        # p(g, x, e): the mean over the documents' contributions
        own_ND = 0.3 * rng.normal(size=(POPULATION // 100, 1, case.experts))
        p_GXE = np.stack([_softmax(self.token_XE + label_E + own_ND).mean(0) for label_E in self.label_GE])
        joint_GXE = self.vocabulary_GX[..., None] * p_GXE / LABELS
        given = [p * float(tables.information_bits(table)) for p, table in _by_token(joint_GXE)]
        self.information = float(tables.information_per_usage(joint_GXE.sum(1)))
        self.beyond_token = sum(given) / float(tables.usage_bits(joint_GXE.sum(1)))

    def draw(self, rng: np.random.Generator, seed: int) -> Drawn:
        case = self.case
        label_D = rng.integers(0, LABELS, case.documents)
        length_D = rng.integers(case.length // 2, 3 * case.length // 2, case.documents)
        document_T = np.repeat(np.arange(case.documents, dtype=np.int32), length_D)
        token_T = _tokens(document_T, self.vocabulary_GX[label_D], rng)
        document_DE = self.label_GE[label_D] + 0.3 * rng.normal(size=(case.documents, case.experts))
        logits_TE = self.token_XE[token_T] + document_DE[document_T]
        expert_T = (logits_TE + rng.gumbel(size=logits_TE.shape)).argmax(1).astype(np.int16)
        trace = Trace(
            layers=(LayerTrace(name="block0", experts=case.experts, experts_TK=expert_T[:, None]),),
            document_T=document_T,
            token_id_T=token_T,
        )
        rows, names = Rows.of(trace), tuple(map(str, range(LABELS)))
        label = DocumentLabel("domain", names, rows, PERMUTATIONS, seed, label_D)
        return Drawn(trace, rows, label, RowLabel("none", names, rows, PERMUTATIONS, seed, token_T))


def _softmax(logits: np.ndarray) -> np.ndarray:
    p = np.exp(logits)
    return p / p.sum(-1, keepdims=True)


def _by_token(joint_GXE: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    return ((float(table.sum()), table) for table in np.moveaxis(joint_GXE, 1, 0))


def intervals(traces: int = TRACES, cases: tuple[Planted, ...] = PLANTED) -> Iterator[dict[str, Any]]:
    """The coverage of the interval, and the means of the estimate and the corrected value.

    The true document accuracy is the mean over the traces: it depends on how many documents it is trained on.
    """
    for case in cases:
        population, rng = Population(case), np.random.default_rng(3)
        found: dict[str, list[Statistic]] = {"I/H": [], "I/H given the token": [], "documents told": []}
        for seed in range(traces):
            drawn = population.draw(rng, seed)
            for measure, function in zip(found, (information, beyond_token, told), strict=True):
                found[measure].append(function(drawn, drawn.document_label))
        accuracy = float(np.mean([one.value for one in found["documents told"]]))
        for measure, true in zip(found, (population.information, population.beyond_token, accuracy), strict=True):
            yield {"measure": measure, "case": case.name} | _covered(found[measure], true)


def _covered(found: list[Statistic], true: float) -> dict[str, float]:
    ends = [interval(one, MEASURES["slot_information_per_usage"]) for one in found]
    held = sum(low <= true <= high for _, low, high in ends)
    return {
        "true_percent": 100 * true,
        **_shares("covers", int(held), len(found)),
        "estimate_mean_percent": 100 * float(np.mean([estimate for estimate, _, _ in ends])),
        "corrected_mean_percent": 100 * float(np.mean([one.value - one.null_P.mean() for one in found])),
    }


def _shares(word: str, count: int, traces: int) -> dict[str, float]:
    found = rate(count, traces)
    return {f"{word}_percent": 100 * count / traces, "low_percent": 100 * found.low, "high_percent": 100 * found.high}


def main() -> None:
    kinds: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
        "document_nulls": lambda: itertools.chain(nulls(), families()),
        "document_intervals": intervals,
    }
    for name, simulate in kinds.items():
        rows = []
        for row in simulate():
            rows.append({key: float(f"{one:.3g}") if isinstance(one, float) else one for key, one in row.items()})
            print(rows[-1], flush=True)
        write_csv(RESULTS / f"{name}.csv", rows)
        print(table(list(rows[0]), [list(row.values()) for row in rows], "l" + "r" * (len(rows[0]) - 1)))


if __name__ == "__main__":
    main()
