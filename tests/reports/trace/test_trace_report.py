import csv
import json

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.reports import write_trace_report
from moe_lab.routing.trace import Labels, LayerTrace, Trace

TWO_MB = 2_000_000


def page_of(run):
    return write_trace_report(run).read_text()


def test_the_report_answers_and_keeps_what_it_measured(folder_of, make_trace, open_page):
    run = folder_of(make_trace())
    page = open_page(write_trace_report(run))
    text = " ".join(page.text.split())
    assert "Experts of layer block1 follow the label domain: I(E;domain)/H(E) = " in text
    # 2 layers of one label
    assert "p = 0.005 corrected over 2 values; least in block0" in text
    assert not page.all("script")
    links = [str(link["href"]) for link in page.all("a")]
    files = [link for link in links if not link.startswith("#")]
    assert files and all((run.path / link).is_file() for link in files)
    # the contents lead to every chapter
    places = [f"#{section['id']}" for section in page.all("section")]
    assert len(places) > 2 and places == [link for link in links if link.startswith("#")]
    markdown = (run.path / "report.md").read_text()
    assert "Experts of layer block1 follow the label domain" in markdown
    with (run.path / "measures.csv").open() as file:
        measured = {(row["measure"], row["layer"]): row for row in csv.DictReader(file)}
    with (run.path / "table.csv").open() as file:
        table = {(row["measure"], row["layer"]): row for row in csv.DictReader(file)}
    main = ("slot_information_per_usage", "block1")
    assert table[main]["estimate"] == measured[main]["estimate"] and table[main]["p"] == measured[main]["p"] != ""
    assert [line[:8] for line in (run.path / "table.md").read_text().splitlines()[2:4]] == ["| block0", "| block1"]
    with (run.path / "experts.csv").open() as file:
        planted = next(row for row in csv.DictReader(file) if row["layer"] == "block1" and row["column"] == "domain")
    # expert 0 follows code in all of its 12 documents
    assert (planted["expert"], planted["value"], planted["documents"]) == ("0", "code", "12")


def test_the_same_input_gives_the_same_bytes(folder_of, make_trace):
    one, other = folder_of(make_trace(), "trace-a"), folder_of(make_trace(), "trace-b")
    pages = [write_trace_report(run).read_bytes() for run in (one, other)]
    assert pages[0].replace(b"trace-a", b"trace-b") == pages[1]
    assert write_trace_report(one).read_bytes() == pages[0]


def test_what_was_measured_is_taken_as_it_stands(folder_of, make_trace):
    run = folder_of(make_trace())
    write_trace_report(run)
    path = run.path / "measures.csv"
    rows = path.read_text().splitlines()
    at = next(n for n, row in enumerate(rows) if row.startswith("block1,domain,slot_information_per_usage"))
    cells = rows[at].split(",")
    cells[rows[0].split(",").index("estimate")] = "0.4321"
    path.write_text("\n".join([*rows[:at], ",".join(cells), *rows[at + 1 :], ""]))
    assert "43.2" in page_of(run)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("layer,label\n", "is not of this trace: it lacks a layer or the label 'domain'; remove"),
        ("layer,label\nblock0,domain\n", "measures.csv is no table of numbers: 'measure'"),
        ("layer,label", "measures.csv is truncated"),
    ],
)
def test_measures_of_something_else_are_refused_in_one_line(folder_of, make_trace, text, said):
    run = folder_of(make_trace())
    (run.path / "measures.csv").write_text(text)
    with pytest.raises(RunError) as refused:
        write_trace_report(run)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert not (run.path / "report.html").exists()


def test_nothing_is_claimed_of_too_few_documents(folder_of, make_trace):
    """Four documents, two of each label: 4! / (2! 2!) = 6 arrangements, of which each has the value of the one with the
    two labels exchanged, so that no p is below 2 / 6."""
    text = " ".join(page_of(folder_of(make_trace(documents=4, tokens=200, follow=9.0))).split())
    assert "Whether experts follow domain cannot be tested: too few documents: 4 allow no p below 0.33" in text
    assert "follow the label" not in text.split("What follows")[0]


def test_what_a_trace_lacks_is_said(folder_of):
    layer = LayerTrace(name="mlp", experts=4, experts_TK=np.array([[0, 1], [2, 3], [1, 0], [2, 0]]), ranked=False)
    trace = Trace(layers=(layer,), document_T=np.arange(4), missing={"weights": "the server does not return them"})
    run = folder_of(trace)
    text = " ".join(page_of(run).split())
    for said in (
        "The trace has no labels, so it cannot be measured",
        "<strong>documents</strong>: each row is one of its own",
        "<strong>token ids</strong>: not known, so neither",
        "<strong>mlp</strong>: the order of choice is not known",
        "<strong>weights</strong>: not known, so every slot counts the same (the server does not return them)",
    ):
        assert said in text
    assert "Token by token" not in text
    listed = (run.path / "report.md").read_text().partition("Notes on the trace:\n")[2].partition("\n\n")[0]
    abouts = [line[4:].partition("**")[0] for line in listed.splitlines()]
    assert abouts == ["documents", "documents", "labels", "mlp", "token ids", "weights"]
    lone = Trace(layers=(layer,), document_T=np.zeros(4, dtype=int))
    assert "all rows are of one document" in page_of(folder_of(lone, "lone"))


def test_odd_layers(folder_of):
    """One expert, an expert that all rows select, and a layer without any routing."""
    one, same, none = np.zeros((30, 1), int), np.full((30, 1), 2), np.full((30, 1), -1)
    layers = tuple(
        LayerTrace(name=name, experts=experts, experts_TK=experts_TK)
        for name, experts, experts_TK in (("one", 1, one), ("same", 4, same), ("none", 4, none))
    )
    labels = {"domain": Labels(value=np.arange(30) % 2, names=("code", "prose"))}
    text = page_of(folder_of(Trace(layers=layers, document_T=np.arange(30), document_labels=labels)))
    assert "Whether experts follow domain cannot be measured: there is only one expert" in text
    assert "<strong>none</strong>: no row has an expert" in text


def test_names_of_strangers_are_text(folder_of, make_trace, nasty, open_page):
    trace = make_trace(names=(f"{nasty}../../x", "=1+1\x1b[31m"), source=nasty, missing={nasty: nasty})
    layers = tuple(
        LayerTrace(name=f"=../{nasty}{number}", experts=layer.experts, experts_TK=layer.experts_TK)
        for number, layer in enumerate(trace.layers)
    )
    run = folder_of(
        Trace(
            layers=layers,
            document_T=trace.document_T,
            token_id_T=trace.token_id_T,
            document_labels=trace.document_labels,
            source=trace.source,
            missing=trace.missing,
        )
    )
    before = set(run.path.parent.rglob("*"))
    page = open_page(write_trace_report(run))
    assert not page.all("script") and "<script" not in (run.path / "report.md").read_text()
    for path in set(run.path.parent.rglob("*")) - before:
        assert path.is_relative_to(run.path) and path.name.replace("_", "").replace(".", "").isalnum()
        assert path.is_dir() or b"<script" not in path.read_bytes() or path.suffix == ".csv"
        assert path.is_dir() or b"\x1b" not in path.read_bytes()
    # a layer that a spreadsheet would take for a formula is found again in measures.csv
    assert "follow the label domain" in page.text


def test_no_trace_makes_a_large_page(folder_of, nasty, measures_of):
    """Far more layers, experts, labels and values than a page can show, all with long names that need escapes."""
    rng = np.random.default_rng(0)
    T, D, L, E = 4_000, 40, 120, 1_000
    document_T = np.repeat(np.arange(D), T // D)
    layers = tuple(
        LayerTrace(
            name=f"{nasty * 6}{number}", experts=E, experts_TK=np.argsort(rng.random((T, 12)), 1)[:, :4] * 80 + number
        )
        for number in range(L)
    )
    values = rng.integers(0, 6, (7, D)).astype(np.int32)
    labels = {
        f"label {number} {'x' * 80}": Labels(value=value, names=tuple(f"{nasty * 9}{n}" for n in range(6)))
        for number, value in enumerate(values)
    }
    trace = Trace(
        layers=layers,
        document_T=document_T,
        token_id_T=(rng.integers(0, 50, T) + 2_000_000_000).astype(np.int32),
        document_labels=labels,
        source=nasty * 500,
        missing={f"{nasty}{n}": nasty * 500 for n in range(50)},
    )
    run = folder_of(trace)
    (run.path / "measures.csv").write_text(measures_of(trace))
    size = len(page_of(run).encode())
    assert size < TWO_MB
    assert json.loads((run.path / "status.json").read_text())["kind"] == "trace"


def test_where_all_experts_are_selected_the_page_is_of_first_choices(folder_of, make_trace, open_page):
    run = folder_of(make_trace(slots=6))
    text = " ".join(open_page(write_trace_report(run)).text.split())
    assert "Experts of layer block1 follow the label domain: I(E;domain)/H(E) of first choices = " in text
    assert "no evidence" not in text and "How evenly experts are used" not in text
    with (run.path / "table.csv").open() as file:
        assert {row["measure"] for row in csv.DictReader(file)} == {"first_choice_information_per_usage"}


def captions(run):
    """Title -> text below the picture, from report.md."""
    write_trace_report(run)
    parts = (run.path / "report.md").read_text().split("\n### ")[1:]
    return {part.partition("\n")[0]: part.split("[Numbers")[0] for part in parts}


def test_captions_speak_of_what_is_drawn(folder_of, make_trace):
    few = captions(folder_of(make_trace(documents=6), "few"))
    lines = few["Over the layers: domain"]
    assert "Nothing is tested. Dotted: the plug-in value; dashed: the null" in lines and "filled" not in lines
    assert "because nothing is tested" in few["Layers and measures: domain"]
    assert "There is no p" in few["I(E;label)/H(E) by layer"]
    balance = few["How evenly experts are used"]
    assert (
        "MaxVio is the largest load / mean load - 1, within a document (document), over all rows (global);" in balance
    )
    assert "32 documents" not in balance and "MaxVio: from" in balance and "; repeat rate: from" in balance
    many = captions(folder_of(make_trace(documents=40), "many"))
    assert (
        "filled: beyond chance after correction. The test compares the plug-in value (dotted)"
        in (many["Over the layers: domain"])
    )
    assert "Blue cells are beyond chance" in many["Layers and measures: domain"]
    assert "within 32 documents (batch)" in many["How evenly experts are used"]


def test_the_estimate_is_called_that_and_its_plug_in_value_is_drawn_beside_it(folder_of, make_trace):
    run = folder_of(make_trace(documents=6))
    write_trace_report(run)
    with (run.path / "figures" / "lines_0.csv").open() as file:
        columns = next(csv.reader(file))
    panel = "I(E;label)/H(E), all slots"
    assert {f"{panel}: {name}" for name in ("estimate", "estimate low", "estimate high", "plug-in", "null")} <= {
        *columns
    }
    with (run.path / "figures" / "balance.csv").open() as file:
        columns = next(csv.reader(file))
    assert {"MaxVio: document", "MaxVio: global", "repeat rate: estimate"} <= {*columns}
    assert not any("batch" in column or "plug-in" in column for column in columns)
