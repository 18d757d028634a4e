"""Where the IDX files of a data set come from: the data folder, a system copy, or torchvision's download."""

import os
import shlex
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np

from moe_lab.data.idx import read_idx, uncompressed
from moe_lab.data.vision import import_torchvision
from moe_lab.errors import DataError

#: after so long without a byte a download has failed; torchvision itself would wait for ever
SILENCE_SECONDS = 30.0


@dataclass(frozen=True)
class IdxSource:
    """The files of one data set, each looked for in the data folder (raw, then ``.gz``), then in the system copy.

    ``name`` is the data set's name on the command line, ``torchvision_name`` that of torchvision's class and of its
    folder below ``root``; ``md5s`` maps file names to the md5 of their uncompressed bytes.
    """

    name: str
    torchvision_name: str
    md5s: Mapping[str, str]
    root: Path
    system_folder: Path | None

    @property
    def folder(self) -> Path:
        return self.root / self.torchvision_name / "raw"

    @property
    def absent(self) -> bool:
        """True where not one file is found, as on a machine that never had the data set."""
        return not any(self.find(file) for file in self.md5s)

    def candidates(self, file: str) -> list[Path]:
        """The copies of a file that there are, in the order in which the places are looked at."""
        folders = [self.folder] if self.system_folder is None else [self.folder, self.system_folder]
        paths = [folder / name for folder in folders for name in (file, f"{file}.gz")]
        return [path for path in paths if path.is_file()]

    def find(self, file: str) -> Path | None:
        """The copy that is read: the first. Where it is broken that is an error; the next is no silent substitute."""
        return next(iter(self.candidates(file)), None)

    def place(self, path: Path) -> str:
        return "data folder" if path.parent == self.folder else "system copy"

    def read(self, file: str) -> np.ndarray:
        """The checked array of a file. Raises DataError where it is missing or not what it should be."""
        path, md5 = self.find(file), self.md5s[file]
        if path is None:
            raise DataError(
                f"{self.folder / file} is missing: expected that file, raw or .gz (md5 {md5}), found none; "
                f"run {self._command} to get it"
            )
        return read_idx(path, md5, f"run {self._command} to get a good copy")

    def prepare(self) -> Path:
        """Put a good copy of every file that is missing or broken into the data folder; returns where the files lie.

        A spare copy (the ``.gz`` beside a broken file, the system copy) serves before a download. Files are made in a
        temporary folder, checked there, and then moved into place.
        """
        wanted = [file for file in self.md5s if not self._is_sound(file, self.find(file))]
        if wanted:
            with self._temporary_folder() as arrivals:
                self._unpack_spares(wanted, arrivals)
                missing = [file for file in wanted if not (arrivals / file).exists()]
                if missing:
                    self._fetch(missing, arrivals)
                self._put_in_place(wanted, arrivals)
        return next(path.parent for path in map(self.find, self.md5s) if path)

    @property
    def _command(self) -> str:
        return f"`moe-lab data prepare {self.name} {shlex.quote(f'dataset.root={self.root}')}`"

    def _by_hand(self, missing: list[str]) -> str:
        files = ", ".join(missing)
        return f"run {self._command} where there is a network, or put into {self.folder}, raw or .gz: {files}"

    def _is_sound(self, file: str, path: Path | None) -> bool:
        if path is None:
            return False
        try:
            read_idx(path, self.md5s[file], "")
        except DataError:
            return False
        return True

    def _unpack_spares(self, wanted: list[str], arrivals: Path) -> None:
        for file in wanted:
            spare = next((path for path in self.candidates(file) if self._is_sound(file, path)), None)
            if spare:
                (arrivals / file).write_bytes(uncompressed(spare))

    @contextmanager
    def _temporary_folder(self) -> Iterator[Path]:
        # below what exists, so that a failure leaves no new folder, and on the same disk, so that a move is whole
        beside = next(place for place in (self.folder, *self.folder.absolute().parents) if place.is_dir())
        try:
            arrivals = tempfile.TemporaryDirectory(dir=beside, prefix=".arriving-")
        except OSError as error:
            raise self._unwritable(error) from None
        with arrivals as folder:
            yield Path(folder)

    def _put_in_place(self, wanted: list[str], arrivals: Path) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for file in wanted:
                os.replace(arrivals / file, self.folder / file)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(f"cannot write to {self.folder} ({error.strerror}): give another data folder by dataset.root")

    def _fetch(self, missing: list[str], arrivals: Path) -> None:
        try:
            download(self.torchvision_name, arrivals)
        except (OSError, HTTPException, RuntimeError) as error:
            # torchvision lists the failure of every mirror; the last one tells why
            reason = " ".join(str(error).split()).rpartition("got: ")[2].strip("<>")
            raise DataError(f"cannot download {self.name} ({reason}); {self._by_hand(missing)}") from None
        for file in missing:
            arrived = arrivals / self.torchvision_name / "raw" / file
            read_idx(arrived, self.md5s[file], f"the download cannot be trusted; {self._by_hand(missing)}")
            os.replace(arrived, arrivals / file)


def download(torchvision_name: str, into: Path) -> None:
    """Download a data set with torchvision's class of that name into ``into/NAME/raw``."""
    dataset = getattr(import_torchvision().datasets, torchvision_name)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        dataset(into, train=False, download=True)
    finally:
        socket.setdefaulttimeout(before)
