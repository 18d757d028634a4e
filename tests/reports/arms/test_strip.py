import xml.etree.ElementTree as ET

import pytest

from moe_lab.reports.arms.dots import limits, stem
from moe_lab.reports.arms.scatter import pareto
from moe_lab.reports.arms.strip import Strip, strip_plot, ticks
from moe_lab.reports.kit.svg import compact

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 10, ["0", "2", "4", "6", "8", "10"]),
        (3.2, 7.9, ["4", "5", "6", "7"]),
        (-0.02, 0.05, ["\N{MINUS SIGN}0.02", "0.00", "0.02", "0.04"]),
        (11_000, 14_500, ["11,000", "12,000", "13,000", "14,000"]),
    ],
)
def test_ticks_are_round(low, high, texts):
    assert [text for _, text in ticks(low, high)] == texts


def test_a_strip_plot_has_a_row_an_arm():
    rows = [
        Strip("A *", [1.0, 2.0, 3.0], 2.0, 1.0, 3.0, "#0072b2", "o"),
        Strip("B", [2.5], 2.5, None, None, "#e69f00", "s"),
    ]
    root = ET.fromstring(strip_plot(rows, (0.0, 4.0), "<error> & more (%)", 2.0))
    assert {"A *", "B", "<error> & more (%)"} <= {text.text for text in root.iter(f"{SVG}text")}
    [cloud] = [path for path in root.iter(f"{SVG}path") if path.get("stroke-linecap") == "round"]
    assert cloud.get("d").count("M") == 3
    [low, high] = [use.get("x") for use in root.iter(f"{SVG}use")]
    # the axis runs from 16 + 7.5 x 3 = 38.5 to 440 - 14 = 426: 2 of 4 is in the middle
    assert float(low) == pytest.approx(38.5 + 387.5 / 2, abs=0.06) and float(high) > float(low)


def test_long_intervals_are_cut():
    assert limits([1.0, 2.0], [-50.0, 53.0]) == pytest.approx((0.25 - 0.06, 2.75 + 0.06))
    assert limits([1.0, 2.0], [1.2, 1.8]) == pytest.approx((0.94, 2.06))
    low, high = limits([0.0], [])
    assert low < 0 < high


def test_file_names_are_safe():
    assert stem("../../etc/<script>") == "metric__etc_script_"


def test_pareto_front_by_hand():
    # (x good high, y good low): (3, 3) is beaten by (3, 2); (2, 2) by (3, 2); (1, 5) by all
    assert pareto([(1, 5), (2, 2), (3, 2), (3, 3), (1, 1)]) == [(1, 1), (3, 2)]


def test_compact_svg_draws_the_same():
    svg = (
        '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">\n <!-- x -->\n <defs>\n'
        '  <style type="text/css">*{a: b}</style>\n </defs>\n <g id="text_1" transform="scale(0.015625)">\n'
        + '  <path d="M 12.345678 0.123456 \nL 3 4" style="fill: red"/>\n' * 3
        + '  <path id="p12ab" style="fill: blue"/>\n </g>\n</svg>\n'
    )
    small = compact(svg)
    ET.fromstring(small)
    assert 'class="s0"' in small and ".s0{fill: red}" in small and 'style="fill: blue"' in small
    assert "M 12.34 0.123456 L 3 4" in small and "scale(0.015625)" in small
    assert "text_1" not in small and 'id="p12ab"' in small and "<!--" not in small
