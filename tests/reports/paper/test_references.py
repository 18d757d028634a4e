"""Every paper that a part names has an entry, and every entry can be found."""

import re

import pytest

from moe_lab.config.catalog import catalog
from moe_lab.metrics import METRICS
from moe_lab.reports.paper.references import PAPERS, bibtex, cited, papers
from moe_lab.reports.paper.sources import FLIPS, HOLM, INTERVALS, OPTIMIZERS, OURS

SOURCES = {f"{row['group']}={row['name']}": row["source"] for row in catalog() if row["source"]}
METRIC_SOURCES = {name: metric.source for name, metric in METRICS.items()}
OTHERS = {one: one for one in (FLIPS, HOLM, OURS, *INTERVALS.values(), *OPTIMIZERS.values())}


def named(sources: dict[str, str]) -> list[tuple[str, str]]:
    """(what, a part of its source that names a paper: it has a year or an arXiv number)."""
    parts = [(what, part) for what, source in sources.items() for part in source.split(";")]
    return [(what, part) for what, part in parts if re.search(r"\b(18|19|20)\d\d\b|arXiv:", part)]


def test_papers_of_parts_have_entries_and_a_new_one_is_said_until_it_has():
    """A part is added without touching papers.bib; what is missing then stands in the file as a comment."""
    found = named(SOURCES)
    without = [(what, part) for what, part in found if not cited(part)]
    assert len(found) > 100 and len(without) <= len(found) / 20, without
    for what, part in without:
        assert f"{what}:" in bibtex([(what, part)])


def test_arxiv_papers_of_metrics_have_entries():
    found = [part for _, part in named(METRIC_SOURCES) if "arXiv:" in part]
    without = [part for part in found if not cited(part)]
    assert len(found) > 20 and len(without) <= len(found) / 20, without


@pytest.mark.parametrize("source", OTHERS)
def test_statistics_and_optimizers_have_theirs(source):
    assert len(cited(source)) == 1


def test_the_file_is_whole():
    text = PAPERS.read_text()
    keys = [entry.key for entry in papers()]
    assert text.count("@") == len(keys) == len(set(keys)) and keys == sorted(keys)
    for entry in papers():
        assert entry.text.count("{") == entry.text.count("}") and not set("%") & set(entry.text)
        assert entry.arxiv == "" or f"howpublished = {{arXiv:{entry.arxiv}}}" in entry.text
        assert entry.year == "" or re.fullmatch(r"(18|19|20)\d\d", entry.year)
    numbers = [entry.arxiv for entry in papers() if entry.arxiv]
    assert len(numbers) == len(set(numbers))


def test_no_entry_is_idle():
    named = [*SOURCES.values(), *METRIC_SOURCES.values(), *OTHERS]
    used = {key for source in named for key in cited(source)}
    # dropout is named in the recipe that uses it, below its own source
    assert {entry.key for entry in papers()} - used == {"srivastava2014"}


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("Shazeer et al. 2017, arXiv:1701.06538, eq. 5", ("shazeer2017",)),
        # two papers of one surname and year: the number tells
        ("Wang et al. 2024, arXiv:2408.15664", ("wang2024a",)),
        ("Wang, Zhu and Chen 2024 (ReMoE), arXiv:2412.14711", ("wang2024b",)),
        ("Jordan and Jacobs 1994, Hierarchical mixtures", ("jordan1994",)),
        ("Xiao et al. 2017 and LeCun et al. 1998", ("lecun1998", "xiao2017")),
        ("Csordas et al. 2024, arXiv:2312.07987", ("csordas2024",)),
        ("Nobody 1901", ()),
        ("", ()),
    ],
)
def test_cited(source, keys):
    assert cited(source) == keys


def test_a_file_says_what_each_entry_is_for():
    text = bibtex(
        [
            ("gate=top_k", "Shazeer et al. 2017, arXiv:1701.06538"),
            ("load", "Shazeer et al. 2017"),
            ("x", "N@body 1901"),
            ("y", "moe-lab"),
        ]
    )
    assert text.startswith("gate=top_k, load\n@misc{shazeer2017,\n") and text.count("@") == 1
    assert text.endswith("moe-lab has no entries for:\nx: N at body 1901\n") and "moe-lab\n" not in text[-20:]
