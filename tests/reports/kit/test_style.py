import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.reports.kit.style import (
    ACCENT,
    AXIS,
    HUES,
    MUTED,
    WARM,
    colours,
    contrast,
    faint,
    ink_on,
    ranks,
    spread,
)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 20, 64])
def test_every_expert_has_its_own_colour(count):
    assert len(set(colours(count))) == count


def test_up_to_eight_take_the_colours_that_the_colour_blind_tell_apart():
    assert colours(8) == list(HUES)


def test_contrast_by_hand():
    # white on white (1 + .05) / (1 + .05), black 1.05 / .05, pure blue of luminance .0722
    assert contrast("#ffffff") == pytest.approx(1) and contrast("#000000") == pytest.approx(21)
    assert contrast("#0000ff") == pytest.approx(1.05 / 0.1222)


@pytest.mark.parametrize("count", [1, 8, 9, 40, 200])
def test_every_mark_stands_out_from_white(count):
    assert all(contrast(one) >= 3 for one in [*colours(count), *ranks(count), ACCENT, AXIS, MUTED, WARM])


@pytest.mark.parametrize("colour", HUES)
def test_a_faint_colour_is_as_pale_as_contrast_allows(colour):
    assert 3 <= contrast(faint(colour)) < 3.2


def test_ink_is_dark_on_light_and_light_on_dark():
    # relative luminance of white is 1, of pure blue 0.0722
    assert ink_on("#ffffff") != "white"
    assert ink_on("#0000ff") == "white"


def test_labels_that_touch_are_pushed_apart():
    # 0.5 and 0.5: the second is lifted to 0.6; 0.9 stays
    assert spread([0.5, 0.5, 0.9], 0.1) == pytest.approx([0.5, 0.6, 0.9])


def test_labels_at_the_top_push_down():
    # 1.0 may not rise, so its neighbour goes to 0.9
    assert spread([0.98, 1.0], 0.1) == pytest.approx([0.9, 1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
@settings(deadline=None)
def test_spread_keeps_order_and_distance(heights):
    placed = spread(sorted(heights), 0.1)
    assert all(b - a >= 0.1 - 1e-9 for a, b in zip(placed, placed[1:], strict=False))
    assert placed[-1] <= 1 + 1e-9
    assert all(math.isfinite(height) for height in placed)
