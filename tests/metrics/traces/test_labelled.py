"""Counts, permutations and what is left out, against slow loops over rows."""

from dataclasses import replace

import numpy as np
import pytest

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces import measure
from moe_lab.metrics.traces import rows as rows_module
from moe_lab.metrics.traces.labelled import SAME_EVERYWHERE, DocumentLabel, RowLabel
from moe_lab.metrics.traces.rows import Chosen, Rows
from tests.metrics.traces.conftest import labels, layer, planted

P = 7


def slow_table(experts_TK, label_T, labels, experts):
    table = np.zeros((labels, experts))
    for row, label in zip(experts_TK, label_T, strict=True):
        for expert in row:
            if expert >= 0 and label < labels:
                table[label, expert] += 1
    return table


def document_label(trace, value_D, G=2):
    return DocumentLabel("domain", tuple("ab"[:G]), Rows.of(trace), P, 0, np.asarray(value_D))


@pytest.mark.parametrize("block", [1, 7, 1 << 21])
def test_tables_of_a_label_of_documents(monkeypatch, block):
    monkeypatch.setattr(rows_module, "BLOCK", block)
    trace = planted(D=12, lengths=(3, 9))
    # two documents have no label
    value_D = np.where(np.arange(12) % 5 == 4, 2, np.arange(12) % 2)
    label = document_label(trace, value_D)
    [found] = label.tables([Chosen.slots(trace.layers[0], label.rows)])
    experts_TK, document_T = trace.layers[0].experts_TK, trace.document_T
    assert np.array_equal(found.all_GE, slow_table(experts_TK, value_D[document_T], 2, 6))
    assert len(found.null_PGE) == P
    for source_D, table in zip(label.sources(), found.null_PGE, strict=True):
        assert np.array_equal(table, slow_table(experts_TK, value_D[source_D][document_T], 2, 6))
        # documents without a label stay without
        assert np.array_equal(value_D[source_D] == 2, value_D == 2)
    for group, table in enumerate(found.left_out_MGE):
        stays_T = label.group_D[document_T] != group
        assert np.array_equal(table, slow_table(experts_TK[stays_T], value_D[document_T][stays_T], 2, 6))
    # ten documents have a label, and each is left out by itself
    assert len(found.left_out_MGE) == 10


def test_tables_of_a_label_of_rows():
    trace = planted(D=12, lengths=(3, 9))
    own_T = trace.row_labels["class"].value.copy()
    own_T[::4] = 3
    rows = Rows.of(trace)
    label = RowLabel("class", tuple("abc"), rows, P, 0, own_T)
    [found] = label.tables([Chosen.slots(trace.layers[0], rows)])
    experts_TK = trace.layers[0].experts_TK
    assert np.array_equal(found.all_GE, slow_table(experts_TK, own_T, 3, 6))
    sequences = [own_T[trace.document_T == document] for document in range(12)]
    for source_D, table in zip(label.sources(), found.null_PGE, strict=True):
        shuffled = np.concatenate([np.resize(sequences[source_D[d]], len(sequences[d])) for d in range(12)])
        assert np.array_equal(table, slow_table(experts_TK, shuffled, 3, 6))
    for group, table in enumerate(found.left_out_MGE):
        stays_T = trace.document_T != group
        assert np.array_equal(table, slow_table(experts_TK[stays_T], own_T[stays_T], 3, 6))


def test_sequences_go_to_documents_of_nearly_the_same_length():
    trace = planted(D=60, lengths=(2, 60))
    label = RowLabel("class", tuple("abc"), Rows.of(trace), P, 0, trace.row_labels["class"].value)
    length_D = label.rows.length_D
    rank_D = np.argsort(np.argsort(length_D, kind="stable"), kind="stable")
    for source_D in label.sources():
        assert np.array_equal(rank_D[source_D] // 20, rank_D // 20)


def test_rows_in_any_order_give_the_same_tables():
    """Row numbers are shuffled; documents and positions say where each row belongs."""
    sorted_trace, shuffled = planted(seed=3), planted(seed=3, shuffle=True)
    tables = []
    for trace in (sorted_trace, shuffled):
        rows = Rows.of(trace)
        own_T = rows.sorted(trace.row_labels["class"].value)
        [found] = RowLabel("class", tuple("abc"), rows, P, 0, own_T).tables([Chosen.slots(trace.layers[0], rows)])
        tables += [found.all_GE, found.null_PGE, found.parts_MGE]
    assert all(np.array_equal(one, other) for one, other in zip(tables[:3], tables[3:], strict=True))
    assert Rows.of(sorted_trace).order_T is None and Rows.of(shuffled).order_T is not None


def test_first_choices_and_weights():
    trace = planted(D=2, lengths=(2, 3))
    rows = Rows.of(trace)
    weighed = layer(
        [[0, 1], [2, -1], [1, 0], [-1, -1]], 3, weights_TK=np.array([[0.75, 0.25], [1, 0], [0.5, 0.5], [0, 0]])
    )
    one_T = np.zeros(4, dtype=int)
    assert Chosen.first(weighed, rows).table(one_T, 1).tolist() == [[1, 1, 1]]
    assert Chosen.slots(weighed, rows).table(one_T, 1).tolist() == [[2, 2, 1]]
    assert Chosen.weighed(weighed, rows).table(one_T, 1).tolist() == [[1.25, 0.75, 1]]
    assert Chosen.weighed(weighed, rows).by_document(rows).tolist() == [[0.75, 0.25, 1], [0.5, 0.5, 0]]


def test_no_first_choice_if_the_order_is_not_known():
    trace = planted(D=2, lengths=(2, 3))
    unranked = layer([[0, 1]] * 4, 3, ranked=False)
    with pytest.raises(Undefined, match="no first choice"):
        Chosen.first(unranked, Rows.of(trace))
    # of one slot the order is known
    assert Chosen.first(layer([[0]] * 4, 3, ranked=False), Rows.of(trace)).experts_TK.tolist() == [[0]] * 4


def test_few_documents_of_a_label_are_named():
    trace = planted(D=30, lengths=(2, 3))
    label = document_label(trace, np.repeat([0, 1], [23, 7]))
    assert label.warnings == ("fewer than 20 documents: b (7)",)
    assert label.documents_of_each.tolist() == [23, 7]


def test_one_label_says_nothing():
    trace = planted(D=4, lengths=(2, 3))
    with pytest.raises(Undefined, match="every row is labelled a"):
        document_label(trace, [0, 0, 2, 0]).require_two()
    with pytest.raises(Undefined, match="no row has a label"):
        document_label(trace, [2, 2, 2, 2]).require_two()
    assert document_label(trace, [0, 0, 2, 0]).left_out == 1 / 4
    assert labels([0, 1]).names == ("a", "b")


@pytest.mark.parametrize(("lengths", "changed"), [((4, 5), None), ((9, 10), None), ((4, 5), 3), ((9, 10), 7)])
def test_what_permutations_do_not_change_has_no_null(lengths, changed):
    """Places in a document are the same in every document; one row that differs is enough for a null."""
    trace = planted(D=12, lengths=lengths)
    rows = Rows.of(trace)
    place_T = np.arange(trace.rows) - np.repeat(rows.start_D, rows.length_D)
    if changed is not None:
        place_T[changed] = 0
    label = RowLabel("position", tuple("abcdefghij"), rows, P, 0, place_T)
    assert (label.no_null is None) == (changed is not None)


def test_a_label_without_a_null_has_values_and_intervals_but_no_p():
    trace = planted(D=30, lengths=(6, 7))
    places = labels(trace.position_T, [f"place {place}" for place in range(6)])
    found = measure(replace(trace, row_labels={"position": places}), permutations=19)
    row = next(one for one in found if one.measure == "slot_information_per_usage" and one.label == "position")
    assert row.value is not None and row.null_mean is None and row.adjusted_p is None
    assert row.p_reason == SAME_EVERYWHERE and row.low < row.high
