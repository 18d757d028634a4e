"""The closer look at the end of a run, against direct formulas and scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from torch import nn

from moe_lab.config.compose import compose
from moe_lab.data.dataset import spread
from moe_lab.evaluation import samples
from moe_lab.evaluation.closer import look_closer
from moe_lab.evaluation.clusters import centres, lloyd, nearest
from moe_lab.evaluation.evaluate import evaluate
from moe_lab.evaluation.references import learnable
from moe_lab.evaluation.similarity import linear_cka, weight_cosine
from moe_lab.experiment.building import build_learner
from moe_lab.layers.noise import Noise, generator

N, E, C = 30, 5, 4


def noise() -> Noise:
    return Noise([generator(0, "looks")])


@pytest.fixture
def looks(learner_of, data):
    def make(*words, data_=None, untrained_seed=1):
        mixture, untrained = learner_of(*words).mixture, learner_of(*words, seed=untrained_seed).mixture
        return look_closer(mixture, untrained, data_ or data, noise(), 8), mixture

    return make


@pytest.fixture
def points() -> torch.Tensor:
    """Three clouds of 40 points about (0, 0), (9, 0) and (0, 9)."""
    middle = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]]).repeat_interleave(40, 0)
    return middle + torch.randn(120, 2, generator=torch.Generator().manual_seed(0))


def test_from_the_same_centres_lloyd_ends_where_scikit_learn_does(points):
    start = points[[0, 1, 2]]
    ours = lloyd(points, start)
    theirs = KMeans(3, init=start.numpy(), n_init=1, tol=0, algorithm="lloyd").fit(points.numpy())
    np.testing.assert_allclose(ours, theirs.cluster_centers_, rtol=1e-5)
    assert nearest(points, ours).tolist() == theirs.labels_.tolist()


def test_clusters_that_stand_apart_are_found_and_always_the_same(points):
    found = centres(points, 3, "test")
    assert adjusted_rand_score(nearest(points, found), np.repeat([0, 1, 2], 40)) == 1
    assert torch.equal(found, centres(points, 3, "test"))


def test_fewer_different_samples_than_clusters():
    same = torch.ones(6, 2)
    assert nearest(same, centres(same, 4, "test")).tolist() == [0] * 6


def test_similarity_of_features():
    """A rotated, scaled and shifted copy is the same; CKA of two others by the formula with its X'X."""
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(200, 6)), draw.normal(size=(200, 6)) + 0.4
    rotation = np.linalg.qr(draw.normal(size=(6, 6)))[0]
    alike = linear_cka(torch.from_numpy(np.stack([x, 3 * x @ rotation + 7, y, np.ones_like(x)], 1))).numpy()
    x, y = x - x.mean(0), y - y.mean(0)
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    np.testing.assert_allclose(alike[0, :3], [1, 1, np.linalg.norm(x.T @ y) ** 2 / norms])
    np.testing.assert_allclose(alike[:3, :3], alike[:3, :3].T)
    assert np.isnan(alike[3]).all()


def test_similarity_of_weights():
    """Rows (1, 0, 2) and (2, 2, 0): 2 / (sqrt 5 sqrt 8)."""
    bank = nn.Module()
    bank.weight = nn.Parameter(torch.tensor([[[1.0, 0.0]], [[2.0, 2.0]]]))
    bank.bias = nn.Parameter(torch.tensor([[2.0], [0.0]]))
    assert weight_cosine(bank)[0, 1].item() == pytest.approx(2 / 40**0.5)


def test_the_learnable_gate_finds_who_knows_the_neighbourhood():
    """Expert 0 knows what lies left of 0, expert 1 what lies right; each is surer by .1 at one sample of the others."""
    known = torch.linspace(-1, 1, 200).unsqueeze(-1)
    left = (known < 0).float()
    said = -torch.cat([1 - left, left], -1)
    said[50], said[150] = torch.tensor([-1.0, -0.9]), torch.tensor([-0.9, -1.0])
    assert learnable(known, said, torch.tensor([[-0.497], [-0.8], [0.3], [0.503]])).tolist() == [0, 0, 1, 1]


def test_a_gate_without_neighbours_takes_who_knows_the_one_sample():
    assert learnable(torch.zeros(1, 2), torch.tensor([[-2.0, -1.0]]), torch.zeros(3, 2)).tolist() == [1, 1, 1]


def test_samples_are_spread_evenly(data):
    assert spread(data.train, 4).index_N.tolist() == [0, 22, 45, 67]
    assert len(spread(data.train, 500)) == 90


def test_what_is_written(looks):
    files, _ = looks()
    shapes = {name: array.shape for name, array in files["evaluation"].items()}
    references = ("untrained", "kmeans_pixels", "kmeans_features", "learnable")
    expected = {f"reference_{name}": (N,) for name in references}
    assert shapes == expected | {"weight_cosine": (E, E), "feature_cka": (E, E)}
    assert {name: array.shape for name, array in files["interventions"].items()} == {
        "removed_prediction": (N, E),
        "removed_log_likelihood": (N, E),
        "swapped_errors": (E, E),
    }
    assert "regions" not in files


def test_what_depends_on_what_is_not_there_is_left_out(looks, data, empty):
    assert "reference_learnable" not in looks(data_=replace(data, validation=empty))[0]["evaluation"]
    assert "interventions" not in looks("gate=expert_choice")[0]
    mixture = build_learner(compose(["experts=linear"]), (1, 3, 4), 4, 0).mixture
    linear = look_closer(mixture, mixture, data, noise(), 8)["evaluation"]
    assert not {"feature_cka", "reference_kmeans_features"} & linear.keys()
    assert looks("experts.count=1")[0] == {}


def test_features_that_would_take_too_much_memory_are_left_out(looks, data, monkeypatch):
    """Of 90 training samples, whose features k-means reads, and fewer of the test split."""
    hidden = looks()[1].experts.hidden_features
    assert len(data.test) < 90
    monkeypatch.setattr(samples, "MOST_FEATURES", 90 * E * hidden - 1)
    found = looks()[0]["evaluation"].keys()
    assert "reference_kmeans_features" not in found and "feature_cka" in found
    monkeypatch.setattr(samples, "MOST_FEATURES", len(data.test) * E * hidden - 1)
    assert "feature_cka" not in looks()[0]["evaluation"]


def test_the_untrained_gate_is_that_of_the_untrained_mixture(looks, learner_of, data):
    for words in ([], ["gate=attentive"]):
        files, _ = looks(*words, untrained_seed=3)
        routing = learner_of(*words, seed=3).mixture.eval()(data.test.x_ND, noise()).routing
        assert files["evaluation"]["reference_untrained"].tolist() == routing.weights_BE.argmax(-1).tolist()


def test_the_same_again(looks, same):
    assert same(looks()[0], looks()[0])


@pytest.mark.parametrize("words", [[], ["gate=switch"], ["inference=argmax"]], ids=str)
def test_interventions_by_the_formulas(looks, data, words):
    """Without an expert: the softmax of the others' logits, and of these what the gate selects; swapped: two columns of
    the experts' outputs exchanged. Mixed by q = sum w P, or for switch by the weighted sum of log P."""
    files, mixture = looks(*words)
    output = mixture(data.test.x_ND, noise())
    logits, said = output.routing.logits_BE.double(), output.experts.log_probs_BEC.double()
    label, alone = data.test.y_N, bool(words)

    def mixed(weights, said):
        if words == ["gate=switch"]:
            return (weights.unsqueeze(-1) * said).sum(-2).log_softmax(-1)
        return (weights.unsqueeze(-1) * said.exp()).sum(-2).log()

    def weighed(logits):
        probs = logits.softmax(-1)
        best = torch.zeros_like(probs).scatter(-1, probs.argmax(-1, keepdim=True), 1.0)
        return best if words == ["inference=argmax"] else probs * best if alone else probs

    for e in range(E):
        without = mixed(weighed(logits.index_fill(-1, torch.tensor(e), -torch.inf)), said)
        assert files["interventions"]["removed_prediction"][:, e].tolist() == without.argmax(-1).tolist()
        truth = without.gather(-1, label.unsqueeze(-1)).squeeze(-1)
        np.testing.assert_allclose(
            files["interventions"]["removed_log_likelihood"][:, e], truth.detach(), rtol=1e-4, atol=1e-5
        )
        for f in range(E):
            order = list(range(E))
            order[e], order[f] = f, e
            wrong = mixed(weighed(logits), said[:, order]).argmax(-1) != label
            assert files["interventions"]["swapped_errors"][e, f] == wrong.sum()


def test_points_in_the_plane_have_regions(learner_of, data):
    def flat(split):
        return replace(split, x_ND=split.x_ND[:, :2])

    plane = replace(data, shape=(2,), train=flat(data.train), validation=flat(data.validation), test=flat(data.test))

    mixture = build_learner(compose(["experts.count=5", "gate/score=linear"]), (2,), 4, 0).mixture
    files = look_closer(mixture, mixture, plane, noise(), 8)
    regions = files["regions"]
    assert regions["expert"].shape == (101, 101) and regions["expert_prediction"].shape == (E, 101, 101)
    at = torch.tensor([[regions["x"][7], regions["y"][90]]])
    output = mixture(at, noise())
    assert regions["expert"][90, 7] == output.routing.weights_BE.argmax()
    assert regions["prediction"][90, 7] == output.prediction_B
    assert regions["expert_prediction"][:, 90, 7].tolist() == output.experts.log_probs_BEC.argmax(-1)[0].tolist()
    assert files["evaluation"]["gate_weights"].shape == (E, 2)


def test_images_of_the_largest_regret(learner_of, data):
    files = evaluate(learner_of().mixture, data, noise(), 8)
    routing, shown = files["routing"], files["examples"]
    nats = routing["expert_log_prob_true"].max(1) - routing["log_probs"][np.arange(N), routing["label"]]
    worst = np.argsort(-nats)[:16]
    assert shown["regret_sample_index"].tolist() == routing["sample_index"][worst].tolist()
    np.testing.assert_array_equal(shown["regret_nats"], nats[worst])
    assert shown["regret_best"].tolist() == routing["expert_log_prob_true"][worst].argmax(1).tolist()
    assert shown["regret_image"].shape == (16, 1, 3, 4)
