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


LISTED = [
    ("gate/score", "distance"),
    ("gate", "nearest"),
    ("gate", "above_mean"),
    ("metric", "mean_confidence"),
    ("launcher", "backwards"),
    ("dataset", "toy_stripes"),
]
#: page -> the module that prints it
MADE = {page: module for addition in ADDITIONS.values() for page, module in addition.made.items()}
SHORT = "dataset=toy_stripes trainer.epochs=1 trainer.limit_batches=2 --runs runs"
COMMANDS = [
    *MADE.values(),
    *(f"moe_lab list {group} -f json" for group, _ in LISTED),
    f"moe_lab train gate/score=distance {SHORT} --name one --no-compare",
    f"moe_lab sweep gate=nearest,softmax launcher=backwards {SHORT} --name two --no-report",
]
#: runs each line of its input as `python -m LINE`, in one process, and prints a form feed after each
IN_TURN = """
import runpy, sys
for line in sys.stdin.read().splitlines():
    sys.argv = line.split()
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as stop:
        if stop.code:
            raise
    print(end="\\f", flush=True)
"""


def python(root: Path, *words: str, given: str = "") -> str:
    """What Python prints in the folder ``root``, with the packages that are there."""
    env = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    done = subprocess.run([sys.executable, *words], cwd=root, env=env, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository that has all additions."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("moe_lab", "conf", "docs", "tests"):
        shutil.copytree(ROOT / name, root / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for addition in ADDITIONS.values():
        addition.bring(root)
    return root


@pytest.fixture(scope="module")
def printed(copy):
    """What each of COMMANDS prints in the copy; the pages among it are written there."""
    of_command = dict(zip(COMMANDS, python(copy, "-c", IN_TURN, given="\n".join(COMMANDS)).split("\f"), strict=False))
    for page, module in MADE.items():
        (copy / page).write_text(of_command[module])
    return of_command


@pytest.mark.parametrize(("page", "module"), MADE.items())
def test_a_page_of_all_parts_has_the_additions(printed, page, module):
    assert printed[module].startswith("# ") and printed[module] != (ROOT / page).read_text()


@pytest.mark.parametrize(("group", "name"), LISTED)
def test_an_addition_is_listed(printed, group, name):
    assert f'"name": "{name}"' in printed[f"moe_lab list {group} -f json"]


def test_additions_are_trained_measured_and_reported(printed, copy):
    measured = json.loads((copy / "runs" / "one" / "metrics.json").read_text())
    assert 0 < measured["mean_confidence"]["value"] <= 1
    assert "## How sure it is" in (copy / "runs" / "one" / "report.md").read_text()
    assert len(list((copy / "runs" / "two" / "jobs").glob("*/metrics.json"))) == 2


#: of the tests of the copy: those that ask every part, metric and data set for something, and the house's
ASKING = [
    "tests/conformance/test_every_part_has_one.py",
    "tests/data/test_conf.py",
    "tests/docs/test_metrics.py",
    "tests/metrics/test_all_metrics.py",
    "tests/test_house.py",
]
#: what every gate is asked: its cases, and which gates take in further experts
OF_GATES = ["tests/conformance", "tests/docs/test_pairs.py", "tests/training/test_every_part_resumes.py"]


@pytest.mark.slow
def test_the_tests_of_the_copy_pass(printed, copy):
    """The additions' own, those of ASKING, and what every gate is asked the new ones answer by their own files alone:
    no table of gates is edited."""
    own = [file for addition in ADDITIONS.values() for file in addition.written if file.startswith("tests/")]
    files = {Path(file).name for file in (*own, *ASKING)}
    # no more of what draws at random for a minute
    chosen = f"nearest or above_mean or test_which_gates or (({' or '.join(sorted(files))}) and not permut)"
    words = ["-q", "-rp", "-p", "no:cacheprovider", "-k", chosen, *OF_GATES, *own, *ASKING]
    passed = re.findall(r"^PASSED (\S+?)::(.*)", python(copy, "-m", "pytest", *words), re.MULTILINE)
    assert {*own, *ASKING} <= {file for file, _ in passed}
    assert sum("nearest" in test or "above_mean" in test for _, test in passed) > 70
