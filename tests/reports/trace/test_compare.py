import csv

import pytest

from moe_lab.errors import RunError
from moe_lab.reports import write_traces_report
from moe_lab.reports.trace.compare import MOST
from moe_lab.routing.trace import LayerTrace, Trace


def text_of(page):
    return " ".join(page.read_text().replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture
def out(tmp_path):
    def claim():
        folder = tmp_path / "compared"
        folder.mkdir()
        return folder

    return claim


def test_two_steps_of_a_model(folder_of, make_trace, out):
    runs = [folder_of(make_trace(follow=follow), name) for name, follow in (("early", 0.0), ("late", 3.0))]
    page = write_traces_report(runs, out)
    text = text_of(page)
    assert "A: There is no evidence that experts follow domain" in text and "B: Experts of layer block1 follow" in text
    assert "The traces have the same layers" in text and "different layers" not in text
    # the measures of use have no test, so no point is filled
    assert "MaxVio is the largest load / mean load - 1. The repeat rate is the share of rows" in text
    assert text.count("Filled: beyond chance") == 1
    # in layer 0 nothing depends on ``follow``, so that both select the same
    assert text.count("100.0 %") == 1 and "usage_drift_bits" in text and "not tested" in text
    with (page.parent / "measures.csv").open() as file:
        rows = list(csv.DictReader(file))
    saturation = {row["layer"]: float(row["value"]) for row in rows if row["measure"] == "saturation"}
    assert saturation["block0"] == 1 > saturation["block1"] > 1 / 3
    assert {(row["trace"], row["other"]) for row in rows} == {("early", ""), ("late", ""), ("early", "late")}
    # each is measured once, and keeps what was measured
    assert all((run.path / "measures.csv").is_file() and not (run.path / "report.html").exists() for run in runs)


def test_two_models_on_the_same_rows(folder_of, make_trace, out):
    one = make_trace()
    renamed = tuple(
        LayerTrace(name=f"mlp{n}", experts=layer.experts, experts_TK=5 - layer.experts_TK)
        for n, layer in enumerate(one.layers)
    )
    other = Trace(
        layers=renamed,
        document_T=one.document_T,
        token_id_T=one.token_id_T,
        document_labels=one.document_labels,
    )
    text = text_of(write_traces_report([folder_of(one, "one"), folder_of(other, "other")], out))
    assert "The traces have different layers" in text and "same layers" not in text
    # the experts of the other are numbered from the end, so that all rows agree once they are matched
    assert text.count("<td>matched_agreement</td>") == 2 and text.count('<td class="number">100.0 %</td>') == 2


def test_other_rows_and_other_labels_are_said(folder_of, make_trace, out):
    one, other = make_trace(), make_trace(documents=26, document_labels={})
    text = text_of(write_traces_report([folder_of(one, "one"), folder_of(other, "other")], out))
    assert "A and B: the two traces are not of the same rows (960 and 1040, or other documents or tokens)" in text
    assert "The traces have no label in common." in text


def test_a_folder_of_one_trace(folder_of, make_trace, out):
    text = text_of(write_traces_report([folder_of(make_trace(), "one")], out))
    assert "<h1>1 trace</h1>" in text and "On the same rows" not in text


def test_many_traces_with_many_layers_make_no_large_page(folder_of, make_trace, measures_of, out):
    one = make_trace(layers=100, documents=24, tokens=2)
    labels = {f"label {n} {'x' * 80}": one.document_labels["domain"] for n in range(6)}
    trace = Trace(layers=one.layers, document_T=one.document_T, document_labels=labels)
    runs = [folder_of(trace, f"trace{n}") for n in range(MOST)]
    for run in runs:
        (run.path / "measures.csv").write_text(measures_of(trace))
    assert write_traces_report(runs, out).stat().st_size < 2_000_000


def test_more_than_there_are_colours_are_refused(folder_of, make_trace, tmp_path):
    run = folder_of(make_trace(documents=4, tokens=3))
    with pytest.raises(RunError, match=f"{MOST + 1} traces, but one report compares at most {MOST}"):
        write_traces_report([run] * (MOST + 1), lambda: tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
