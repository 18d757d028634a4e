import numpy as np
import pytest
import torch

from moe_lab.data.toy_regression import ToyInverse, ToyPiecewise
from moe_lab.errors import ConfigError

CLASSES = (ToyInverse, ToyPiecewise)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_set_says_what_it_holds(cls):
    dataset = cls()
    data = dataset.load()
    # 3000: .2 for test, then .1 of 2400; by component, of which each keeps whole points
    assert [len(data.train), len(data.validation), len(data.test)] == [2160, 240, 600]
    assert (data.shape, data.class_names) == dataset.describe() == ((1,), ())
    assert data.classes == 0 and data.target.truth == cls.truth
    assert data.target.truth_names == dataset.components
    component = data.attributes[cls.truth]
    assert set(component.tolist()) == set(range(dataset.groups)) and component.dtype == np.int64
    for split in (data.train, data.validation, data.test):
        assert split.x_ND.dtype == split.y_N.dtype == torch.float32
    # standardized by the training split
    for values in (data.train.x_ND, data.train.y_N):
        assert values.mean().item() == pytest.approx(0, abs=1e-5)
        assert values.std(correction=0).item() == pytest.approx(1, rel=1e-5)
    assert dataset.check()[0]["found"] == "2160 + 240 + 600 points (training, validation, test)"


@pytest.mark.parametrize("cls", CLASSES)
def test_the_same_again_and_another_seed_is_another(cls):
    one, again, other = (cls(data_seed=seed, samples=300).load().train for seed in (1, 1, 2))
    assert torch.equal(one.x_ND, again.x_ND) and torch.equal(one.y_N, again.y_N)
    assert not torch.equal(one.x_ND, other.x_ND)


def own_units(data):
    """x, y and component of the test split, in their own units."""
    x = data.test.x_ND[:, 0].double().numpy() * data.input.sd + data.input.mean
    y = data.test.y_N.double().numpy() * data.target.sd + data.target.mean
    return x, y, data.attributes[data.target.truth]


def test_bishops_inverse_problem():
    x, t, branch = own_units(ToyInverse(samples=3000).load())
    assert t.min() >= -1e-6 and t.max() <= 1 + 1e-6
    noise = x - t - 0.3 * np.sin(2 * np.pi * t)
    assert np.abs(noise).max() < 0.1 + 1e-5
    # uniform in +-.1 has the sd .1 / sqrt 3
    assert noise.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.05)
    # x grows with t on the outer branches and falls on the middle one: 1 + .6 pi cos(2 pi t) changes its sign between
    slope = 1 + 0.6 * np.pi * np.cos(2 * np.pi * t)
    assert ((slope < 0) == (branch == 1)).all()
    assert (t[branch == 0].max() < t[branch == 1].min()) and (t[branch == 1].max() < t[branch == 2].min())
    # without noise x is the forward function
    x, t, _ = own_units(ToyInverse(samples=300, noise=0).load())
    np.testing.assert_allclose(x, t + 0.3 * np.sin(2 * np.pi * t), atol=1e-5)


def test_lines_one_after_the_other():
    x, y, regime = own_units(ToyPiecewise(samples=600, noise=0, regimes=3).load())
    assert (np.floor(x) == regime).all()
    # up from -1 to 1 in regimes 0 and 2, down in regime 1
    expected = np.where(regime == 1, 1 - 2 * (x - 1), 2 * (x - regime) - 1)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    noisy_x, noisy_y, _ = own_units(ToyPiecewise(samples=3000, noise=0.3, regimes=1 + 1).load())
    residual = noisy_y - np.where(noisy_x < 1, 2 * noisy_x - 1, 3 - 2 * noisy_x)
    assert residual.std() == pytest.approx(0.3, rel=0.1)
    assert ToyPiecewise(regimes=3).components == ("rising 0", "falling 1", "rising 2")


def test_too_few_points():
    with pytest.raises(ConfigError, match="too few for the 20 groups of toy_piecewise; give 100 or more"):
        ToyPiecewise(samples=99, regimes=20)
