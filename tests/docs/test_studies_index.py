"""docs/studies.md lists every page on a study, with the verdicts of its kept files."""

import json
import re
from collections import Counter

import pytest

from docs.tables import DOCS

PAGES = sorted(f"studies/{path.name}" for path in (DOCS / "studies").glob("*.md"))
ROWS = dict(re.findall(r"^\| \[\S+\.md\]\((\S+)\) \| (.*) \|$", (DOCS / "studies.md").read_text(), re.MULTILINE))
VERDICTS = ("equivalent", "different", "inconclusive")


def verdicts(folder, part):
    """How many lines of a kept study have each verdict, of its levels or of its differences in error."""
    lines = json.loads((DOCS / "studies" / folder / "study.json").read_text())[part]
    return Counter(line["verdict"] for line in lines if line["verdict"] in VERDICTS)


def test_every_page_is_listed_and_stands_in_the_site():
    assert sorted(ROWS) == sorted([*PAGES, "continual.md", "one-active-expert.md"])
    contents = (DOCS / "index.md").read_text()
    assert [page for page in ROWS if f"\n{page.removesuffix('.md')}\n" not in contents] == []


@pytest.mark.parametrize(
    ("page", "folder", "part", "said"),
    [
        (
            "studies/krishnamurthy2023.md",
            "krishnamurthy2023/mnist-published",
            "levels",
            "of 33 published means {equivalent} equivalent, none different, {inconclusive} inconclusive",
        ),
        (
            "studies/krishnamurthy2023.md",
            "krishnamurthy2023/fashion_mnist-published",
            "levels",
            "all {inconclusive} inconclusive",
        ),
    ],
)
def test_a_row_has_the_verdicts_of_the_kept_study(page, folder, part, said):
    found = verdicts(folder, part)
    assert sum(found.values()) == 33
    assert said.format(**found) in ROWS[page]


def test_verdicts_on_gates():
    total = sum((verdicts(f"routers/{active}", "differences") for active in ("two", "one", "any")), Counter())
    said = f"of {total.total()} differences {total['different']} are sure, all to the worse"
    assert said in ROWS["studies/routers.md"] and f"{total['inconclusive']} inconclusive" in ROWS["studies/routers.md"]


def test_verdicts_on_clusters():
    total = sum((verdicts(f"chen2022/{setting}", "levels") for setting in ("s1", "s2", "s3")), Counter())
    assert total == {"equivalent": 2, "different": 1, "inconclusive": 9}
    said = "of twelve published means two are equivalent, one is different, nine inconclusive"
    assert said in ROWS["studies/chen2022.md"]


def test_verdicts_on_ways_to_one_active_expert():
    lines = json.loads((DOCS / "studies" / "one-active-expert" / "digits" / "study.json").read_text())["differences"]
    words = {verdict: {one["arm"] for one in lines if one["verdict"] == verdict} for verdict in VERDICTS}
    worse = {"sinkhorn", "L0", "L1", "L1 path", "dselect_k + selector_entropy"}
    assert words["equivalent"] == {"soft argmax"} and words["different"] == worse
    assert "on MNIST seventeen of eighteen ways are worse" in ROWS["one-active-expert.md"]
    assert (
        "equivalent to the soft mixture within half a point. Sinkhorn, dselect_k, L0, L1 and its path are worse"
        in ROWS["one-active-expert.md"]
    )


def test_verdicts_on_tasks_one_after_another():
    """The single network with a memory has the lower error than frozen experts with one."""
    lines = json.loads((DOCS / "studies" / "continual" / "study.json").read_text())["differences"]
    [line] = [one for one in lines if (one["arm"], one["name"]) == ("single + memory", "test_error_rate")]
    assert line["verdict"] == "different" and line["high"] < 0
    assert "a single network with the same memory has the lower error" in ROWS["continual.md"]
