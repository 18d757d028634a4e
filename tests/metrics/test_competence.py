import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from moe_lab.metrics import RunArrays, competence, compute


@pytest.fixture(params=range(3))
def routing(random_arrays, request):
    return random_arrays(request.param, 300, 5, 4)


def test_error_and_loss_against_scikit_learn(routing, run_arrays):
    arrays = run_arrays(routing)
    label = routing["label"]
    error = 1 - accuracy_score(label, routing["prediction"])
    assert competence.test_error_rate(arrays) == pytest.approx(error, abs=1e-12)
    probs = np.exp(routing["log_probs"].astype(np.float64))
    expected = log_loss(label, probs / probs.sum(1, keepdims=True), labels=range(4))
    assert competence.test_loss_nats(arrays) == pytest.approx(expected, rel=1e-6)


def test_experts_against_scikit_learn(routing, run_arrays):
    arrays = run_arrays(routing)
    label, own = routing["label"], routing["expert_prediction"]
    routed = routing["weights"].sum(1) > 0
    expert = routing["weights"].argmax(1)
    given = [routed & (expert == e) for e in range(5)]
    expected = [1 - accuracy_score(label[rows], own[rows, e]) for e, rows in enumerate(given)]
    assert competence.expert_error_rate(arrays) == pytest.approx(expected, abs=1e-12)

    chosen = own[np.arange(300), expert]
    gap = accuracy_score(label[routed], routing["prediction"][routed]) - accuracy_score(label[routed], chosen[routed])
    assert competence.hardening_gap(arrays) == pytest.approx(gap, abs=1e-12)
    assert competence.oracle_error_rate(arrays) == np.mean([y not in row for y, row in zip(label, own, strict=True)])


def test_the_oracle_is_no_worse_than_the_chosen_expert(routing, run_arrays):
    arrays = run_arrays(routing | {"weights": routing["weights"] + 1})
    chosen_error = np.dot(competence.expert_error_rate(arrays), arrays.load_E) / 300
    assert competence.oracle_error_rate(arrays) <= chosen_error
    error = competence.test_error_rate(arrays) + competence.hardening_gap(arrays)
    assert chosen_error == pytest.approx(error, abs=1e-12)


def test_a_certain_and_right_mixture_has_plain_zero_loss(tiny, run_arrays):
    routing = tiny["routing"]
    routing["log_probs"] = np.zeros((5, 3), np.float32)
    assert str(competence.test_loss_nats(run_arrays(routing))) == "0.0"


def test_an_impossible_label_makes_the_loss_undefined(tiny, run_arrays):
    routing = tiny["routing"]
    routing["log_probs"][[1, 3], 0] = -np.inf
    entry = compute(run_arrays(routing))["test_loss_nats"]
    assert entry == {"value": None, "unit": "nats", "reason": "infinite: q(y) is 0 for 2 of 5 test samples"}


def test_errors_within_and_between_groups(tiny):
    """Labels 0 0 1 0 2, predictions 0 1 1 1 2: samples 1 and 3 take class 0 for 1."""
    costs = {name: count for name, count in tiny["evaluation"].items() if name != "expert_of_class"}

    def entries(superclass=None, expert_of_class=None):
        attributes = tiny["attributes"] | ({} if superclass is None else {"superclass": np.array(superclass)})
        known = {} if expert_of_class is None else {"expert_of_class": np.array(expert_of_class)}
        found = compute(RunArrays.from_files({**tiny, "evaluation": costs | known, "attributes": attributes}))
        return [found[f"{which}_error_rate"] for which in ("within_group", "between_groups")]

    assert [one["value"] for one in entries(expert_of_class=[0, 0, 1])] == [2 / 5, 0]
    # two superclasses: that of classes 0 and 2, and that of class 1
    assert [one["value"] for one in entries(superclass=[7, 7, 3, 7, 7])] == [0, 2 / 5]
    # what was chosen goes before what the data set has
    assert [one["value"] for one in entries(superclass=[7, 7, 3, 7, 7], expert_of_class=[0, 0, 1])] == [2 / 5, 0]
    assert {one["value"] for one in entries()} == {None} and "no groups" in entries()[0]["reason"]
    assert "several superclasses" in entries(superclass=[1, 2, 3, 1, 1])[0]["reason"]


def test_classes_that_are_never_answered_and_the_worst_one(tiny, run_arrays):
    routing = tiny["routing"]
    # of labels 0 0 1 0 2: class 2 is never answered, and its one sample is wrong
    routing["prediction"] = np.array([0, 0, 1, 0, 0])
    arrays = run_arrays(routing)
    assert competence.classes_never_answered(arrays) == 1
    assert competence.worst_class_error_rate(arrays) == 1
    # a class without test samples has no error, and need not be answered
    routing["label"] = np.array([0, 0, 1, 0, 1])
    arrays = run_arrays(routing)
    assert competence.classes_never_answered(arrays) == 0
    assert competence.worst_class_error_rate(arrays) == 1 / 2
    assert arrays.sizes == {"experts": 4, "classes": 3, "tested": 2, "task": "classification"}
