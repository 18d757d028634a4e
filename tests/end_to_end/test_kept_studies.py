"""The line of each kept study's page is of a study that moe-lab has, and plans the arms that were kept.

One seed and the first setting of each arm are planned: planning all would take ten seconds a page.
"""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from moe_lab.sweeps.studies.file import combinations
from moe_lab.sweeps.studies.study import open_study, published_settings, reported
from tests.end_to_end.test_docs import lines

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "studies").rglob("study.md"))


def write_text_of_ones_own(words):
    """Documents of two domains in the folder that a study reads, if its line names one."""
    for folder in (Path(word.partition("=")[2]) for word in words if word.startswith("dataset.path=")):
        assert not folder.is_absolute()
        for domain, text in (("en", "the cat sat on the mat. "), ("fr", "le chat sur le tapis. ")):
            (folder / domain).mkdir(parents=True)
            for number in range(4):
                (folder / domain / f"{number}.txt").write_text(f"{number} {text}" * 40)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.parent.relative_to(DOCS / "studies")))
def test_its_line_plans_the_arms_that_were_kept(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [line] = lines(page.read_text())
    program, command, name, *words = shlex.split(line)
    assert (program, command) == ("moe-lab", "study")
    write_text_of_ones_own(words)
    kept = json.loads((page.parent / "study.json").read_text())
    study = open_study(name, [word for word in words if not word.startswith("launcher")])
    assert study.choices.items() >= kept["choices"].items() and study.protocol == kept["protocol"]
    study = replace(study, seeds=1, file=study.file.model_copy(update={"seeds": 1}))
    fair = {arm: combinations(one.fair)[:1] for arm, one in study.arms.items()}
    trials = reported(study, fair if study.fair else published_settings(study))
    assert {trial.arm for trial in trials} == {arm for arm, one in study.arms.items() if one.teacher is None}
    # arms may have been added since
    assert set(kept["arms"]) <= set(study.arms)
