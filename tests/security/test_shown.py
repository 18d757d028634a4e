"""What a stranger's names and texts do where they are shown: nothing. In the terminal, in pages, in figures."""

import csv
import io
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from moe_lab.experiment.environment import environment

ESCAPE = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m\u202egnp.exe\u200b\r\x08"
SCRIPT = """<script>alert(1)</script><img src=x onerror=alert(1)>"onclick='alert(1)'`{{7*7}}</style>"""


def hostile_run(path: Path, text: str) -> None:
    """Put the text into every string that a reader may show, and some more under new names."""
    status = json.loads((path / "status.json").read_text())
    status |= {"differs": {text: text, "gate": text}, "error": text, "host": text, "key": text}
    status["choices"] = dict.fromkeys(status["choices"], text) | {text: text}
    status["headline"] |= {text: 0.5}
    (path / "status.json").write_text(json.dumps(status))
    metrics = json.loads((path / "metrics.json").read_text())
    metrics = {name: entry | {"reason": text} for name, entry in metrics.items()}
    metrics |= {text: {"value": 0.25, "unit": text}, f"z{text}": {"value": None, "unit": text, "reason": text}}
    for name in metrics:
        if name.startswith("attribute_") and isinstance(metrics[name]["value"], dict):
            metrics[name]["value"] = {text: 0.5}
    (path / "metrics.json").write_text(json.dumps(metrics))
    config = yaml.safe_load((path / "config.yaml").read_text())
    (path / "config.yaml").write_text(yaml.safe_dump(config | {text: {text: text}, "device": text}))
    (path / "environment.json").write_text(json.dumps({text: text, "versions": {text: text}, "command": [text]}))
    lines = (path / "history.csv").read_text().splitlines()
    name = '"' + text.replace('"', '""').replace("\r", "") + '"'
    (path / "history.csv").write_text(f"{lines[0]},{name}\n" + "".join(f"{line},1\n" for line in lines[1:]))
    evaluation = dict(np.load(path / "evaluation.npz"))
    evaluation["class_names"] = np.array([f"{text}{n}" for n in range(10)])
    np.savez(path / "evaluation.npz", **evaluation)


class Tags(HTMLParser):
    """The tags of a page and their attributes, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_harmless(page: str) -> None:
    tags = Tags(page).found
    assert not {"script", "iframe", "object", "embed", "base", "form", "link"} & {tag for tag, _ in tags}
    assert all(image["src"].startswith("data:image/") for tag, image in tags if tag == "img")
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]
    [policy] = [one["content"] for tag, one in tags if tag == "meta" and one.get("http-equiv")]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert page.index("Content-Security-Policy") < page.index("<title>") < page.index("<body>")
    assert page.count("<style>") == page.count("</style>") == 1 and "49" not in page.partition("{{7*7}}")[0][-5:]


def assert_quiet(*texts: str) -> None:
    for text in texts:
        assert not [one for one in text if one != "\n" and not one.isprintable() and one not in "\xa0\u202f"], text


@pytest.fixture
def hostile(run, here):
    """``mixed/SCRIPT`` and ``mixed/ESCAPE``: two runs of one folder, and their names."""

    def make(text: str) -> Path:
        hostile_run(run.path, text)
        folder = here / "mixed" / text.replace("/", "_")
        folder.parent.mkdir(exist_ok=True)
        shutil.copytree(run.path, folder)
        shutil.copytree(run.path, here / "mixed" / "other")
        return folder

    return make


def test_a_page_runs_no_script(cli, hostile, here):
    folder = hostile(SCRIPT)
    result = cli("report", folder)
    assert result.code == 0, result
    assert_harmless((folder / "report.html").read_text())
    text = (folder / "report.md").read_text()
    assert "<script" not in text and "<img" not in text and "&lt;script&gt;" in text
    for figure in (folder / "figures").glob("*.svg"):
        assert "<script" not in figure.read_text() and "onerror" not in figure.read_text().partition("<svg")[0]
    # unknown names are shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (folder / "report.html").read_text()


def test_a_page_of_many_runs_runs_no_script(cli, hostile, here):
    hostile(SCRIPT)
    result = cli("report", "mixed", "--out", "compared")
    assert result.code == 0, result
    assert_harmless((here / "compared" / "report.html").read_text())
    assert "<script" not in (here / "compared" / "report.md").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "mixed"),
        ("runs", "mixed", "-f", "csv"),
        ("runs", "mixed", "-f", "md"),
        ("runs", "mixed", "-f", "json"),
        ("report", "mixed", "--out", "compared"),
        ("report", "mixed", "-f", "csv"),
        ("train", "--from", "mixed/other"),
        ("train", "--resume", "mixed/other"),
        ("runs", "mixed", f"{ESCAPE}=1"),
        ("config", f"gate={ESCAPE}"),
        ("config", f"{ESCAPE}=1"),
        ("list", ESCAPE),
        ("study", ESCAPE),
        ("report", ESCAPE),
        ("train", "--resume", ESCAPE),
        ("train", "--config-dir", ESCAPE),
        ("train", "--plugin", ESCAPE),
        (ESCAPE,),
        ("train", f"--{ESCAPE}"),
    ],
    ids=range(19),
)
def test_a_terminal_is_told_nothing(cli, hostile, words):
    hostile(ESCAPE)
    result = cli(*words)
    assert result.code in (0, 2), result
    assert_quiet(result.out, result.err)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_csv_is_a_formula(cli, hostile, here, start):
    """Names, choices, reasons and values of strangers in every CSV that a report or a listing writes."""
    hostile(f"{start}cmd|' /C calc'!A0")
    listed = cli("runs", "mixed", "-f", "csv")
    shown = cli("report", "mixed", "-f", "csv", "--out", "compared")
    assert listed.code == shown.code == cli("report", "mixed/other").code == 0, shown
    files = [*here.glob("compared/**/*.csv"), *here.glob("mixed/other/figures/*.csv")]
    assert len(files) > 10
    texts = [listed.out, shown.out, *(path.read_text(encoding="utf-8") for path in files)]
    found = [cell for text in texts for row in csv.reader(io.StringIO(text)) for cell in row if "calc" in cell]
    assert any(cell.startswith("'") for cell in found)
    assert not [cell for cell in found if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r")]


def test_pages_and_tables_hold_nothing_that_hides_or_turns_text(cli, hostile, here):
    folder = hostile(ESCAPE)
    assert cli("report", folder).code == cli("report", "mixed", "--out", "compared").code == 0
    written = [
        path for path in here.rglob("*") if path.suffix in (".md", ".html", ".csv") and path.name != "history.csv"
    ]
    assert len(written) > 20
    for path in written:
        assert_quiet(path.read_text(encoding="utf-8"))
    for path in (folder / "report.html", here / "compared/report.html"):
        assert r"\x1b]0;owned" in path.read_text() and r"\u202e" in path.read_text()


def test_names_that_are_no_unicode_are_shown(cli, here, run):
    import os

    shutil.copytree(run.path, os.fsdecode(os.fsencode(str(here)) + b"/caf\xe9"))
    for words in (("runs", "."), ("runs", ".", "-f", "json"), ("runs", ".", "-f", "csv")):
        result = cli(*words)
        assert result.code == 0 and "caf" in result.out, result


def test_secrets_are_not_recorded(monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    facts: dict[str, Any] = environment(1, "key", "cpu")
    assert "hunter2" not in json.dumps(facts) and facts["variables"]["CUDA_VISIBLE_DEVICES"] == "0"
    # of git the commit and whether there are changes: no remote, so no user info of one
    assert facts["git"] is None or set(facts["git"]) == {"commit", "dirty"}
