import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.data.toy import Points, Toy, numbered
from moe_lab.data.toy_sets import ToyCheckerboard, ToyCircles, ToyClusters, ToyGaussians
from moe_lab.errors import ConfigError

CLASSES = (ToyClusters, ToyCheckerboard, ToyCircles, ToyGaussians)


class Line(Toy):
    """Points 0, 1, 2, ... on a line in three groups; group 2 belongs to class 0."""

    name, truth, groups, class_names = "line", "piece", 3, ("a", "b")

    def draw(self, rng):
        group_N = self.even_groups()
        return Points(np.stack([np.arange(self.samples), rng.random(self.samples)], axis=-1), group_N % 2, group_N)


def whole(data):
    splits = (data.train, data.validation, data.test)
    return [torch.cat([getattr(split, name) for split in splits]) for name in ("x_ND", "y_N", "index_N")]


def test_sizes_by_hand():
    data = Line(samples=50).load()
    # groups of 17, 17, 16, so classes of 33 and 17; .2 x 50 = 10 for test, then ceil(.1 x 40) = 4 for validation
    assert [len(data.train), len(data.validation), len(data.test)] == [36, 4, 10]
    # 10 x 33 / 50 = 6.6 and 3.4
    assert torch.bincount(data.test.y_N).tolist() == [7, 3]
    assert (data.shape, data.class_names) == Line().describe() == ((2,), ("a", "b"))


def test_rows_belong_together():
    data = Line(samples=50).load()
    for split in (data.train, data.validation, data.test):
        assert split.x_ND[:, 0].tolist() == split.index_N.tolist()
        assert split.y_N.tolist() == [row % 3 % 2 for row in split.index_N.tolist()]
    assert data.attributes["piece"].tolist() == [row % 3 for row in data.test.index_N.tolist()]
    assert data.attributes["class"].tolist() == data.test.y_N.tolist()


@pytest.mark.parametrize("cls", CLASSES)
def test_every_set_is_the_same_again(cls):
    one, again, other = (whole(cls(data_seed=seed, samples=600).load()) for seed in (1, 1, 2))
    assert all(torch.equal(left, right) for left, right in zip(one, again, strict=True))
    assert not torch.equal(one[0], other[0])


@pytest.mark.parametrize("cls", CLASSES)
def test_the_split_seed_moves_validation_alone(cls):
    one, two = (cls(split_seed=seed, samples=600).load() for seed in (1, 2))
    assert one.validation.index_N.tolist() != two.validation.index_N.tolist()
    assert torch.equal(one.test.x_ND, two.test.x_ND)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_set_says_what_it_holds(cls):
    dataset = cls()
    data = dataset.load()
    # 3000: .2 for test, then .1 of 2400
    assert [len(data.train), len(data.validation), len(data.test)] == [2160, 240, 600]
    assert (data.shape, data.class_names) == dataset.describe()
    assert set(data.test.y_N.tolist()) == set(range(data.classes))
    assert data.attributes.keys() == {"class", cls.truth}
    assert set(data.attributes[cls.truth].tolist()) == set(range(dataset.groups))
    assert all(column.dtype == np.int64 for column in data.attributes.values())
    assert data.train.x_ND.dtype == torch.float32 and data.train.x_ND.isfinite().all()
    assert dataset.check() == [
        {
            "file": "none",
            "source": "drawn with dataset.data_seed=0",
            "found": "2160 + 240 + 600 points (training, validation, test)",
        }
    ]


@given(samples=st.integers(15, 200), seed=st.integers(0, 100))
@settings(deadline=None)
def test_every_point_is_in_one_split_and_groups_are_even(samples, seed):
    _, _, index_N = whole(Line(samples=samples, split_seed=seed).load())
    assert index_N.sort().values.tolist() == list(range(samples))
    size_G = np.bincount(Line(samples=samples).even_groups())
    assert size_G.sum() == samples and size_G.max() - size_G.min() <= 1


def test_too_few_points():
    with pytest.raises(ConfigError, match=r"dataset\.samples=14: too few for the 3 groups of line; give 15 or more"):
        Line(samples=14)
    assert set(Line(samples=15).load().test.y_N.tolist()) == {0, 1}


def test_names_are_numbers():
    assert numbered(3) == ("0", "1", "2")
