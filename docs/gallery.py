"""docs/gallery.md and its pictures, from the runs of its own commands.

``python -m docs.gallery`` runs the commands in a temporary folder (some four minutes of one core), copies the pictures
into docs/images/gallery and writes the page anew; a test says when the page is due.
"""

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parent
PICTURES = DOCS / "images" / "gallery"
PROSE = """# Gallery

A picture and the command that makes it. Every report holds such pictures, each with its numbers as a CSV file beside
it. [paper.md](paper.md) says how to get them as PDF, and [python.md](python.md) how to draw them on axes of your own.
This page is made by `python -m docs.gallery`.
"""


class Shown(NamedTuple):
    """A picture of the gallery: the figure ``figure`` of the report that ``command`` writes into runs/``run``."""

    title: str
    run: str
    figure: str
    command: str
    text: str

    @property
    def picture(self) -> str:
        return f"{self.run}-{self.figure}.svg"


SHOWN = (
    Shown(
        "Where each expert answers",
        "checkerboard",
        "regions",
        "moe-lab train dataset=toy_checkerboard gate=top_k k=1 --name checkerboard",
        "The gate divides the plane, and in its part each expert draws the border between the classes.",
    ),
    Shown(
        "Which classes each expert gets",
        "digits",
        "class_expert",
        "moe-lab train --name digits",
        "On handwritten digits, a column with one dark cell is an expert of one digit.",
    ),
    Shown(
        "The images that an expert is chosen for most surely",
        "digits",
        "typical_images",
        "moe-lab train --name digits",
        "Experts can follow something else than the class, such as slant or ink; the images show it.",
    ),
    Shown(
        "Four arms over ten seeds",
        "gates",
        "best_metric_mutual_information_expert_label_bits",
        "moe-lab sweep gate=softmax,attentive 'regularizer=[],[importance]' 'seed=range(0,10)' --name gates",
        "Every seed, each arm's mean with its interval, and a star for a difference beyond chance.",
    ),
    Shown(
        "Error against specialization",
        "gates",
        "trade_off",
        "moe-lab sweep gate=softmax,attentive 'regularizer=[],[importance]' 'seed=range(0,10)' --name gates",
        "Specialized experts are no better classifiers by themselves.",
    ),
    Shown(
        "Which expert takes which patch",
        "patches",
        "patches_1",
        "moe-lab train network=vision_transformer gate=switch 'regularizer=[switch_balance]' --name patches",
        "The second mixture layer of a vision transformer, patch by patch.",
    ),
    Shown(
        "The expert of each byte",
        "text",
        "tokens",
        "moe-lab train network=language_model gate=switch 'regularizer=[switch_balance]' --name text",
        "A small language model on Python, English and C++; a line is a mixture layer, a colour an expert.",
    ),
    Shown(
        "A task after another",
        "tasks",
        "task_accuracy",
        "moe-lab train recipe=extend 'recipe.tasks=[[0,1],[2,3],[4,5],[6,7],[8,9]]' experts.count=6 recipe.memory=10 "
        "trainer.epochs=25 trainer.batch_size=16 trainer.lr=3e-3 --name tasks",
        "Each task brings an expert. Ten remembered samples a class keep the gate from forgetting whom to ask.",
    ),
    Shown(
        "Several answers to one question",
        "inverse",
        "predictive",
        "moe-lab train dataset=toy_inverse experts=gaussian objective=mixture_density --name inverse",
        "A mixture density: where x has up to three values of y, each expert follows one branch.",
    ),
)


def page() -> str:
    parts = [PROSE]
    shown: set[str] = set()
    for one in SHOWN:
        picture = PICTURES / one.picture
        again = "The same run. " if one.command in shown else ""
        command = "" if one.command in shown else f"```\n{one.command}\n```\n\n"
        shown.add(one.command)
        image = f"![{_alternative(picture)}](images/gallery/{one.picture})"
        parts.append(f"## {one.title}\n\n{command}{image}\n\n{again}{one.text}\n")
    return "\n".join(parts)


def make() -> None:
    """Run every command once, and take the pictures from their reports."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for command in dict.fromkeys(one.command for one in SHOWN):
            words = shlex.split(command)[1:]
            subprocess.run([sys.executable, "-m", "moe_lab", *words, "--quiet"], cwd=folder, check=True)
        for one in SHOWN:
            run = Path(folder) / "runs" / one.run
            shutil.copy(run / "figures" / f"{one.figure}.svg", PICTURES / one.picture)
            (PICTURES / one.picture).with_suffix(".txt").write_text(_text_of(run / "report.md", one.figure) + "\n")


def _text_of(report: Path, figure: str) -> str:
    """What the report says that a figure shows, for those who cannot see it."""
    found = re.search(rf"!\[(.*)\]\(figures/{figure}\.svg\)", report.read_text())
    if found is None:
        raise SystemExit(f"{report}: no figure {figure}")
    return found.group(1)


def _alternative(picture: Path) -> str:
    return picture.with_suffix(".txt").read_text().strip()


if __name__ == "__main__":
    make()
    (DOCS / "gallery.md").write_text(page())
