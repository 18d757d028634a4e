"""Smaller SVG: matplotlib writes every style at every point, with more digits than a screen can show."""

import re
from collections import Counter

_COMMENT = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE.*?>", re.DOTALL)
#: numbers below 1 keep all digits, because they are scales
_DIGITS = re.compile(r"(?<![\w.])(-?[1-9]\d*\.\d\d)\d+")
_STYLE = re.compile(r' style="([^"]*)"')
#: names of groups, such as text_12 or line2d_3; elements that are referred to are named by a hash or a glyph
_IDS = re.compile(r' id="[a-zA-Z.]+(?:2d)?_\d+"')


def compact(svg: str) -> str:
    """The same drawing in fewer bytes: coordinates to a hundredth of a point, repeated styles as classes.

    Comments, metadata and unused names are removed.
    """
    svg = _IDS.sub("", _DIGITS.sub(r"\1", _COMMENT.sub("", svg)))
    svg = re.sub(r"\s*\n\s*", "\n", svg).replace("\n<", "<").replace(">\n", ">").replace("\n", " ").strip()
    often = [style for style, count in Counter(_STYLE.findall(svg)).most_common() if count > 2]
    names = {style: f"s{place}" for place, style in enumerate(often)}
    svg = _STYLE.sub(lambda found: f' class="{names[found[1]]}"' if found[1] in names else found[0], svg)
    rules = "".join(f".{name}{{{style}}}" for style, name in names.items())
    return svg.replace("</style>", rules + "</style>", 1)
