import numpy as np
import pytest

from moe_lab.data.digits import Digits
from moe_lab.data.strokes import image_columns, ink, thickness


def bar(width: int, height: int, side: int = 40) -> np.ndarray:
    image = np.zeros((1, side, side))
    image[0, 3 : 3 + height, 4 : 4 + width] = 1
    return image


@pytest.mark.parametrize(("width", "height"), [(2, 6), (3, 30), (1, 1)])
def test_a_bar_by_hand(width, height):
    """Area w h, border 2 (w + h): 2 w h / (pi / 4 * 2 (w + h))."""
    assert thickness(bar(width, height))[0] == pytest.approx(width * height / (np.pi / 4 * (width + height)))
    assert ink(bar(width, height))[0] == pytest.approx(width * height / 1600)


def test_bars_that_touch_the_edge_have_a_border_there():
    image = np.ones((1, 4, 4))
    # area 16, border 16
    assert thickness(image)[0] == pytest.approx(2 * 16 / (np.pi / 4 * 16))


def test_darker_ink_is_not_thicker_and_a_wider_ring_is():
    y, x = np.mgrid[-20:21, -20:21]
    radius = np.hypot(x, y)
    thin, wide = ((abs(radius - 13) < half).astype(float)[None] for half in (1.5, 3))
    assert thickness(0.3 * thin)[0] == pytest.approx(thickness(thin)[0])
    # a ring runs in all directions alike, so pi / 4 is right: widths of 3 and 6, to the grid's rounding
    assert thickness(thin)[0] == pytest.approx(3, rel=0.07)
    assert thickness(wide)[0] == pytest.approx(6, rel=0.07)


def test_what_images_have():
    image = np.zeros((2, 8, 8), dtype=np.uint8)
    image[1] = 255
    columns = image_columns(image, 255)
    assert columns["ink"].tolist() == [0, 1] and columns["thickness"][0] == 0
    assert image_columns(np.zeros((2, 3, 8, 8)), 1).keys() == {"ink"}


def test_digits_know_their_ink():
    data = Digits().load()
    assert data.attributes.keys() == {"class", "ink", "thickness"}
    pixel = data.test.x_ND.numpy() * Digits.sd + Digits.mean
    np.testing.assert_allclose(data.attributes["ink"], pixel.mean(1), rtol=1e-4)
