"""`moe-lab trace`: the routing of a model that was trained elsewhere, from files or while it runs."""

import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from moe_lab.cli.completion import complete_format, complete_run
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import RunsFolder, named
from moe_lab.store.folders import RUNS

if TYPE_CHECKING:
    from moe_lab.routing.trace import Trace

EXAMPLES = """
Examples:

    moe-lab trace import answers.jsonl --experts 64 --labels domains.csv --name served

    moe-lab trace import router_trace_rank0.jsonl --experts 64 --documents documents.npy --name pretrained

    moe-lab trace record allenai/OLMoE-1B-7B-0924 --texts texts --name olmoe

    moe-lab trace check runs/served
"""

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="Routing of any model: import it from files, record a model of transformers, or check a trace.",
    epilog=EXAMPLES,
)


@app.command("import", epilog=EXAMPLES)
def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files of one format, or folders of them.", parser=named),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the run folder.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="arrays, flame_moe, llama_cpp, megatron, olmoe, router_logits, sglang, sglang_recorder or vllm; "
            "guessed if left out.",
            autocompletion=complete_format,
        ),
    ] = None,
    experts: Annotated[int | None, typer.Option(min=1, metavar="E", help="Experts of a layer.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, metavar="L", help="Hidden layers (sglang).")] = None,
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, metavar="K", help="Selected experts of a row (sglang, llama_cpp, router_logits)."),
    ] = None,
    rows: Annotated[
        int | None, typer.Option(min=1, metavar="T", help="Only the first rows of each file (flame_moe).")
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option("--tokens", metavar="FILE.npy", help="A file with the token id of each row.", parser=named),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE.csv",
            help="A CSV with a column document (or row) and a column per label.",
            parser=named,
        ),
    ] = None,
    documents: Annotated[
        Path | None,
        typer.Option(
            "--documents", metavar="FILE.npy", help="A file with the number of each row's document.", parser=named
        ),
    ] = None,
    runs: RunsFolder = RUNS,
) -> None:
    """Import routing recorded by another stack into a run folder, and list what the files lack."""
    from moe_lab.experiment.importers.found import Asked
    from moe_lab.experiment.importers.importing import import_trace
    from moe_lab.store.folders import check_name

    check_name(name, runs)
    asked = Asked(experts=experts, layers=layers, k=k, rows=rows)
    trace = import_trace(files, form, asked=asked, tokens=tokens, documents=documents, labels=labels)
    _say(trace)
    _say_written(trace.write(runs / name))


@app.command(epilog=EXAMPLES)
def record(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A folder of save_pretrained, or a name on the hub (extra hf).")
    ],
    texts: Annotated[
        Path,
        typer.Option(
            "--texts",
            metavar="FOLDER",
            help="Text files, one document each; the name of a file's folder is its label.",
            parser=named,
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the run folder.")],
    length: Annotated[
        int, typer.Option(min=2, metavar="TOKENS", help="Most tokens of a document; the rest is left out.")
    ] = 512,
    runs: RunsFolder = RUNS,
) -> None:
    """Run a model of transformers on texts, and write which experts each token selected into a run folder."""
    from moe_lab.experiment.recording.record import record_trace
    from moe_lab.store.folders import check_name

    check_name(name, runs)
    trace = record_trace(model, texts, length, _watched)
    _say(trace)
    _say_written(trace.write(runs / name))


@app.command(epilog=EXAMPLES)
def check(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="The run folder of a trace.", autocompletion=complete_run, parser=named),
    ],
) -> None:
    """List what a trace lacks and what looks odd in it. A folder that is not a trace, or is damaged, is refused."""
    from moe_lab.experiment.traces import trace_of_run
    from moe_lab.store.run import Run

    _say(trace_of_run(Run(path)))


def _watched(documents: Sequence[T]) -> Iterable[T]:
    """A progress bar in a terminal, while the items are iterated."""
    from rich.console import Console
    from rich.progress import track

    is_hidden = not sys.stderr.isatty()
    return track(documents, "recording", console=Console(stderr=True), transient=True, disable=is_hidden)


def _say_written(folder: Path) -> None:
    """Print the folder of a trace, and the command that measures it."""
    echo(f"trace   {folder}")
    echo(f"next    moe-lab report {shlex.quote(str(folder))}")


def _say(trace: "Trace") -> None:
    """Print the size of a trace and its notes, one sentence per line."""
    from moe_lab.errors import number_of
    from moe_lab.routing.trace_notes import notes

    rows, documents = number_of(trace.rows, "row"), number_of(trace.documents, "document")
    echo(f"{rows} of {documents}, {number_of(len(trace.layers), 'layer')}: {trace.source}")
    for note in notes(trace):
        echo(f"- {note}")
