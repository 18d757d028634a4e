from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moe_lab.errors import RunError
from moe_lab.store.folders import check_name, check_runs, claim, claim_report


def test_two_commands_of_one_second_get_two_folders(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: claim(tmp_path / "runs"), range(8)))
    assert len(set(folders)) == 8 and all(folder.is_dir() for folder in folders)


def test_a_name_is_taken_once(tmp_path):
    assert claim(tmp_path, "a-1") == tmp_path / "a-1"
    with pytest.raises(RunError, match="exists already"):
        claim(tmp_path, "a-1")
    with pytest.raises(RunError, match="exists already"):
        check_name("a-1", tmp_path)


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "a b", "x" * 101, "-x", "a\n"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(RunError, match="cannot name a folder"):
        check_name(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_runs_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="--runs DIR"):
        claim(tmp_path / "file" / "runs")


def test_a_file_in_its_place_is_told_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    for runs in ("file", "file/runs", tmp_path / "file" / "a" / "b"):
        with pytest.raises(RunError, match=f"cannot make the runs folder {runs}: Not a directory"):
            check_runs(Path(runs))
    for runs in ("new", "new/runs", ".", tmp_path):
        check_runs(Path(runs))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_report_gets_a_fresh_folder(tmp_path):
    assert claim_report(None, tmp_path).name.startswith("report-")
    assert claim_report(tmp_path / "compared", tmp_path) == tmp_path / "compared"
    with pytest.raises(RunError, match="exists already"):
        claim_report(tmp_path / "compared", tmp_path)
