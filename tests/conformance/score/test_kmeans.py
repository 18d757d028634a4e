"""arXiv:2605.12476: the cosine to a centroid of each expert."""

import numpy as np
import pytest
import torch

from moe_lab.parts.gates.score.kmeans import KMeans


def test_scores_are_angles_over_tau(sizes, draw, noise):
    score, x = KMeans(sizes(), tau=0.5), draw(7, 12)
    scores, m, rows = score(x, None, noise), score.centroid_ED.numpy(), x.numpy()
    for b in range(7):
        for e in range(5):
            cosine = rows[b] @ m[e] / (np.linalg.norm(rows[b]) * np.linalg.norm(m[e]))
            assert scores[b, e].item() == pytest.approx(cosine / 0.5, abs=1e-5)


def test_nothing_is_learned_and_the_centroids_are_kept(sizes):
    score = KMeans(sizes())
    assert not list(score.parameters()) and list(score.state_dict()) == ["centroid_ED"]


def test_a_row_of_zeros_has_no_angle(sizes, noise):
    assert torch.equal(KMeans(sizes())(torch.zeros(2, 12), None, noise), torch.zeros(2, 5))
