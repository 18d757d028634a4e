"""What the tutorial says of its forty runs is computed again from them."""

import csv
import re
from math import log2
from pathlib import Path

import pytest

from moe_lab.statistics.intervals import summary
from moe_lab.statistics.paired import compare

DOCS = Path(__file__).parents[2] / "docs"
ERROR, INFORMATION = "test_error_rate", "mutual_information_expert_label_bits"
BOUNDS = {ERROR: (0, 1), INFORMATION: (0, log2(5))}
ROW = re.compile(r"^\| (softmax.*?|attentive.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def values():
    found = {}
    with open(DOCS / "studies" / "tutorial" / "gates.csv", newline="") as file:
        for row in csv.DictReader(file):
            for metric in BOUNDS:
                found.setdefault(row["arm"], {}).setdefault(metric, {})[int(row["seed"])] = float(row[metric])
    return found


@pytest.fixture(scope="module")
def page():
    return (DOCS / "tutorial.md").read_text()


def test_the_table_is_of_the_runs(values, page):
    shown = {arm: cells for arm, *cells in ROW.findall(page)}
    starred = {(one.arm, one.metric) for one in compare(values, "softmax", list(BOUNDS)) if one.sure}
    for arm, metrics in values.items():
        for cell, (metric, scale, digits) in zip(shown[arm], [(ERROR, 100, 1), (INFORMATION, 1, 2)], strict=True):
            of = summary(list(metrics[metric].values()), BOUNDS[metric])
            star = "*" if (arm, metric) in starred else ""
            ends = " to ".join(f"{end * scale:.{digits}f}" for end in (of.low, of.high))
            assert cell == f"{of.mean * scale:.{digits}f}{star} ({ends})"


def test_what_is_concluded(values, page):
    def mean(arm, metric):
        return sum(values[arm][metric].values()) / len(values[arm][metric])

    gain = mean("softmax + importance", INFORMATION) - mean("softmax", INFORMATION)
    assert f"{gain:.2f} bits" == "0.18 bits" and "by 0.18 bits with the softmax gate" in page
    more = mean("attentive + importance", ERROR) - mean("softmax", ERROR)
    assert f"{more * 100:.1f}" == "0.8" and ".8 points higher" in page
