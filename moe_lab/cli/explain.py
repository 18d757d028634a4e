"""`moe-lab explain`: everything that is declared about one name."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moe_lab.cli.completion import complete_topic
from moe_lab.cli.tables import Format, FormatOption, show, text
from moe_lab.cli.words import ConfigDir, Plugins, load_plugins

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from moe_lab.cli.topics import Topic

EXAMPLES = """
Examples:

    moe-lab explain switch

    moe-lab explain gate/weigh=softmax

    moe-lab explain information_per_usage

    moe-lab explain krishnamurthy2023
"""


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="An option, also as GROUP=OPTION; a metric of runs, a measure of traces, or a study.",
            autocompletion=complete_topic,
        ),
    ],
    form: FormatOption = Format.table,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Explain a part, metric, measure or study: formula, options, source, what it goes with, which file tests it."""
    from moe_lab.cli.topics import topics, with_partners

    found = topics(name, config_dir, plugin or [])
    load_plugins(plugin)
    print_topics(list(map(with_partners, found)), form)


def print_topics(found: Sequence["Topic"], form: Format) -> None:
    """Print topics one below the other in a terminal, and as a row each in other formats."""
    from moe_lab.cli.topics import COLUMNS

    if form is not Format.table:
        show(found, COLUMNS, form, empty="")
        return
    from rich.console import Console

    console = Console()
    for number, topic in enumerate(found):
        if number:
            console.print()
        _print(topic, console)


def _print(topic: "Topic", console: "Console") -> None:
    from rich.text import Text

    from moe_lab.errors import printable

    console.print(Text.assemble((f"{topic['group']}={topic['name']}", "bold"), "  ", topic["summary"]))
    for label, value in _lines(topic):
        console.print(_indented(Text.assemble((label, "italic"), f"  {printable(value)}"), 2))
    for paragraph in _paragraphs(topic["text"] or ""):
        console.print(Text(f"\n{printable(paragraph)}"))
    for title, entries in _sections(topic):
        console.print(Text(f"\n{title}", style="bold"))
        for head, said in entries:
            console.print(_indented(Text(printable(head), style="italic"), 2))
            if said:
                console.print(_indented(Text(printable(said)), 6))
    if topic["tests"] is not None:
        console.print(Text("\ntested in", style="bold"))
        for file in topic["tests"] or ["no test names it"]:
            console.print(Text(f"  {file}"), soft_wrap=True)


def _paragraphs(docstring: str) -> list[str]:
    """Join lines that begin at the left edge, so that a narrow terminal wraps them; indented lines are kept."""
    return [re.sub(r"\n(?! )", " ", one) for one in docstring.split("\n\n") if one]


def _indented(text: "RenderableType", blanks: int) -> "RenderableType":
    from rich.padding import Padding

    return Padding(text, (0, 0, 0, blanks), expand=False)


def _lines(topic: "Topic") -> Iterator[tuple[str, str]]:

    if topic["source"]:
        yield "source:", topic["source"]
    for paper in topic["papers"]:
        yield "paper:", paper
    for label, value in (topic["facts"] or {}).items():
        if value:
            yield f"{label}:", value
    if topic["brings"]:
        yield "brings:", text(topic["brings"])


def _sections(topic: "Topic") -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Titles with their entries; an entry is a head and its description."""
    if topic["keys"]:
        sentences = topic["sentences"]
        keys = topic["keys"].items()
        yield "options", [(f"{key} {written(value)}", sentences.get(key, "")) for key, value in keys]
    if topic["fits"]:
        yield "goes with", [(_by_group(topic["fits"]), "")]
    if topic["refused"]:
        reasons: dict[str, list[str]] = {}
        for word, why in topic["refused"].items():
            reasons.setdefault(why, []).append(word)
        yield "does not go with", [(_by_group(words), why) for why, words in reasons.items()]
    if topic["arms"]:
        yield "arms", list(topic["arms"].items())
    if topic["published"]:
        yield "published", list(_claims(topic["published"]).items())


def _by_group(words: Sequence[str]) -> str:
    """``objective=mixture, em; regularizer=importance``, joined from overrides of one option each."""
    groups: dict[str, list[str]] = {}
    for word in words:
        group, equals, option = word.partition("=")
        groups.setdefault(f"{group}{equals}", []).append(option)
    return "; ".join(f"{group}{', '.join(options)}" for group, options in groups.items())


def _claims(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """An arm and the study's choices -> the published numbers of that arm."""
    found: dict[str, list[str]] = {}
    for row in rows:
        place = f"{row['arm']}  " + " ".join(f"{key}={value}" for key, value in row["where"].items())
        spread = "" if row["sd"] is None else f" sd {row['sd']:g}"
        of = row["how"] if row["n"] is None else f"{row['how']} of {row['n']} runs"
        found.setdefault(place, []).append(f"{row['metric']} {row['value']:g}{spread} ({of})")
    return {place: "; ".join(numbers) for place, numbers in found.items()}


def written(value: Any) -> str:
    """A default as it is typed."""
    if value == "???":
        return "must be given"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
