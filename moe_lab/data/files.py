"""The files of a data set: found in the data folder, verified by checksum, and fetched if they are missing."""

import os
import shlex
import socket
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from moe_lab.errors import DataError

#: seconds without a byte after which a download has failed; torchvision itself would wait for ever
SILENCE_SECONDS = 30.0


@dataclass(frozen=True)
class FileSource(ABC):
    """The files of one data set below ``root``; a subclass knows their places, their format and their download.

    ``name`` is the data set's name on the command line, ``torchvision_name`` that of torchvision's class; ``md5s`` maps
    file names to the md5 of their uncompressed bytes.
    """

    name: str
    torchvision_name: str
    md5s: Mapping[str, str]
    root: Path

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where below ``root`` the files lie."""

    @abstractmethod
    def candidates(self, file: str) -> list[Path]:
        """The existing copies of a file, in order of preference."""

    @abstractmethod
    def verify(self, file: str, path: Path, remedy: str) -> None:
        """Raises DataError, ending in ``remedy``, if a copy has a wrong checksum."""

    @abstractmethod
    def unpack_spares(self, wanted: Sequence[str], arrivals: Path) -> None:
        """Write sound copies of wanted files, from what is on this machine, into ``arrivals``."""

    @abstractmethod
    def download(self, missing: Sequence[str], arrivals: Path) -> None:
        """Write sound copies of missing files, from the network, into ``arrivals``.

        OSError, HTTPException and RuntimeError pass. Raises DataError if a file arrives damaged.
        """

    @abstractmethod
    def by_hand(self, missing: Sequence[str]) -> str:
        """Advice on how to get the files without moe-lab's download."""

    @property
    def absent(self) -> bool:
        """True if not one file is found, as on a machine that never had the data set."""
        return not any(self.find(file) for file in self.md5s)

    @property
    def command(self) -> str:
        return f"`moe-lab data prepare {self.name} {shlex.quote(f'dataset.root={self.root}')}`"

    def find(self, file: str) -> Path | None:
        """The first copy, which is read. If it is damaged, that is an error: another copy never replaces it
        silently.
        """
        return next(iter(self.candidates(file)), None)

    def place(self, path: Path) -> str:
        return "data folder" if path.parent == self.folder else "system copy"

    def prepare_if_absent(self) -> None:
        """`prepare` on a machine that never had the data set; if some files are there, a missing one is an error."""
        if self.absent:
            self.prepare()

    def prepare(self) -> Path:
        """Put a good copy of every file that is missing or broken into the data folder; returns where the files lie.

        A spare copy on this machine serves before a download. Files are made in a temporary folder, checked there, and
        then moved into place.
        """
        wanted = [file for file in self.md5s if not self.is_sound(file, self.find(file))]
        if wanted:
            with self._temporary_folder() as arrivals:
                self.unpack_spares(wanted, arrivals)
                missing = [file for file in wanted if not (arrivals / file).exists()]
                if missing:
                    self._fetch(missing, arrivals)
                self._put_in_place(wanted, arrivals)
        return next(path.parent for path in map(self.find, self.md5s) if path)

    def is_sound(self, file: str, path: Path | None) -> bool:
        if path is None:
            return False
        try:
            self.verify(file, path, "")
        except DataError:
            return False
        return True

    def _fetch(self, missing: list[str], arrivals: Path) -> None:
        try:
            self.download(missing, arrivals)
        except (OSError, HTTPException, RuntimeError) as error:
            # torchvision lists the failure of every mirror; the last one tells why
            reason = " ".join(str(error).split()).rpartition("got: ")[2].strip("<>")
            raise DataError(f"cannot download {self.name} ({reason}); {self.by_hand(missing)}") from None

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


@contextmanager
def limited_silence() -> Iterator[None]:
    """Within the block a connection that sends nothing for SILENCE_SECONDS fails."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
