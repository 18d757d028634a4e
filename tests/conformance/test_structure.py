"""Runs that differ in more than numbers do not become one program without a word."""

import pytest

from moe_lab.layers.stacking import stack
from tests.conformance.cases import plain

FORMS = [form for group in ("gate", "objective", "regularizer", "controller") for form in plain(group)]
#: what no part's own file has
PAIRS = [
    (["k=2"], ["k=3"]),
    ([], ["inference=argmax"]),
    (["gate=softmax"], ["gate=attentive"]),
    (["gate=stochastic"], ["gate=stochastic", "gate/select=top_k", "objective=matching_pursuit"]),
]


@pytest.mark.parametrize(
    "pair", [*PAIRS, *((form.words, [*form.words, word]) for form in FORMS for word in form.case.structure)], ids=str
)
def test_different_structures_are_refused(learner_of, pair):
    with pytest.raises(ValueError, match="same structure"):
        stack([learner_of(*words) for words in pair])


@pytest.mark.parametrize(
    "pair", [(form.words, [*form.words, word]) for form in FORMS for word in form.case.numbers], ids=str
)
def test_numbers_may_differ(learner_of, pair):
    stack([learner_of(*words) for words in pair])
