"""Runs that differ in more than numbers do not become one program without a word."""

import pytest

from moe_lab.layers.stacking import stack

PAIRS = [
    (["k=2"], ["k=3"]),
    (["k=2"], ["k=2", "gate.weigh.over=all"]),
    (["k=2"], ["k=2", "gate.combine=logits"]),
    (["regularizer=[importance]"], ["regularizer=[importance]", "regularizers.importance.correction=0"]),
    (
        ["regularizer=[sample_similarity]"],
        ["regularizer=[sample_similarity]", "regularizers.sample_similarity.on=weights"],
    ),
    (["regularizer=[lasso]"], ["regularizer=[lasso]", "regularizers.lasso.by=input"]),
    (["controller=[temperature]"], ["controller=[temperature]", "controllers.temperature.schedule=linear"]),
    (["gate=attentive"], ["gate=attentive", "gate.score.key=post"]),
    (["gate=softmax"], ["gate=attentive"]),
    ([], ["objective.second_softmax=true"]),
    ([], ["inference=argmax"]),
    (["objective=em"], ["objective=em", "objective.responsibilities=hard"]),
    (["gate=stochastic"], ["gate=stochastic", "gate/select=top_k", "objective=matching_pursuit"]),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_different_structures_are_refused(learner_of, pair):
    with pytest.raises(ValueError, match="same structure"):
        stack([learner_of(*words) for words in pair])


@pytest.mark.parametrize(
    "words",
    [
        ["gate.weigh.temperature=2.0"],
        ["objective=competitive", "objective.exponent=0.5"],
        ["gate=entmax", "gate.weigh.alpha=1.2"],
        ["regularizer=[importance]", "regularizers.importance.weight=0.4"],
        ["regularizer=[sample_similarity]", "regularizers.sample_similarity.weight=3.0"],
        ["controller=[temperature]", "controllers.temperature.start=2.0"],
        ["controller=[hard_constraint]", "controllers.hard_constraint.margin=0.2"],
    ],
    ids=str,
)
def test_numbers_may_differ(learner_of, words):
    plain = [words[0]] if not words[0].startswith("gate.") else []
    stack([learner_of(*plain), learner_of(*words)])
