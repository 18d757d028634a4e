"""What `moe-lab report` writes for a paper."""

from pathlib import Path

import pytest

from tests.reports.conftest import write_run

LISTED = "name,metric,mean,sd,n,source\nTheirs,test_error_rate,0.2,0.01,5,Shazeer et al. 2017\n"


@pytest.fixture
def sweep(cli) -> Path:
    """Two gates on two seeds, as the folder of a sweep has them."""
    for gate in ("softmax", "attentive"):
        for seed in (1, 2):
            write_run(Path(f"sweep/jobs/{gate}-{seed}"), gate=gate, seed=seed, epochs=4)
    Path("theirs.csv").write_text(LISTED)
    return Path("sweep")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_latex_and_figures(cli, sweep):
    result = cli("report", sweep, "--format", "latex", "--figures", "pdf", "--external", "theirs.csv")
    assert result.code == 0 and result.err.splitlines() == ["sweep/paper", "sweep/report.html"]
    assert result.out == Path("sweep/paper/table.tex").read_text() and r"Theirs~\cite{shazeer2017}" in result.out
    assert files(sweep / "paper") == [
        "figures/accuracy.pdf", "figures/information.pdf", "figures/loss.pdf", "figures/metric_load_entropy_bits.pdf",
        "figures/metric_mutual_information_expert_label_bits.pdf", "figures/metric_test_error_rate.pdf",
        "figures/trade_off.pdf", "methods.tex", "references.bib", "table.tex",
    ]  # fmt: skip
    assert "the numbers of Theirs" in Path("sweep/paper/references.bib").read_text()
    # every citation has its entry
    cited = Path("sweep/paper/methods.tex").read_text() + result.out
    keys = {key for part in cited.split(r"\cite{")[1:] for key in part.partition("}")[0].split(",")}
    entries = Path("sweep/paper/references.bib").read_text()
    assert keys and all(f"@misc{{{key}," in entries for key in keys)


def test_markdown_of_some_rows_and_columns(cli, sweep):
    result = cli("report", sweep, "-f", "md", "--rows", "gate=softmax", "--columns", "load_entropy_bits", "--out", "r")
    assert result.code == 0 and result.out.startswith("| arm | n | Load entropy H(load) (bits) |\n")
    assert files(Path("r/paper")) == ["methods.md", "references.bib", "table.md"]


def test_figures_alone(cli, sweep):
    result = cli("report", sweep, "--figures", "svg", "--columns", "test_error_rate")
    assert result.code == 0 and result.out.splitlines()[0] == "sweep/paper" and "gate=attentive" in result.out
    assert [name for name in files(sweep / "paper") if "metric" in name] == ["figures/metric_test_error_rate.svg"]


def test_the_other_forms_have_a_row_a_run(cli, sweep):
    assert len(cli("report", sweep, "-f", "csv").out.splitlines()) == 1 + 4
    assert not (sweep / "paper").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sweep", "--columns", "x"], "--columns applies to the table for a paper: add --format latex or --format md"),
        (["sweep", "--rows", "A"], "--rows applies to the table"),
        (["sweep", "--external", "theirs.csv", "--figures", "pdf"], "--external applies to the table"),
        (["sweep", "-f", "latex", "--columns", "nope"], "--columns: nope is not a metric of these runs"),
        (["sweep", "-f", "latex", "--rows", "Z"], "--rows Z: no such arm"),
        (["sweep", "-f", "latex", "--external", "none.csv"], "--external none.csv is missing"),
        (["sweep", "-f", "tex"], "--format tex: must be one of 'table', 'latex', 'md', 'csv', 'json'"),
        (["sweep", "--figures", "gif"], "--figures gif: must be one of"),
        (["sweep/jobs/softmax-1", "-f", "latex"], "a table or figures of arms need several runs"),
    ],
)
def test_what_is_wrong_writes_nothing(cli, sweep, words, says):
    before = files(Path())
    result = cli("report", *words)
    assert result.code == 2 and says in result.err and result.err.count("\n") == 1 and result.out == ""
    assert files(Path()) == before


def test_a_broken_run_is_left_out(cli, sweep):
    Path("sweep/jobs/softmax-1/config.yaml").write_text("a: [")
    Path("sweep/jobs/softmax-1/metrics.json").write_text("{")
    result = cli("report", sweep, "-f", "latex")
    assert result.code == 0 and "left out: sweep/jobs/softmax-1/" in result.err and "softmax & 1 &" in result.out
