"""arXiv:2208.02813, section 3.1: patches of features, centers, noise and features of others."""

import numpy as np
import pytest
import torch

from moe_lab.data.chen2022 import CLUSTERS, SCALE, Chen2022, draw, orthonormal


def parts(setting, samples=4000):
    """Vectors, and of each sample what its four patches hold, in units before scaling: along the vectors, [N, 4, 8]."""
    rng = np.random.default_rng(0)
    vector_XL = orthonormal(8, 50, rng)
    x_NPL, class_N, cluster_N = draw(samples, setting, vector_XL, rng)
    return x_NPL / SCALE, x_NPL @ vector_XL.T / SCALE, class_N, cluster_N


def test_vectors_are_orthonormal():
    vector_XL = orthonormal(8, 50, np.random.default_rng(1))
    np.testing.assert_allclose(vector_XL @ vector_XL.T, np.eye(8), atol=1e-12)


@pytest.mark.parametrize(("setting", "noise", "most"), [("s1", 1, 3), ("s2", 2, 3), ("s3", 1, 2), ("s4", 2, 2)])
def test_what_the_patches_hold(setting, noise, most):
    x_NPL, along_NP8, class_N, cluster_N = parts(setting)
    rows = np.arange(len(class_N))
    # patches that lie in the span of the eight vectors; the one that does not is noise
    outside_NP = np.linalg.norm(x_NPL, axis=2) ** 2 - np.linalg.norm(along_NP8, axis=2) ** 2
    noise_N = outside_NP.argmax(1)
    np.testing.assert_allclose(np.delete(np.sort(outside_NP, axis=1), 3, axis=1), 0, atol=1e-9)
    # 50 numbers of sd noise / sqrt(50): the squared length is noise^2 on average
    assert (x_NPL[rows, noise_N] ** 2).sum(1).mean() == pytest.approx(noise**2, rel=0.02)
    along_NP8[rows, noise_N] = 0
    strength_N8 = along_NP8.sum(1)
    # its center, with b in [1, 2), and no other
    center_N = strength_N8[rows, CLUSTERS + cluster_N]
    assert center_N.min() >= 1 and center_N.max() < 2 and center_N.mean() == pytest.approx(1.5, abs=0.03)
    assert np.count_nonzero(np.abs(strength_N8[:, CLUSTERS:]) > 1e-9, axis=1).tolist() == [1] * len(rows)
    # its own feature, whose sign is the class, with a in [.5, 2)
    own_N = strength_N8[rows, cluster_N] * (2 * class_N - 1)
    assert own_N.min() >= 0.5 and own_N.max() < 2 and own_N.mean() == pytest.approx(1.25, abs=0.04)
    # and that of another cluster, with g up to `most` and a sign of its own
    others_N4 = strength_N8[:, :CLUSTERS].copy()
    others_N4[rows, cluster_N] = 0
    other_N = others_N4.sum(1)
    assert np.count_nonzero(np.abs(others_N4) > 1e-9, axis=1).tolist() == [1] * len(rows)
    assert np.abs(other_N).min() >= 0.5 and np.abs(other_N).max() < most
    assert np.abs(other_N).mean() == pytest.approx((0.5 + most) / 2, abs=0.05)
    assert abs(np.corrcoef(np.sign(other_N), class_N)[0, 1]) < 0.08


def test_clusters_classes_and_places_are_even():
    _, along_NP8, class_N, cluster_N = parts("s1", 8000)
    assert (abs(np.bincount(cluster_N) - 2000) < 5 * 39).all() and abs(class_N.sum() - 4000) < 5 * 45
    # where the center's patch stands: even over the four places
    place_N = np.abs(along_NP8[:, :, CLUSTERS:]).max(2).argmax(1)
    assert (abs(np.bincount(place_N, minlength=4) - 2000) < 400).all()


def test_splits_and_what_is_known():
    data = Chen2022(samples=1000, validation_share=0.2).load()
    assert [len(one) for one in (data.train, data.validation, data.test)] == [400, 100, 500]
    assert data.shape == (1, 4, 50) and data.train.x_ND.shape == (400, 200) and data.class_names == ("-1", "+1")
    assert data.truth == "cluster" and set(data.attributes["cluster"]) == {0, 1, 2, 3}
    assert np.array_equal(data.attributes["class"], data.test.y_N.numpy())
    assert len(Chen2022(samples=1000, validation_share=0.0).load().validation) == 0


def test_the_samples_are_those_of_the_seed():
    one, same, other = (Chen2022(samples=100, data_seed=seed).load().train.x_ND for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
