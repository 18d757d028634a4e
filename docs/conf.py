"""The documentation site, built by Sphinx (`make docs`): the pages of this folder, and the API from its docstrings."""

import re
from typing import Any

from sphinx.application import Sphinx

import moe_lab

project = "moe-lab"
author = "the moe-lab developers"
version = release = moe_lab.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
# reports that `make docs` makes, to be opened from the pages
html_extra_path = ["_example"]
# the kept results of studies are linked from their pages; a test sees that index.md has all others
suppress_warnings = ["toc.not_included"]
exclude_patterns = ["_site", "_example"]
myst_heading_anchors = 4
highlight_language = "none"
default_role = "literal"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
# sizes such as [T, K] are no references, and no docstring has roles; links between pages are checked by MyST
nitpicky = False

html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_title = f"moe-lab {version}"
html_copy_source = False
html_show_sourcelink = False

#: "name:  text" at the margin of a docstring, as its lists of arguments are written
ARGUMENT = re.compile(r"^([a-z_][\w*]*(?:, [a-z_][\w*]*)*):\s+(\S.*)$")
NOT_ARGUMENTS = {"raises"}


def as_field_list(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Write the argument lists of a docstring as reStructuredText's field lists, in place."""
    lines[:] = [ARGUMENT.sub(_field, line) for line in lines]


def _field(match: re.Match[str]) -> str:
    names, text = match.groups()
    return match.group() if names in NOT_ARGUMENTS else f":{names}: {text}"


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", as_field_list)
