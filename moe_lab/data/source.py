"""Where the IDX files of a data set come from: the data folder, a system copy, or torchvision's download."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moe_lab.data.files import FileSource, limited_silence
from moe_lab.data.idx import read_idx, uncompressed
from moe_lab.data.vision import import_torchvision
from moe_lab.errors import DataError


@dataclass(frozen=True)
class IdxSource(FileSource):
    """IDX files, each looked for in the data folder (raw, then ``.gz``), then in the system copy.

    They lie in ``root/NAME/raw``, NAME being that of torchvision's class.
    """

    system_folder: Path | None

    @property
    def folder(self) -> Path:
        return self.root / self.torchvision_name / "raw"

    def candidates(self, file: str) -> list[Path]:
        folders = [self.folder] if self.system_folder is None else [self.folder, self.system_folder]
        paths = [folder / name for folder in folders for name in (file, f"{file}.gz")]
        return [path for path in paths if path.is_file()]

    def read(self, file: str) -> np.ndarray:
        """The checked array of a file. Raises DataError if it is missing or not what it should be."""
        return read_idx(self.found(file), self.md5s[file], f"run {self.command} to get a good copy")

    def found(self, file: str) -> Path:
        """The path of a file. Raises DataError if it is missing."""
        path = self.find(file)
        if path is None:
            raise DataError(
                f"{self.folder / file} is missing: expected that file, raw or .gz (md5 {self.md5s[file]}), found none; "
                f"run {self.command} to get it"
            )
        return path

    def verify(self, file: str, path: Path, remedy: str) -> None:
        read_idx(path, self.md5s[file], remedy)

    def unpack_spares(self, wanted: Sequence[str], arrivals: Path) -> None:
        """Unpack files from the ``.gz`` beside a damaged file, or from the system copy."""
        for file in wanted:
            spare = next((path for path in self.candidates(file) if self.is_sound(file, path)), None)
            if spare:
                (arrivals / file).write_bytes(uncompressed(spare))

    def download(self, missing: Sequence[str], arrivals: Path) -> None:
        download(self.torchvision_name, arrivals)
        for file in missing:
            arrived = arrivals / self.torchvision_name / "raw" / file
            read_idx(arrived, self.md5s[file], f"the download cannot be trusted; {self.by_hand(missing)}")
            os.replace(arrived, arrivals / file)

    def by_hand(self, missing: Sequence[str]) -> str:
        files = ", ".join(missing)
        return f"run {self.command} if there is a network, or put into {self.folder}, raw or .gz: {files}"


def download(torchvision_name: str, into: Path) -> None:
    """Download a data set with torchvision's class of that name into ``into/NAME/raw``."""
    dataset = getattr(import_torchvision().datasets, torchvision_name)
    with limited_silence():
        dataset(into, train=False, download=True)
