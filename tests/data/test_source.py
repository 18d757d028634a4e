import os
import socket
from types import SimpleNamespace

import numpy as np
import pytest

from moe_lab.data import files as files_module
from moe_lab.data import source as source_module
from moe_lab.data.mnist import TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from moe_lab.errors import DataError


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "data" / "SmallMNIST" / "raw"


@pytest.fixture
def system(tmp_path):
    return tmp_path / "system"


@pytest.fixture
def small(files, tmp_path, system):
    return files.dataset_class(system)(root=str(tmp_path / "data"))


@pytest.fixture
def network(monkeypatch, files):
    """Downloads give the small files."""
    calls = []

    def give(torchvision_name, into):
        calls.append(torchvision_name)
        files.write(into / torchvision_name / "raw")

    monkeypatch.setattr(source_module, "download", give)
    return calls


def test_the_data_folder_comes_before_the_system_copy(files, small, raw, system):
    files.write(raw, only=(TRAIN_LABELS,))
    files.write(system, gz=True)
    assert small.source.find(TRAIN_LABELS) == raw / TRAIN_LABELS
    assert small.source.find(TRAIN_IMAGES) == system / f"{TRAIN_IMAGES}.gz"
    assert [row["source"] for row in small.check()] == ["system copy", "data folder", "system copy", "system copy"]


@pytest.mark.parametrize("gz", [False, True])
def test_every_place_reads_the_same(files, small, raw, system, gz):
    files.write(raw, gz=gz)
    here = {name: small.source.read(name) for name in files.arrays}
    for name, array in files.arrays.items():
        assert np.array_equal(here[name], array)


def test_without_a_system_folder_only_the_data_folder_counts(files, tmp_path):
    assert files.dataset_class()(root=str(tmp_path)).source.absent


def test_a_broken_file_is_an_error_though_a_good_copy_stands_behind_it(files, small, raw, system):
    files.write(raw)
    files.write(system, gz=True)
    (raw / TRAIN_IMAGES).write_bytes(files.contents[TRAIN_IMAGES][:100])
    with pytest.raises(DataError) as caught:
        small.load()
    # 4 + 3 x 4 bytes of header, 30 x 2 x 3 of pixels: 196
    assert str(caught.value) == (
        f"{raw / TRAIN_IMAGES} is not the file it should be: expected 196 bytes for the shape (30, 2, 3) in its header,"
        f" found 100; run `moe-lab data prepare small dataset.root={small.root}` to get a good copy"
    )


def test_one_missing_file_is_an_error_and_no_download(files, small, raw, no_network):
    files.write(raw, only=tuple(name for name in files.contents if name != TEST_LABELS))
    with pytest.raises(DataError) as caught:
        small.load()
    assert str(caught.value) == (
        f"{raw / TEST_LABELS} is missing: expected that file, raw or .gz (md5 {small.md5s[TEST_LABELS]}), found none; "
        f"run `moe-lab data prepare small dataset.root={small.root}` to get it"
    )
    assert no_network == []


def test_check_and_load_report_the_same_fault(files, small, raw):
    files.write(raw)
    (raw / TRAIN_LABELS).write_bytes(files.contents[TEST_LABELS])
    messages = []
    for act in (small.load, small.check):
        with pytest.raises(DataError) as caught:
            act()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert f"expected md5 {small.md5s[TRAIN_LABELS]}, found {small.md5s[TEST_LABELS]}" in messages[0]


def test_load_downloads_where_nothing_is_there(small, raw, network):
    assert len(small.load().train) == 27  # 30 less ceil(.1 x 30)
    assert network == ["SmallMNIST"]
    assert sorted(path.name for path in raw.iterdir()) == sorted(small.md5s)
    small.load()
    assert network == ["SmallMNIST"]


def test_prepare_does_nothing_where_the_files_are_good(files, small, raw, system, no_network):
    files.write(system, gz=True)
    assert small.prepare() == system
    files.write(raw)
    assert small.prepare() == raw
    assert no_network == []


def test_prepare_mends_a_broken_and_a_missing_file(files, small, raw, network):
    files.write(raw, only=(TRAIN_IMAGES, TRAIN_LABELS))
    (raw / TRAIN_IMAGES).write_bytes(b"")
    kept = (raw / TRAIN_LABELS).stat().st_mtime_ns
    assert small.prepare() == raw
    assert len(small.check()) == 4
    assert (raw / TRAIN_LABELS).stat().st_mtime_ns == kept
    assert sorted(path.name for path in raw.iterdir()) == sorted(small.md5s)


def test_prepare_mends_from_a_spare_copy_without_a_network(files, small, raw, system, no_network):
    files.write(raw)
    files.write(raw, gz=True, only=(TRAIN_LABELS,))
    files.write(system, gz=True)
    (raw / TRAIN_IMAGES).write_bytes(b"")
    (raw / TRAIN_LABELS).write_bytes(b"")
    small.prepare()
    assert [row["source"] for row in small.check()] == ["data folder"] * 4
    assert no_network == []


@pytest.mark.parametrize("act", ["load", "prepare"])
def test_without_a_network_the_error_says_what_to_put_where(small, raw, tmp_path, no_network, act):
    with pytest.raises(DataError) as caught:
        getattr(small, act)()
    message = str(caught.value)
    assert "\n" not in message
    assert "cannot download small (urlopen error no network)" in message
    assert f"`moe-lab data prepare small dataset.root={small.root}` if there is a network" in message
    assert all(name in message for name in small.md5s)
    assert str(raw) in message
    assert no_network == ["SmallMNIST"]
    assert list(tmp_path.iterdir()) == []  # no folder is left behind


def test_a_download_with_other_content_is_refused(monkeypatch, files, small, tmp_path):
    def give(torchvision_name, into):
        folder = files.write(into / torchvision_name / "raw")
        (folder / TRAIN_LABELS).write_bytes(files.contents[TEST_LABELS])

    monkeypatch.setattr(source_module, "download", give)
    with pytest.raises(DataError, match=f"found {small.md5s[TEST_LABELS]}; the download cannot be trusted"):
        small.prepare()
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_is_a_file(files, tmp_path, network):
    (tmp_path / "data").write_text("")
    small = files.dataset_class()(root=str(tmp_path / "data"))
    with pytest.raises(DataError, match=r"cannot write to .*/data/SmallMNIST/raw .*: give another data folder"):
        small.prepare()


def test_a_folder_without_room_to_write(files, small, tmp_path, monkeypatch):
    def refuse(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files_module.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(DataError, match=r"cannot write to .* \(Permission denied\): give another data folder"):
        small.prepare()


def test_words_with_blanks_are_quoted(files, tmp_path, no_network):
    small = files.dataset_class()(root=str(tmp_path / "my data"))
    with pytest.raises(DataError, match=r"prepare small 'dataset\.root=.*/my data'`"):
        small.prepare()


def test_a_download_runs_torchvision_with_a_time_limit(monkeypatch, tmp_path):
    seen = []

    def dataset(into, *, train, download):
        seen.append((into, train, download, socket.getdefaulttimeout()))
        raise TimeoutError("timed out")

    fake = SimpleNamespace(datasets=SimpleNamespace(SmallMNIST=dataset))
    monkeypatch.setattr(source_module, "import_torchvision", lambda: fake)
    with pytest.raises(TimeoutError):
        source_module.download("SmallMNIST", tmp_path)
    assert seen == [(tmp_path, False, True, files_module.SILENCE_SECONDS)]
    assert socket.getdefaulttimeout() is None


def test_files_keep_the_usual_permissions(files, small, raw, network):
    small.prepare()
    umask = os.umask(0)
    os.umask(umask)
    assert {path.stat().st_mode & 0o777 for path in raw.iterdir()} == {0o666 & ~umask}
