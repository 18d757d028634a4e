import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans as Reference

from moe_lab.errors import ConfigError
from moe_lab.parts.controllers.centroids import Centroids
from tests.conformance.cases import Case

CASE = Case(needs=["gate=kmeans"], numbers=["controllers.centroids.decay=0.5"])


def test_by_hand(learner_of, step_of):
    learner = learner_of("gate=kmeans", "experts.count=3", "controller=[centroids]", "controllers.centroids.decay=0.75")
    controller, gate = learner.controllers["centroids"], learner.mixture.gate
    gate.score.centroid_ED.fill_(1.0)
    x = torch.zeros(3, 12)
    x[0], x[1], x[2] = 2.0, 4.0, 9.0
    selected = torch.tensor([[True, False, False], [True, False, False], [False, True, False]])
    with torch.no_grad():
        controller.after_step(step_of(gate=gate, x_BD=x, selected_BE=selected))
    # .75 + .25 (2 + 4) / 2; .75 + .25 * 9; nobody's stays
    expected = torch.tensor([1.5, 3.0, 1.0]).unsqueeze(-1).expand(3, 12)
    torch.testing.assert_close(gate.score.centroid_ED, expected)
    assert controller.readings()["empty"].item() == 1


def test_it_finds_the_clusters_that_k_means_finds(learner_of, step_of, noise):
    """Three directions of twelve, scaled at random: the clusters of the unit vectors."""
    draw = torch.Generator().manual_seed(0)
    label = torch.arange(3).repeat(40)
    x = 3 * torch.eye(12)[label] + 0.3 * torch.randn(120, 12, generator=draw)
    gate = learner_of("gate=kmeans", "experts.count=3").mixture.gate
    gate.score.centroid_ED.copy_(torch.eye(12)[:3] + 0.6 * torch.randn(3, 12, generator=draw))
    controller = Centroids(gate.sizes, decay=0.8)
    with torch.no_grad():
        for _ in range(60):
            controller.after_step(step_of(gate=gate, x_BD=x, selected_BE=gate(x, None, noise).selected_BE))
    expert = gate(x, None, noise).selected_BE.int().argmax(-1).numpy()
    unit = (x / x.norm(dim=-1, keepdim=True)).numpy()
    reference = Reference(3, n_init=3, random_state=0).fit(unit).labels_
    pairs = {(int(a), int(b)) for a, b in zip(expert, reference, strict=True)}
    assert len(pairs) == 3
    means = np.stack([x.numpy()[expert == e].mean(0) for e in range(3)])
    np.testing.assert_allclose(gate.score.centroid_ED.numpy(), means, atol=1e-3)


def test_it_needs_centroids(learner_of):
    with pytest.raises(ConfigError, match="needs a gate with a centroid, and this one has none"):
        learner_of("gate=switch", "controller=[centroids]")
