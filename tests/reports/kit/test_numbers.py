import math

import pytest

from moe_lab.reports.kit.numbers import change, digits, quantity, share, short

S = "\N{NO-BREAK SPACE}"
M = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.03111, "fraction", f"3.1{S}%"),
        (0.0, "fraction", f"0.0{S}%"),
        (1.0, "fraction", f"100.0{S}%"),
        (1.9269, "bits", f"1.93{S}bits"),
        (0.0874, "bits", f"0.087{S}bits"),
        (0, "bits", f"0{S}bits"),
        (0.3336, "nats", f"0.33{S}nats"),
        (26063, "count", "26,063"),
        (3.9697, "count", "3.97"),
        (None, "bits", "undefined"),
    ],
)
def test_quantity(value, unit, text):
    assert quantity(value, unit) == text


def test_a_list_keeps_its_order_and_its_gaps():
    assert digits([0.5, None, 0.25], "fraction") == "50.0, \N{EN DASH}, 25.0"


def test_numbers_by_name_stand_after_their_names():
    assert digits({"class": 0.5, "source": None}, "fraction") == f"class:{S}50.0, source:{S}\N{EN DASH}"


def test_of_many_values_the_least_and_the_greatest_are_told():
    assert digits([0.5, None, *[0.25] * 11], "fraction") == "13 values, 25.0 to 50.0"
    assert digits({str(epoch): 1 + epoch for epoch in range(13)}, "count") == "13 values, 1 to 13"
    assert digits([None] * 13, "count") == "undefined"


def test_an_infinite_value_is_named():
    assert digits(math.inf, "nats") == "inf"


@pytest.mark.parametrize(("value", "text"), [(0.0167, "+1.7"), (-0.004, f"{M}0.4"), (-0.0001, "0.0"), (0.0, "0.0")])
def test_change(value, text):
    assert change(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (63.0, "fraction", "6,300"),
        (1.0, "fraction", "100"),
        (-1.0, "fraction", f"{M}100"),
        (2.3219, "bits", "2.32"),
        (0.0, "bits", "0"),
    ],
)
def test_short(value, unit, text):
    assert short(value, unit) == text


@pytest.mark.parametrize(("part", "text"), [(0, "0 %"), (1, "<1 %"), (10, "1 %"), (1000, "100 %")])
def test_share(part, text):
    assert share(part, 1000) == text
