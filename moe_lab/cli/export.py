"""`moe-lab export`: every value of many runs as a table for other programs."""

import io
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moe_lab.cli.completion import complete_run
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import named

if TYPE_CHECKING:
    from moe_lab.reports import ArmsReport

EXAMPLES = """
Examples:

    moe-lab export runs/gates-by-seeds > values.csv

    moe-lab export runs/gates-by-seeds --to parquet --out values.parquet

    moe-lab export runs/softmax-1 runs/attentive-1 --out values.csv
"""


class Target(StrEnum):
    """File format of the values."""

    csv = "csv"
    parquet = "parquet"


def export(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Run folders, or folders that hold runs.", autocompletion=complete_run, parser=named
        ),
    ],
    to: Annotated[Target, typer.Option("--to", help="Parquet needs the extra parquet.")] = Target.csv,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The file to write, which must not exist; without it CSV is printed.",
            parser=named,
        ),
    ] = None,
) -> None:
    """Write every metric of every finished run, one row per value: arm, run, seed, choices, metric, value, unit.

    Arms are named by the choices that differ. A list has one row per element: an expert, a class, an epoch.
    """
    from moe_lab.cli.arms import say_left_out
    from moe_lab.errors import RunError
    from moe_lab.reports import ArmsReport
    from moe_lab.store.atomic import write_with
    from moe_lab.store.run import runs_at

    if out is None and to is Target.parquet:
        raise RunError("Parquet is no text that can be printed: add --out FILE.parquet")
    if out is not None and (out.exists() or out.is_symlink()):
        raise RunError(f"--out {out} exists already: give a file that is not there yet")
    if out is not None and not out.parent.is_dir():
        raise RunError(f"--out {out}: there is no folder {out.parent}")
    found = ArmsReport(runs_at(paths))
    content = _csv(found) if to is Target.csv else _parquet(found)
    if out is None:
        echo(content.decode(), nl=False)
    else:
        write_with(out, lambda file: file.write(content))
        echo(out)
    say_left_out(found)


def _csv(found: "ArmsReport") -> bytes:
    from moe_lab.store.cells import csv_text

    columns, rows = found.values
    return csv_text(columns, rows).encode()


def _parquet(found: "ArmsReport") -> bytes:
    from moe_lab.config.extras import extra

    extra("pyarrow", "--to parquet", "parquet")
    import pandas as pd

    columns, rows = found.values
    frame = pd.DataFrame(rows, columns=columns)
    buffer = io.BytesIO()
    texts = dict.fromkeys(("element", "reason", "repeats"), "str")
    frame.astype({"value": "float64", **texts}).to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()
