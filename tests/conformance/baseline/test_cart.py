import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeClassifier

from moe_lab.errors import ConfigError
from moe_lab.layers.stacking import count_parameters
from moe_lab.mixture.costs import parameter_counts
from moe_lab.parts.baselines.cart import Cart, Tree
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.stack import Apart
from moe_lab.training.watch import Watch

NONE = (torch.empty(0, 2), torch.empty(0, dtype=torch.int64))


def fitted(x, y, classes=4, smoothing=1.0, **options) -> Tree:
    tree = Tree(classes, {"random_state": 0, **options}, smoothing)
    tree.fit((x, y), NONE)
    return tree


def test_two_leaves_by_hand():
    """Split at x_1 = 0.5. Left: 3 of class 0; right: 1 of class 0, 2 of class 2. Of three classes, s = 1:
    (4, 1, 1) / 6 and (2, 1, 3) / 6."""
    x = torch.tensor([[9.0, 0.0], [8.0, 0.0], [7.0, 0.0], [9.0, 1.0], [8.0, 1.0], [7.0, 1.0]])
    y = torch.tensor([0, 0, 0, 0, 2, 2])
    tree = fitted(x, y, classes=3, max_depth=1)
    probs = tree(torch.tensor([[0.0, 0.5], [0.0, 0.6]])).log_probs_BEC.exp()
    torch.testing.assert_close(probs, torch.tensor([[[4.0, 1, 1]], [[2.0, 1, 3]]]) / 6)
    # one split, two leaves of three frequencies
    assert tree.parameter_count == 2 + 2 * 2 and count_parameters(tree) == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["gini", "entropy"]), st.sampled_from([None, 4]))
def test_it_answers_as_scikit_learn_does(seed, criterion, leaves):
    """Also on its thresholds, and where a class is absent: class 3 is."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(60, 3)).astype(np.float32).round(1)
    y = draw.integers(0, 3, 60)
    options = {"criterion": criterion, "max_leaf_nodes": leaves, "min_samples_leaf": 2}
    oracle = DecisionTreeClassifier(random_state=0, **options).fit(x, y)
    tree = fitted(torch.from_numpy(x), torch.from_numpy(y), smoothing=1e-9, **options)
    splits = oracle.tree_.threshold[oracle.tree_.feature >= 0]
    on_thresholds = np.repeat(splits.astype(np.float32)[:, None], 3, 1)
    seen = np.concatenate([x, draw.normal(size=(40, 3)).astype(np.float32), on_thresholds])
    probs = tree(torch.from_numpy(seen)).log_probs_BEC[:, 0].exp()
    missing = [one for one in range(3) if one not in y]
    kept = [one for one in range(3) if one in y]
    np.testing.assert_allclose(probs[:, kept], oracle.predict_proba(seen), atol=1e-6)
    assert (probs[:, [*missing, 3]] < 1e-8).all() and probs.isfinite().all()


def test_a_seed_decides_between_equally_good_splits(learner_of):
    seeds = [learner_of("baseline=cart", seed=seed).mixture.experts._options["random_state"] for seed in (0, 0, 1)]
    assert seeds[0] == seeds[1] != seeds[2]


@pytest.fixture
def loop(learner_of, small_data):
    def make(seeds=(0,)) -> Loop:
        members = [Member(learner_of("baseline=cart", seed=one), Trainer(), Seeds(one, one, one)) for one in seeds]
        return Loop(members, small_data, Watch(), lambda: False)

    return make


def test_a_run_is_one_epoch_without_steps(loop, small_data):
    one = loop()
    assert one.epochs == 1 and one.batches_an_epoch == 0
    one.epoch()
    (row,) = one.state.records[0].history
    oracle = DecisionTreeClassifier(random_state=one.learner.mixture.experts._options["random_state"])
    oracle.fit(small_data.train.x_ND.numpy(), small_data.train.y_N.numpy())
    right = oracle.score(small_data.validation.x_ND.numpy(), small_data.validation.y_N.numpy())
    assert one.finished and row["lr"] is None and row["train_error_rate"] == 0
    assert row["validation_error_rate"] == pytest.approx(1 - right)
    again = loop()
    again.load_state_dict(one.state_dict())
    x = small_data.test.x_ND
    answers = [each.learner.mixture.experts(x).log_probs_BEC for each in (one, again)]
    assert torch.equal(*answers) and again.finished
    assert parameter_counts(again.learner.mixture)["parameters_total"] > 10


def test_several_do_not_become_one_program(loop):
    with pytest.raises(Apart, match="a shape of its own"):
        loop((0, 1))


def test_a_tree_of_one_leaf_is_refused():
    with pytest.raises(ConfigError, match="at least 2 leaves"):
        Cart(max_leaf_nodes=1)
