"""Figures of a paper: their content, their width, and that their text is text."""

import re
import struct
import zlib

import pytest

from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.look import Look
from moe_lab.reports.arms.measured import SHARE, Measured
from moe_lab.reports.kit.picture import COLUMN, DOTS
from moe_lab.reports.paper.chosen import choose
from moe_lab.reports.paper.figures import figures, forest
from tests.reports.paper.conftest import EIGHT

STEMS = ["metric_test_error_rate", "metric_mutual_information_expert_label_bits", "metric_load_entropy_bits"]


def of(found):
    return {one.stem: one.content for one in found}


def test_each_metric_of_the_table_and_what_the_report_shows_at_a_glance(chosen):
    assert list(of(figures(chosen(), "svg"))) == [*STEMS, "trade_off", "information"]
    # of the rows and columns that were chosen
    few = of(figures(chosen(rows="gate=softmax", columns="test_error_rate"), "svg"))
    assert "attentive" not in few["metric_test_error_rate"].decode() and STEMS[1] not in few


def test_the_text_of_an_svg_is_text(chosen):
    for content in of(figures(chosen(), "svg")).values():
        svg = content.decode()
        assert "<text" in svg and 'width="234pt"' in svg  # 3.25 inches of 72 points
    svg = of(figures(chosen(), "svg"))[STEMS[0]].decode()
    assert {"softmax", "attentive", "top_k", "Test error (%)"} <= set(re.findall(r">([^<>]+)</text>", svg))


def test_an_arm_has_the_same_name_in_every_figure(grid, light):
    runs = grid({"softmax": EIGHT, "top_k": EIGHT[::-1]})
    made = {"gate": "top_k", "regularizer": ["importance"]}
    here = {"test_error_rate": 0.1, SHARE: 0.5}
    runs += [light(f"both-{seed}", made | {"seed": seed}, here) for seed in (1, 2)]
    drawn = of(figures(choose(Measured(collect(runs))), "svg"))
    for stem in (STEMS[0], "trade_off"):
        texts = re.findall(r">([^<>]+)</text>", drawn[stem].decode())
        assert {"softmax", "top_k", "top_k + importance"} <= set(texts), stem


def test_the_text_of_a_pdf_is_of_an_embedded_truetype_font(chosen):
    for content in of(figures(chosen(), "pdf")).values():
        assert content.startswith(b"%PDF") and b"/FontFile2" in content and b"/Subtype /Type3" not in content
        assert re.search(rb"/MediaBox \[ 0 0 234 ", content) and b"/CreationDate" not in content
        # what shows text in a page's stream: a string or an array of strings before TJ or Tj
        streams = re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL)
        assert any(b"TJ" in text or b"Tj" in text for text in map(unpacked, streams))


def unpacked(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream.strip(b"\r\n"))
    except zlib.error:
        return b""


def test_a_png_has_the_dots_of_print(chosen):
    for content in of(figures(chosen(), "png")).values():
        width, _ = struct.unpack(">II", content[16:24])
        assert width == int(COLUMN * DOTS)


@pytest.mark.parametrize("form", ["pdf", "svg", "png"])
def test_the_same_runs_give_the_same_bytes(chosen, form):
    assert of(figures(chosen(), form)) == of(figures(chosen(), form))


def test_a_forest_has_every_seed_the_mean_and_the_interval(chosen):
    from matplotlib.figure import Figure

    one = chosen(rows="gate=softmax,gate=attentive")
    [quantity] = [each for each in one.quantities if each.name == "test_error_rate"]
    summaries = one.measured.summaries["test_error_rate"]
    figure = Figure()
    axes = figure.add_subplot()
    rows = [(arm.levels["gate"], arm, summaries[arm.key]) for arm in one.arms]
    forest(quantity, rows, Look(one.arms))(figure, axes)
    interval, points, mean, *_ = (list(line.get_xdata()) for line in axes.lines)
    # the errors in percent; see test_table for the interval of their mean
    assert sorted(points) == pytest.approx([4.0, 4.1, 4.2, 4.3, 4.4, 4.5, 4.6, 4.7]) and mean == pytest.approx([4.35])
    assert interval == pytest.approx([4.149, 4.560], abs=0.001)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["softmax", "attentive"]
    # the first row is above
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
