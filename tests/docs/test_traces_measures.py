from pathlib import Path

from docs.traces_measures import SCOPES, text
from moe_lab.metrics.traces import MEASURES

DOCUMENT = Path(__file__).parents[2] / "docs" / "traces-measures.md"


def test_the_document_is_up_to_date():
    assert DOCUMENT.read_text() == text(), "run: python -m docs.traces_measures > docs/traces-measures.md"


def test_every_measure_is_described_once():
    written = text()
    assert {one.scope for one in MEASURES.values()} == SCOPES.keys()
    for name, one in MEASURES.items():
        assert written.count(f"- **`{name}`** ({one.unit}") == 1
