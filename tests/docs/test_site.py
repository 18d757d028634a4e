"""The documentation site: complete, without a broken link, and without a request to another host."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import gallery

DOCS = Path(__file__).parents[2] / "docs"
#: what a browser fetches by itself when it opens a page
FETCHED = re.compile(r"""<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=["'](\w+:)?//""")
IMPORTED = re.compile(r"""(?:@import|url\()\s*["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "extra").mkdir()
    words = ["-W", "--keep-going", "-q", "-D", f"html_extra_path={folder / 'extra'}", str(DOCS), str(folder / "html")]
    built = subprocess.run([sys.executable, "-m", "sphinx", *words], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "html"


def test_every_page_is_in_the_contents():
    listed = set(re.findall(r"^[a-z0-9/-]+$", (DOCS / "index.md").read_text(), re.MULTILINE))
    pages = {str(path.relative_to(DOCS).with_suffix("")) for path in [*DOCS.glob("*.md"), *DOCS.glob("studies/*.md")]}
    assert pages - {"index"} == listed


def test_the_site_is_built_without_a_warning(site):
    assert "Your first study in fifteen minutes" in (site / "tutorial.html").read_text()


def test_the_api_has_what_the_package_gives(site):
    import moe_lab

    page = (site / "api.html").read_text()
    missing = [name for name in moe_lab.__all__ if f'id="moe_lab.{name}"' not in page]
    assert missing == ["Run"]  # LoadedRun is shown with all that it has of Run


def test_pages_fetch_nothing_from_elsewhere(site):
    found = {path.name for path in site.rglob("*.html") if FETCHED.search(path.read_text())}
    found |= {path.name for path in site.rglob("*.css") if IMPORTED.search(path.read_text())}
    assert not found


def test_the_search_is_in_the_site(site):
    assert "Search.setIndex" in (site / "searchindex.js").read_text()


def test_the_gallery_is_up_to_date():
    assert (DOCS / "gallery.md").read_text() == gallery.page()
    kept = {path.name for path in gallery.PICTURES.glob("*.svg")}
    assert kept == {one.picture for one in gallery.SHOWN}
