"""The commits that pages name, with which their numbers were measured, are in the history."""

import re
import subprocess

import pytest

from docs.tables import DOCS

ROOT = DOCS.parent
COMMIT = re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,8}\b|(?<=commit )\d{7}\b")
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *DOCS.glob("*.md"), *DOCS.glob("studies/*.md")]
NAMED = {commit: page.name for page in PAGES for commit in COMMIT.findall(page.read_text())}


def git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)


def test_commits_are_found():
    assert COMMIT.findall("at commits c6059ba and, from 85338fc; commit 2419033; 1234567 runs, 20260101") == [
        "c6059ba", "85338fc", "2419033",
    ]  # fmt: skip


def test_a_named_commit_is_in_the_history():
    if git("rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("the history is not here: no clone of the repository, or a shallow one")
    missing = {one: page for one, page in NAMED.items() if git("merge-base", "--is-ancestor", one, "HEAD").returncode}
    assert NAMED and missing == {}
