"""I(E;label | token id) against the formula on columns of slots."""

import numpy as np
import pytest

from moe_lab.metrics.formulas import conditional_information_bits, entropy_bits
from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.labelled import DocumentLabel, RowLabel
from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.metrics.traces.tokens import Kept, given_token
from moe_lab.routing.trace import LayerTrace
from tests.metrics.traces.conftest import planted


def slots(trace, kept_T, label_T):
    """Token, label and expert of every slot of the kept rows."""
    row, slot = np.nonzero((trace.layers[0].experts_TK >= 0) & (kept_T >= 0)[:, None])
    return trace.token_id_T[row], label_T[row], trace.layers[0].experts_TK[row, slot].astype(int)


def share(trace, kept_T, label_T):
    columns = slots(trace, kept_T, label_T)
    return conditional_information_bits(*columns)[0] / entropy_bits(np.bincount(columns[2]))


@pytest.mark.parametrize("of", ["documents", "rows"])
def test_against_the_formula_on_columns(of):
    trace = planted(D=30, V=25)
    rows = Rows.of(trace)
    if of == "documents":
        value_D = trace.document_labels["domain"].value.copy()
        value_D[3] = 2
        label = DocumentLabel("domain", tuple("ab"), rows, 5, 0, value_D)
    else:
        # a class that is no function of the token
        own_T = np.random.default_rng(0).integers(0, 3, trace.rows)
        label = RowLabel("class", tuple("abc"), rows, 5, 0, own_T)
    kept = Kept.of(label, trace.token_id_T)
    found = given_token(label, Chosen.slots(trace.layers[0], rows), kept)
    assert found.value == pytest.approx(share(trace, kept.token_T, label.label_T))
    for source_D, value in zip(label.sources(), found.null_P, strict=True):
        label_T = value_D[source_D][trace.document_T] if of == "documents" else own_T[rows.taken_from(source_D)]
        assert value == pytest.approx(share(trace, kept.token_T, label_T))
    for group, value in enumerate(found.left_out_M):
        stays_T = np.where(label.group_D[trace.document_T] == group, -1, kept.token_T)
        if group or of == "rows":
            assert value == pytest.approx(share(trace, stays_T, label.label_T))


def test_tokens_of_one_label_or_few_documents_are_left_out():
    trace = planted(D=30, V=3)
    token_id_T, value_D = trace.token_id_T.copy(), trace.document_labels["domain"].value
    # 900: in nine documents; 800: in all documents of the first label alone; 700: in ten documents of both
    in_order = np.unique(trace.document_T, return_index=True)[1]
    token_id_T[in_order[:9]] = 900
    token_id_T[in_order[value_D == 0] + 1] = 800
    token_id_T[in_order[:10] + 2] = 700
    label = DocumentLabel("domain", tuple("ab"), Rows.of(trace), 5, 0, value_D)
    kept = Kept.of(label, token_id_T)
    assert set(token_id_T[kept.token_T < 0]) == {800, 900}
    assert kept.left_out == pytest.approx((9 + np.count_nonzero(value_D == 0)) / trace.rows)


def test_no_token_is_left():
    trace = planted(D=30)
    label = DocumentLabel("domain", tuple("ab"), Rows.of(trace), 5, 0, trace.document_labels["domain"].value)
    with pytest.raises(Undefined, match="no token id occurs with 2 labels and in 10 documents"):
        Kept.of(label, np.arange(trace.rows))


def test_experts_that_follow_the_token_alone_say_nothing_beyond_it():
    """Half of the vocabulary is each domain's own: I(E;domain) is large, and I(E;domain | token) is its bias."""
    rng = np.random.default_rng(0)
    trace = planted(D=60, V=40, K=1, follow=0)
    value_D = trace.document_labels["domain"].value
    own = rng.random(trace.rows) < 0.8
    token_id_T = np.where(own, 20 * value_D[trace.document_T] + trace.token_id_T % 20, trace.token_id_T)
    expert_T = np.where(
        rng.random(trace.rows) < 0.9, token_id_T % 5 + (token_id_T >= 20), rng.integers(0, 6, trace.rows)
    )
    layer = LayerTrace(name="block0", experts=6, experts_TK=expert_T[:, None].astype(np.int16))
    rows = Rows.of(trace)
    label = DocumentLabel("domain", tuple("ab"), rows, 50, 0, value_D)
    found = given_token(label, Chosen.slots(layer, rows), Kept.of(label, token_id_T))
    assert found.value - found.bias == pytest.approx(0, abs=0.004)
    # permuted over documents the labels are more evenly mixed within a token, so chance looks larger than it is
    assert found.null_P.mean() > found.bias
