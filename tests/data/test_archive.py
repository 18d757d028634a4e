import hashlib
import socket
from types import SimpleNamespace

import pytest

from moe_lab.data import archive as archive_module
from moe_lab.data import files as files_module
from moe_lab.errors import DataError

TRAP = b"\x80\x02cbuiltins\nopen\n(X\x01\x00\x00\x00xX\x01\x00\x00\x00wtR."


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def small(cifar100, root):
    return cifar100.cls(root=str(root))


@pytest.fixture
def network(monkeypatch, cifar100):
    """Downloads give the archive of the small files."""
    calls = []

    def give(torchvision_name, archive_name, into):
        calls.append((torchvision_name, archive_name))
        cifar100.pack(into)

    monkeypatch.setattr(archive_module, "download", give)
    return calls


@pytest.fixture
def no_network(monkeypatch):
    calls = []

    def fail(torchvision_name, archive_name, into):
        calls.append(torchvision_name)
        raise OSError("<urlopen error no network>")

    monkeypatch.setattr(archive_module, "download", fail)
    return calls


def test_load_unpacks_the_archive_beside(cifar100, small, root, no_network):
    cifar100.pack(root)
    assert len(small.load().test) == 110
    folder = root / "cifar-100-python"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == cifar100.contents
    assert no_network == []


def test_load_downloads_where_nothing_is_there(cifar100, small, root, network):
    small.load()
    assert network == [("CIFAR100", "cifar-100-python.tar.gz")]
    # the archive, which takes as much room again, is not kept
    assert [path.name for path in root.iterdir()] == ["cifar-100-python"]
    small.load()
    assert len(network) == 1


def test_prepare_mends_a_broken_file_from_the_archive(cifar100, small, root, no_network):
    folder = cifar100.write(root)
    cifar100.pack(root)
    (folder / "test").write_bytes(b"")
    kept = (folder / "train").stat().st_mtime_ns
    assert small.prepare() == folder
    assert len(small.check()) == 3
    assert (folder / "train").stat().st_mtime_ns == kept


def test_a_broken_archive_gives_way_to_a_download(cifar100, small, root, network):
    path = cifar100.pack(root)
    path.write_bytes(path.read_bytes()[:2000])
    small.prepare()
    assert len(network) == 1 and len(small.check()) == 3


def test_archived_files_with_other_content_are_not_taken(cifar100, small, root, network):
    cifar100.pack(root, {**cifar100.contents, "test": TRAP})
    small.prepare()
    assert len(network) == 1 and len(small.check()) == 3


def test_a_download_with_other_content_is_refused(cifar100, small, root, monkeypatch):
    contents = {file: content for file, content in cifar100.contents.items() if file != "meta"}
    monkeypatch.setattr(archive_module, "download", lambda name, archive_name, into: cifar100.pack(into, contents))
    with pytest.raises(DataError) as caught:
        small.prepare()
    assert str(caught.value).startswith(
        f"cifar-100-python.tar.gz is not the file it should be: expected meta (md5 {cifar100.md5s['meta']}) in it, "
        "found none; the download cannot be trusted; run `moe-lab data prepare cifar100"
    )
    assert not root.exists()


def test_members_cannot_leave_the_folder(cifar100, small, root, tmp_path, no_network):
    cifar100.pack(root, {**cifar100.contents, "../../escaped": b"x", "/escaped": b"x"})
    small.prepare()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        [*cifar100.contents, "cifar-100-python.tar.gz"]
    )


def test_without_a_network_the_error_says_what_to_put_where(small, root, no_network):
    with pytest.raises(DataError) as caught:
        small.load()
    assert str(caught.value) == (
        f"cannot download cifar100 (urlopen error no network); run `moe-lab data prepare cifar100 dataset.root={root}` "
        f"if there is a network, or put a whole cifar-100-python.tar.gz into {root}"
    )
    assert not root.exists()


def test_one_missing_file_is_an_error_and_no_download(cifar100, small, root, no_network):
    (cifar100.write(root) / "test").unlink()
    with pytest.raises(DataError) as caught:
        small.load()
    assert str(caught.value) == (
        f"{root / 'cifar-100-python' / 'test'} is missing: expected that file (md5 {cifar100.md5s['test']}), found "
        f"none; run `moe-lab data prepare cifar100 dataset.root={root}` to get it"
    )
    assert no_network == []


@pytest.mark.parametrize("act", ["load", "check", "describe"])
def test_nothing_is_unpickled_before_its_checksum(cifar100, small, root, monkeypatch, act):
    folder = cifar100.write(root)
    for file in cifar100.contents:
        (folder / file).write_bytes(TRAP)
    monkeypatch.setattr(archive_module, "read_batch", lambda content: pytest.fail("unpickled"))
    with pytest.raises(DataError, match=rf"expected md5 \w+, found {hashlib.md5(TRAP).hexdigest()}; run `moe-lab data"):
        getattr(small, act)()


def test_a_call_behind_a_right_checksum_is_refused(cifar100, root, monkeypatch):
    folder = cifar100.write(root)
    (folder / "meta").write_bytes(TRAP)
    small = type("Trapped", (cifar100.cls,), {"md5s": {**cifar100.md5s, "meta": hashlib.md5(TRAP).hexdigest()}})
    monkeypatch.chdir(root)
    with pytest.raises(DataError, match=r"meta is not the file it should be: .* found a call of builtins\.open; run"):
        small(root=str(root)).describe()
    assert not (root / "x").exists()


def test_a_download_asks_torchvision_for_the_archive_alone(monkeypatch, tmp_path):
    seen = []

    def download_url(url, into, name, md5):
        seen.append((url, into, name, md5, socket.getdefaulttimeout()))
        raise TimeoutError("timed out")

    dataset = SimpleNamespace(url="https://example.org/cifar.tar.gz", tgz_md5="abc")
    fake = SimpleNamespace(datasets=SimpleNamespace(CIFAR100=dataset, utils=SimpleNamespace(download_url=download_url)))
    monkeypatch.setattr(archive_module, "import_torchvision", lambda: fake)
    with pytest.raises(TimeoutError):
        archive_module.download("CIFAR100", "cifar-100-python.tar.gz", tmp_path)
    expected = (dataset.url, tmp_path, "cifar-100-python.tar.gz", "abc", files_module.SILENCE_SECONDS)
    assert seen == [expected]
    assert socket.getdefaulttimeout() is None
