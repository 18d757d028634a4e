"""A logger for TensorBoard."""

import shutil
from pathlib import Path
from typing import Any

from moe_lab.config.extras import extra
from moe_lab.loggers.base import Logger
from moe_lab.loggers.folder import attachments, history, scalars
from moe_lab.store.folders import refuse_link
from moe_lab.store.run import Run

FOLDER = "tensorboard"


class TensorBoard(Logger):
    """TensorBoard's event files in the run's folder ``tensorboard``.

    history.csv by epoch, metrics.json as ``metrics/NAME``, config and report as text. ``tensorboard --logdir runs``
    shows them.
    """

    def __init__(self) -> None:
        extra("tensorboard", "logger=[tensorboard]", "tensorboard")
        self._writer: Any = None
        self._shown: set[str] = set()
        self._epochs = 0

    def log(self, folder: Path) -> None:
        run = Run(folder)
        if self._writer is None:
            self._writer = _fresh_writer(folder / FOLDER)
        rows = history(run)
        for row in rows[self._epochs :]:
            for name, value in row.items():
                if name != "epoch" and value is not None:
                    self._writer.add_scalar(name, value, int(row["epoch"] or 0), new_style=True, double_precision=True)
        self._epochs = len(rows)
        for name, value in scalars(run).items():
            if self._is_new(f"metrics/{name}"):
                self._writer.add_scalar(f"metrics/{name}", value, len(rows), new_style=True, double_precision=True)
        for path in attachments(run):
            if path.suffix != ".html" and self._is_new(path.name):
                text = path.read_text()
                self._writer.add_text(path.stem, text if path.suffix == ".md" else f"```\n{text}```")
        self._writer.flush()
        if run.status["status"] != "running":
            self._writer.close()

    def _is_new(self, name: str) -> bool:
        new = name not in self._shown
        self._shown.add(name)
        return new


def _fresh_writer(folder: Path) -> Any:
    """A writer for an empty folder: events of an earlier process are deleted and written again from the run's files,
    which are complete."""
    from torch.utils.tensorboard import SummaryWriter

    refuse_link(folder)
    if folder.is_dir():
        shutil.rmtree(folder)
    return SummaryWriter(str(folder))
