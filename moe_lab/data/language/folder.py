"""A user's own text, one folder per domain."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from moe_lab.config.ranges import Count
from moe_lab.data.language.text import TextTokens, document_of
from moe_lab.data.language.windows import Document
from moe_lab.data.roots import root_of, rooted
from moe_lab.errors import DataError


@dataclass(kw_only=True)
class TextFolder(TextTokens):
    """Your own text, byte by byte, from FOLDER/DOMAIN/*.txt (`dataset=text_folder dataset.path=FOLDER`).

    A folder is a domain, such as a language, and a file a document. If files of several domains have the same name, as
    the sections of a book in several languages can have, it is an attribute of the documents: ``section``. A checksum
    of the text belongs to a run's key and its environment.json.

    path:           the folder.
    document_bytes: most bytes of a document, from its start; null: all of it.
    root:           folder that a relative ``path`` starts from; null: the current one, which is then stored, so that a
                    run finds its text again from elsewhere. If the text is no longer there, it is looked for in the
                    current folder.
    Raises DataError if there are no such files.
    """

    name: ClassVar[str] = "text_folder"

    path: str
    root: str | None = None
    document_bytes: Count | None = None

    def __post_init__(self) -> None:
        self.root = root_of(self.path, self.root)
        self.path = rooted(self.path, self.root)

    def lasting(self) -> dict[str, str]:
        return {} if self.root is None else {"root": self.root}

    @cached_property
    def documents(self) -> list[Document]:
        files = self._files()
        domains_of = Counter(path.stem for path in files)
        found = []
        for path in files:
            labels = {"domain": path.parent.name}
            if domains_of[path.stem] > 1:
                labels["section"] = path.stem
            try:
                found.append(document_of(self._text(path), labels))
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror}") from None
        return found

    def prepare(self) -> str:
        """Nothing to get: the text is the user's."""
        return self.path

    def _text(self, path: Path) -> bytes:
        with path.open("rb") as file:
            return file.read(self.document_bytes)

    def _files(self) -> list[Path]:
        folder = Path(self.path).expanduser()
        files = sorted(folder.glob("*/*.txt"))
        if not files:
            what = "no such file" if folder.is_dir() else "no such folder"
            raise DataError(
                f"{folder}: expected text as {folder / 'DOMAIN' / '*.txt'}, found {what}; "
                "make a folder for each domain, with a .txt file for each document"
            )
        return files
