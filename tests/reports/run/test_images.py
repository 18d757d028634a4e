import base64

import numpy as np
import pytest

from moe_lab.reports.run.images import is_image, typical_images


def examples(shape=(1, 8, 8), experts=(0, 0, 2), **changes):
    M = len(experts)
    rng = np.random.default_rng(0)
    return {
        "image": rng.integers(0, 256, (M, *shape), dtype=np.uint8),
        "expert": np.array(experts),
        "sample_index": np.arange(M) + 7,
        "label": np.zeros(M, int),
        "prediction": np.zeros(M, int),
        "weight": np.full(M, 0.75, np.float32),
        **changes,
    }


@pytest.mark.parametrize(
    ("shape", "can_be_shown"),
    [
        ((1, 8, 8), True),
        ((3, 32, 32), True),
        ((1, 8, 16), True),
        ((2,), False),
        ((4, 8, 8), False),
        ((1, 1, 784), False),
    ],
)
def test_is_image(shape, can_be_shown):
    assert is_image(examples(shape)["image"]) is can_be_shown


def test_no_image_is_no_image():
    assert not is_image(np.zeros((0, 1, 8, 8), np.uint8))


def test_a_row_of_the_csv_an_image_and_none_for_an_expert_without_samples():
    picture = typical_images(examples(), np.array([2, 0, 1]), ["zero", "one"])
    places = [(row["expert"], row["place"], row["sample_index"]) for row in picture.rows]
    assert places == [(0, 0, 7), (0, 1, 8), (2, 0, 9)]
    assert picture.rows[0] == {
        "expert": 0,
        "place": 0,
        "sample_index": 7,
        "label": "zero",
        "prediction": "zero",
        "weight": 0.75,
    }
    assert "a row for each of 2 experts" in picture.alt


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (1, 28, 28), (3, 200, 100)])
def test_each_image_is_in_the_figure(shape):
    picture = typical_images(examples(shape), np.array([2, 0, 1]), ["zero"])
    assert picture.svg.count(b"data:image/png;base64,") == 3


def test_pixels_are_kept_as_they_are():
    from io import BytesIO

    from matplotlib.image import imread

    one = examples(experts=(0,))
    svg = typical_images(one, np.array([1]), ["zero"]).svg
    start = svg.index(b"data:image/png;base64,") + len(b"data:image/png;base64,")
    shown = imread(BytesIO(base64.b64decode(svg[start : svg.index(b'"', start)])))
    # 8 pixels are enlarged 6 times to 48; matplotlib reads a PNG as floats of 0 to 1
    np.testing.assert_allclose(255 * shown[::6, ::6, 0], one["image"][0, 0], atol=0.01)


def test_a_mistake_of_the_mixture_takes_a_second_line():
    right = typical_images(examples(), np.array([2, 0, 1]), ["zero", "one"])
    wrong = typical_images(examples(prediction=np.array([0, 1, 0])), np.array([2, 0, 1]), ["zero", "one"])
    assert wrong.rows[1]["prediction"] == "one"
    assert wrong.svg != right.svg


def test_of_many_experts_the_most_used_are_shown():
    experts = np.arange(30)
    picture = typical_images(examples(experts=experts), experts + 1, ["zero"])
    # 30 - 24 = 6 are left out, the least used
    assert sorted({row["expert"] for row in picture.rows}) == list(range(6, 30))
    assert "The 24 most used of 30 experts." in picture.caption
