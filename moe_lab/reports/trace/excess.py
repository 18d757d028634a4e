"""Token ids and labels that an expert gets more often than the product of the marginals.

Axes: T rows, K slots, E experts, D documents, C cells: pairs of a value (a token id or a label) and an expert.
"""

from dataclasses import dataclass

import numpy as np

from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.routing.trace import LayerTrace, Trace

#: most rows that are counted; of more, only those of every nth document
MOST_ROWS = 1 << 20
#: least number of documents in which an expert gets a token id for it to be named, since fewer may be one text's style
LEAST_DOCUMENTS = 10
#: most values that are named per expert and column
NAMED = 3


@dataclass(frozen=True)
class Over:
    """A value that an expert gets more often: its slots, its documents, and its ratio to the marginals' product."""

    name: str
    slots: int
    documents: int
    times: float


@dataclass(frozen=True)
class Gets:
    """The values that an expert gets more often.

    share: of all slots. over: label, or ``token id`` -> the largest excesses in falling order. excess: the largest as a
    share of the expert's slots.
    """

    expert: int
    share: float
    over: dict[str, tuple[Over, ...]]
    excess: float


@dataclass(frozen=True)
class Counted:
    """The counted rows, in the order of documents, and their columns: number of the value, -1 for none."""

    rows: Rows
    here_T: np.ndarray
    document_T: np.ndarray
    columns: dict[str, tuple[np.ndarray, tuple[str, ...]]]
    documents: int

    @staticmethod
    def of(trace: Trace, labels: tuple[str, ...]) -> "Counted":
        rows = Rows.of(trace)
        step = -(-trace.rows // MOST_ROWS)
        here_T = np.flatnonzero(rows.document_T % step == 0)[:MOST_ROWS]
        columns = {}
        for name in labels:
            label = trace.label(name)
            columns[name] = rows.sorted(label.value)[here_T], label.names
        if trace.token_id_T is not None:
            ids, token_T = np.unique(rows.sorted(trace.token_id_T)[here_T], return_inverse=True)
            columns[TOKEN] = token_T, tuple(map(str, ids.tolist()))
        document_T = rows.document_T[here_T].astype(np.int64)
        return Counted(rows, here_T, document_T, columns, len(np.unique(document_T)))


TOKEN = "token id"


def gets(counted: Counted, layer: LayerTrace) -> list[Gets]:
    """Every expert of a layer with a slot, and the values that it gets beyond the product of the marginals."""
    experts_TK = Chosen.slots(layer, counted.rows).experts_TK[counted.here_T]
    load_E = np.bincount(experts_TK.ravel(), minlength=layer.experts + 1)[:-1]
    over = {name: _over(counted, column, experts_TK, layer.experts) for name, column in counted.columns.items()}
    found = []
    for expert in np.flatnonzero(load_E).tolist():
        named = {name: tuple(one for one, _ in lists.get(expert, [])) for name, lists in over.items()}
        excess = max((most for lists in over.values() for _, most in lists.get(expert, [])), default=0.0)
        found.append(Gets(expert, float(load_E[expert] / load_E.sum()), named, excess / float(load_E[expert])))
    return found


def _over(
    counted: Counted, column: tuple[np.ndarray, tuple[str, ...]], experts_TK: np.ndarray, experts: int
) -> dict[int, list[tuple[Over, float]]]:
    """For each expert its largest n_xe - n_x n_e / N; all are counts of slots whose row has a value."""
    value_T, names = column
    row_N, slot_N = np.nonzero((experts_TK < experts) & (value_T >= 0)[:, None])
    if not len(row_N):
        return {}
    documents = int(counted.document_T.max()) + 1
    pair_N = value_T[row_N].astype(np.int64) * experts + experts_TK[row_N, slot_N]
    key, count = np.unique(pair_N * documents + counted.document_T[row_N], return_counts=True)
    pair_C, start_C, documents_C = np.unique(key // documents, return_index=True, return_counts=True)
    slots_C = np.add.reduceat(count, start_C)
    value_C, expert_C = np.divmod(pair_C, experts)
    n_x = np.bincount(value_C, slots_C)
    n_e = np.bincount(expert_C, slots_C, minlength=experts)
    chance_C = n_x[value_C] * n_e[expert_C] / slots_C.sum()
    excess_C = slots_C - chance_C
    least = LEAST_DOCUMENTS if column is counted.columns.get(TOKEN) else 1
    found: dict[int, list[tuple[Over, float]]] = {}
    # ties are in the order of their values
    for c in np.lexsort((value_C, -excess_C)).tolist():
        lists = found.setdefault(int(expert_C[c]), [])
        if excess_C[c] > 0 and documents_C[c] >= least and len(lists) < NAMED:
            one = Over(names[value_C[c]], int(slots_C[c]), int(documents_C[c]), float(slots_C[c] / chance_C[c]))
            lists.append((one, float(excess_C[c])))
    return found
