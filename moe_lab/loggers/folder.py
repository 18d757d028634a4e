"""Reading a run's folder for loggers."""

from pathlib import Path

from moe_lab.store.run import Run

#: files that are attached unchanged if they exist
FILES = ("config.yaml", "report.md", "report.html")


def history(run: Run) -> list[dict[str, float | None]]:
    return run.history_rows if (run.path / "history.csv").is_file() else []


def scalars(run: Run) -> dict[str, float]:
    """The metrics that are single numbers; empty before the run has ended."""
    if not (run.path / "metrics.json").is_file():
        return {}
    values = {name: entry.get("value") for name, entry in run.metrics.items()}
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}


def attachments(run: Run) -> list[Path]:
    return [run.path / name for name in FILES if (run.path / name).is_file()]
