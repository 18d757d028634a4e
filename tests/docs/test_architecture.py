"""The picture of the house is that of its imports, and the page's files are all that an addition takes."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from docs.architecture import GROUND, SHOWN, bends, picture, place, ways
from docs.house import LINE_OF_DATA, arrows, below, line, needed
from tests.docs.additions import ADDITIONS

ROOT = Path(__file__).parents[2]
DOCUMENT, PICTURE = ROOT / "docs" / "architecture.md", ROOT / "docs" / "images" / "architecture.svg"
ROW = re.compile(r"^\| (a .*?) \| (\d+) \| (.*) \| (.*) \|$", re.MULTILINE)
FILE = re.compile(r"`([^`]+)`([*+]?)")


def test_the_picture_is_up_to_date():
    assert PICTURE.read_text() == picture(), "run: python -m docs.architecture > docs/images/architecture.svg"


def test_the_picture_shows_every_room_and_what_it_is_for():
    shown = ElementTree.fromstring(picture()).iterfind(".//*[@id]")
    texts = {group.get("id"): " ".join(group.itertext()) for group in shown}
    for name in SHOWN:
        assert texts[name].startswith(f"{name} "), name
        assert texts[name].split()[1:] == line(name).split()


def test_no_import_is_left_out_but_what_follows():
    """With what follows from them the drawn arrows, and those to the ground, are the imports with what follows."""
    rooms = needed()
    kept = {name: {lower for upper, lower in arrows(rooms) if upper == name} for name in rooms}
    for name in rooms:
        assert below(name, kept) == below(name, rooms)
        for lower in kept[name]:
            fewer = kept | {name: kept[name] - {lower}}
            assert below(name, fewer) != below(name, rooms), f"{name} -> {lower} follows from the others"
    drawn = {tuple(one.get("id").split("-")) for one in ElementTree.fromstring(picture()).iterfind(".//*[@id]")}
    wanted = {pair for pair in arrows(rooms) if not {*pair} & {*GROUND, "__main__"}}
    assert {pair for pair in drawn if len(pair) == 2} == wanted


def test_arrows_run_through_no_room():
    boxes = place()
    for pair, way in ways(boxes).items():
        for x, y in along(way):
            for name, (left, top, right, bottom) in boxes.items():
                assert not (left < x < right and top < y < bottom), f"{pair} through {name}"


def along(way):
    """A hundred points of each bend, without its beginning."""
    for corners in bends(way):
        for step in range(1, 101):
            t = step / 100
            s = 1 - t
            weights = s**3, 3 * s * s * t, 3 * s * t * t, t**3
            x, y = (sum(w * one for w, one in zip(weights, axis, strict=True)) for axis in zip(*corners, strict=True))
            yield x, y


def test_the_page_says_what_the_rooms_say():
    text = DOCUMENT.read_text()
    rooms = re.findall(r"^- \*\*`(\w+)`\*\*: (.*)\.$", text, re.MULTILINE)
    assert rooms == [(name, line(name)) for name in SHOWN]
    way = " -> ".join(LINE_OF_DATA).replace("training -> evaluation", "training | evaluation")
    assert f"{way}." in text


def test_the_page_names_the_files_of_each_addition():
    rows = {
        kind: (int(count), *map(FILE.findall, columns)) for kind, count, *columns in ROW.findall(DOCUMENT.read_text())
    }
    assert rows.keys() == ADDITIONS.keys()
    for kind, addition in ADDITIONS.items():
        count, *columns = rows[kind]
        assert count == len(addition.files[0]), kind
        for named, files in zip(columns, addition.files, strict=True):
            for (pattern, mark), file in zip(named, files, strict=True):
                assert re.fullmatch(re.escape(pattern).replace("NAME", r"\w+"), file), kind
                assert mark == ("*" if file in addition.changed else "+" if file in addition.made else ""), file


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs Python in a copy of the repository that has all additions."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("moe_lab", "conf", "docs", "tests"):
        shutil.copytree(ROOT / name, root / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)

    def run(*words: str) -> str:
        env = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
        done = subprocess.run([sys.executable, *words], cwd=root, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for addition in ADDITIONS.values():
        addition.bring(root)
    for page, script in {made for addition in ADDITIONS.values() for made in addition.made.items()}:
        before = (root / page).read_text()
        (root / page).write_text(run("-m", script))
        assert (root / page).read_text() != before, page
    return run


LISTED = [
    ("gate/score", "distance"),
    ("gate", "nearest"),
    ("gate", "above_mean"),
    ("metric", "mean_confidence"),
    ("launcher", "backwards"),
    ("dataset", "toy_stripes"),
]


@pytest.mark.parametrize(("group", "name"), LISTED)
def test_an_addition_is_listed(run, group, name):
    assert f'"name": "{name}"' in run("-m", "moe_lab", "list", group, "-f", "json")


def test_additions_are_trained_measured_and_reported(run, tmp_path):
    words = ["dataset=toy_stripes", "trainer.epochs=1", "trainer.limit_batches=2", "--runs", str(tmp_path)]
    run("-m", "moe_lab", "train", "gate/score=distance", *words, "--name", "one", "--no-compare")
    measured = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert 0 < measured["mean_confidence"]["value"] <= 1
    assert "## How sure it is" in (tmp_path / "one" / "report.md").read_text()
    run("-m", "moe_lab", "sweep", "gate=nearest,softmax", "launcher=backwards", *words, "--name", "two", "--no-report")
    assert len(list((tmp_path / "two" / "jobs").glob("*/metrics.json"))) == 2


@pytest.mark.slow
def test_the_tests_of_the_copy_pass(run):
    """Those that ask every part, metric and data set for something, the house's, and the additions' own."""
    own = [file for addition in ADDITIONS.values() for file in addition.written if file.startswith("tests/")]
    asking = [
        "tests/conformance/test_every_part_has_one.py",
        "tests/data/test_conf.py",
        "tests/docs/test_metrics.py",
        "tests/metrics/test_all_metrics.py",
        "tests/test_house.py",
    ]
    # no more of what draws at random for a minute
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not permut", *own, *asking)


@pytest.mark.slow
def test_what_every_gate_is_asked_the_new_ones_answer(run):
    """By their own files alone: no table of gates is edited. Their cases, and which gates take in further experts."""
    asking = ["tests/conformance", "tests/docs/test_pairs.py", "tests/training/test_every_part_resumes.py"]
    chosen = "nearest or above_mean or test_which_gates"
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *asking)
    assert int(re.search(r"(\d+) passed", said)[1]) > 70
