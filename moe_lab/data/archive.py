"""Where CIFAR's batches come from: their folder, the .tar.gz beside it, or its download."""

import gzip
import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.data.batches import read_batch
from moe_lab.data.files import FileSource, limited_silence
from moe_lab.data.idx import MOST_BYTES, uncompressed
from moe_lab.data.vision import import_torchvision
from moe_lab.errors import DataError
from moe_lab.store.untrusted import Unusable, opened


@dataclass(frozen=True)
class ArchiveSource(FileSource):
    """Pickled batches in ``root/folder_name``, or packed together in ``root/archive_name``, as torchvision leaves them.

    Nothing is unpickled before its md5 has been found right.
    """

    folder_name: str
    archive_name: str

    @property
    def folder(self) -> Path:
        return self.root / self.folder_name

    @property
    def archive(self) -> Path:
        return self.root / self.archive_name

    def candidates(self, file: str) -> list[Path]:
        path = self.folder / file
        return [path] if path.is_file() else []

    def read(self, file: str) -> dict[str, Any]:
        """The checked dict of a file. Raises DataError if it is missing or has a wrong checksum."""
        path, remedy = self.find(file), f"run {self.command} to get a good copy"
        if path is None:
            raise DataError(
                f"{self.folder / file} is missing: expected that file (md5 {self.md5s[file]}), found none; "
                f"run {self.command} to get it"
            )
        try:
            return read_batch(self._content(file, path, remedy))
        except pickle.UnpicklingError as error:
            raise DataError(f"{path} is not the file it should be: {error}; {remedy}") from None

    def verify(self, file: str, path: Path, remedy: str) -> None:
        self._content(file, path, remedy)

    def unpack_spares(self, wanted: Sequence[str], arrivals: Path) -> None:
        """Unpack files from the archive beside the folder, if there is one."""
        if self.archive.is_file():
            self._unpack(self.archive, wanted, arrivals)

    def download(self, missing: Sequence[str], arrivals: Path) -> None:
        download(self.torchvision_name, self.archive_name, arrivals)
        self._unpack(arrivals / self.archive_name, missing, arrivals)
        lost = [file for file in missing if not (arrivals / file).exists()]
        if lost:
            raise DataError(
                f"{self.archive_name} is not the file it should be: expected {lost[0]} (md5 {self.md5s[lost[0]]}) "
                f"in it, found none; the download cannot be trusted; {self.by_hand(missing)}"
            )

    def by_hand(self, missing: Sequence[str]) -> str:
        return f"run {self.command} if there is a network, or put a whole {self.archive_name} into {self.root}"

    def _content(self, file: str, path: Path, remedy: str) -> bytes:
        try:
            content = uncompressed(path)
            found = md5_of(content)
            if found != self.md5s[file]:
                raise ValueError(f"expected md5 {self.md5s[file]}, found {found}")
        except ValueError as error:
            raise DataError(f"{path} is not the file it should be: {error}; {remedy}") from None
        return content

    def _unpack(self, archive: Path, wanted: Sequence[str], arrivals: Path) -> None:
        """Write those wanted files that the archive holds with the right md5; a broken one gives what it can."""
        with suppress(OSError, EOFError, tarfile.TarError, zlib.error, Unusable):
            names = {f"{self.folder_name}/{file}": file for file in wanted}
            for name, content in members(archive, names):
                if md5_of(content) == self.md5s[names[name]]:
                    (arrivals / names[name]).write_bytes(content)


def members(archive: Path, names: Container[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of those plain files of a .tar.gz. Nothing is written to paths that it names, and an archive that
    unpacks to more than MOST_BYTES is refused. Raises OSError, EOFError, TarError and zlib.error.
    """
    with opened(archive) as file, gzip.GzipFile(fileobj=file) as unpacked:
        content = io.BytesIO(unpacked.read(MOST_BYTES + 1))
    if content.seek(0, io.SEEK_END) > MOST_BYTES:
        return
    content.seek(0)
    with tarfile.open(fileobj=content, mode="r:") as tar:
        for member in tar:
            wanted = member.isreg() and member.name in names
            if wanted and (found := tar.extractfile(member)) is not None:
                yield member.name, found.read()


def md5_of(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def download(torchvision_name: str, archive_name: str, into: Path) -> None:
    """Download the archive of torchvision's class of that name into ``into``, checked by torchvision.

    torchvision's class itself would also unpickle the archive's files.
    """
    datasets = import_torchvision().datasets
    dataset = getattr(datasets, torchvision_name)
    with limited_silence():
        datasets.utils.download_url(dataset.url, into, archive_name, dataset.tgz_md5)
