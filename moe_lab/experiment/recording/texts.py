"""A folder of texts: one document per file, labelled by the name of its folder."""

from pathlib import Path
from typing import NamedTuple

from moe_lab.errors import DataError, cut
from moe_lab.store.untrusted import Unusable, read_text


class Text(NamedTuple):
    """A file, and the first folder on the way to it, None directly in the folder of texts."""

    path: Path
    folder: str | None

    def read(self) -> str:
        """Raises DataError, which names the file, if it is no UTF-8 text."""
        try:
            return read_text(self.path)
        except (Unusable, FileNotFoundError) as error:
            raise DataError(f"{cut(str(self.path), 200)} {error}; expected a file of text") from None


def texts_in(folder: Path) -> list[Text]:
    """Every file below ``folder`` by its path, but for hidden ones. Raises DataError if there is none."""
    if not folder.is_dir():
        raise DataError(
            f"{cut(str(folder), 200)} is no folder: expected one of texts, FOLDER/LABEL/FILE or FOLDER/FILE"
        )
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = [Text(path, _label(path.relative_to(folder))) for path in files if not _hidden(path.relative_to(folder))]
    if not found:
        raise DataError(f"{cut(str(folder), 200)} holds no file: expected texts, FOLDER/LABEL/FILE or FOLDER/FILE")
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _label(path: Path) -> str | None:
    return path.parts[0] if len(path.parts) > 1 else None
