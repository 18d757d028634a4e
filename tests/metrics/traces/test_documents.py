"""The document-level measure against scikit-learn's naive Bayes."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.naive_bayes import MultinomialNB

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.documents import _ends, are_right, balanced, document_accuracy
from moe_lab.metrics.traces.labelled import DocumentLabel
from moe_lab.metrics.traces.rows import Chosen, Rows
from tests.metrics.traces.conftest import planted


def label_of(trace, value_D, G=3, permutations=30):
    return DocumentLabel("domain", tuple("abc"[:G]), Rows.of(trace), permutations, 0, value_D)


def test_against_scikit_learn():
    rng = np.random.default_rng(0)
    label_d = rng.integers(0, 3, 60)
    counts_dE = rng.multinomial(30, rng.dirichlet(np.full(8, 5.0), 3)[label_d]).astype(float)
    fold_d = rng.permutation(60) % 10
    others = np.stack([label_d, rng.permutation(label_d)])
    right = are_right(others, 3, counts_dE, fold_d)
    for one, hits in zip(others, right, strict=True):
        bayes = MultinomialNB(alpha=1.0, fit_prior=False)
        predicted = cross_val_predict(bayes, counts_dE, one, cv=PredefinedSplit(fold_d))
        assert np.array_equal(hits, predicted == one)
        assert balanced(one[None], hits[None], 3)[0] == pytest.approx(balanced_accuracy_score(one, predicted))


def test_domains_are_told_and_nothing_is_told_of_noise():
    trace = planted(D=90, G=3, follow=1.5, seed=2)
    value_D = trace.document_labels["domain"].value
    label = label_of(trace, value_D)
    counts_DE = Chosen.slots(trace.layers[0], label.rows).by_document(label.rows)
    found = document_accuracy(label, counts_DE)
    assert found.value > 0.9
    # 30 permutations of 90 documents: a standard error of about .01
    assert found.null_P.mean() == pytest.approx(1 / 3, abs=0.05)
    assert found.ends[0] < found.value <= found.ends[1]


def test_the_interval_of_equal_labels_is_that_of_a_share():
    """Nine of ten right, five documents a label: Clopper and Pearson of 9 in 10."""
    expected = stats.binomtest(9, 10).proportion_ci(0.95, "exact")
    assert _ends(0.9, np.array([5, 5])) == pytest.approx((expected.low, expected.high))
    assert _ends(1.0, np.array([5, 5]))[1] == 1 and _ends(0.0, np.array([5, 5]))[0] == 0
    # a label of two documents makes the mean of shares less sure: 4 / (1/2 + 1/8) = 6.4 documents
    assert _ends(0.5, np.array([2, 8]))[0] < _ends(0.5, np.array([5, 5]))[0]


def test_documents_without_label_or_slot_are_left_out():
    trace = planted(D=40, G=2, follow=2.0)
    value_D = trace.document_labels["domain"].value.copy()
    counts_DE = Chosen.slots(trace.layers[0], Rows.of(trace)).by_document(Rows.of(trace))
    value_D[:5] = 3
    counts_DE[5:8] = 0
    found = document_accuracy(label_of(trace, value_D), counts_DE)
    assert found.value > 0.8
    of_35 = document_accuracy(label_of(trace, value_D), np.where(np.arange(40)[:, None] < 8, 0, counts_DE))
    assert (of_35.value, of_35.ends) == (found.value, found.ends)
    with pytest.raises(Undefined, match="too few documents: 2 for 10-fold"):
        document_accuracy(label_of(trace, np.where(np.arange(40) < 38, 3, value_D)), counts_DE)
    with pytest.raises(Undefined, match="fewer than two labels"):
        document_accuracy(label_of(trace, np.zeros(40, dtype=int)), counts_DE)
