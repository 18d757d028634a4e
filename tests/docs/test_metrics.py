from pathlib import Path

from docs.metrics import introduction, text
from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import by_group, title

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_document_is_up_to_date():
    assert DOCUMENT.read_text() == text(), "run: python -m docs.metrics > docs/metrics.md"


def test_every_metric_and_every_group_is_described():
    written = text()
    for name, metric in METRICS.items():
        assert written.count(f"- **`{name}`** ({metric.unit}") == 1
    for group in by_group(METRICS):
        assert introduction(group).endswith("."), group
        assert f"\n## {title(group)}\n\n{introduction(group)}\n" in written


def test_groups_keep_all_names():
    names = [*METRICS, "shoe_size"]
    grouped = by_group(names)
    assert sorted(name for inside in grouped.values() for name in inside) == sorted(names)
    assert grouped["other"] == ["shoe_size"] and title("other") == "Other"
    assert list(grouped)[0] == "competence"
