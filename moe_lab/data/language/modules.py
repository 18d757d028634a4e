"""Text of three domains that is installed wherever moe-lab is."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Annotated, ClassVar, Literal

from moe_lab.config.ranges import Count, Range
from moe_lab.data.language.installed import PACKAGES, documents_of
from moe_lab.data.language.text import TextTokens
from moe_lab.data.language.windows import Document

DomainName = Literal["python", "prose", "cpp"]


@dataclass(kw_only=True)
class TextModules(TextTokens):
    """Python, English about Python, and C++, read from the installation: nothing is downloaded.

    ``python`` is sources of the standard library, ``prose`` docstrings of NumPy, SciPy and pandas, ``cpp`` torch's
    headers. A document is a passage of one file. Another version of these packages has other text, so their versions
    and a checksum of the text belong to a run's key and its environment.json: numbers can be compared within one
    installation.

    domains:        the domains to read.
    domain_bytes:   most bytes of each domain.
    document_bytes: most bytes of a document.
    Raises DataError if a domain has no files here.
    """

    name: ClassVar[str] = "text_modules"

    domains: Annotated[tuple[DomainName, ...], Range(min_length=1)] = ("python", "prose", "cpp")
    domain_bytes: Count = 400_000
    document_bytes: Count = 4_000

    @property
    def documents(self) -> Sequence[Document]:
        return [one for name in self.domains for one in _read(name, self.domain_bytes, self.document_bytes)]

    def content(self) -> dict[str, str]:
        """Versions of the packages from which the text is read, and its checksum."""
        versions = {name: version(name) for name in (*PACKAGES, "torch")}
        return {"python": platform.python_version(), **versions, **super().content()}

    def prepare(self) -> str:
        """Nothing to get: the text is installed."""
        return f"the installed {', '.join(self.domains)}"


@lru_cache(maxsize=64)
def _read(name: str, domain_bytes: int, document_bytes: int) -> tuple[Document, ...]:
    """Cached, because a sweep asks for it once per job."""
    return tuple(documents_of(name, domain_bytes, document_bytes))
