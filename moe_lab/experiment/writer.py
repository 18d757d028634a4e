"""The only writer of a run's folder: its files, its log and its status."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import Unpack

import yaml

from moe_lab.config.build import build
from moe_lab.experiment.environment import environment
from moe_lab.experiment.job import Job
from moe_lab.experiment.models import is_network
from moe_lab.experiment.results import Results
from moe_lab.loggers.base import Logger
from moe_lab.store.atomic import checksum, clear_leftovers, settle, write_csv, write_json, write_npz, write_text
from moe_lab.store.facts import Facts
from moe_lab.store.folders import refuse_odd_file
from moe_lab.store.run import Run
from moe_lab.store.status import State, StatusFile
from moe_lab.store.trace import HEADER
from moe_lab.training.members import Record

_CHECKED = ("config.yaml", HEADER, "environment.json", "history.csv", "timing.csv", "stages.csv", "metrics.json")


class _LogFile(logging.FileHandler):
    """A log file whose errors, such as a full disk, are ignored."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignored."""

    def close(self) -> None:
        with suppress(OSError):
            super().close()


class RunWriter:
    """Writes the progress and results of one job into ``folder``, which exists already. ``open`` until its end is
    written.
    """

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self.folder = folder
        self.open = False
        self.started = False
        self.log = logging.Logger(f"moe_lab.{folder.name}")
        # a run without a kind is a mixture
        self._status = (
            StatusFile(folder, kind="network", **job.facts, headline={})
            if is_network(job.config)
            else StatusFile(folder, **job.facts, headline={})
        )
        refuse_odd_file(folder / "train.log")
        handler = _LogFile(self.folder / "train.log", encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.log.addHandler(handler)
        self._loggers = loggers(job)

    def plan(self) -> None:
        """Write the config and the status ``planned`` of a sweep's job."""
        self._config()
        self._status.plan()

    def start(self, device: str, runs: int) -> None:
        """Write the config, environment and status ``running``. ``runs``: number of runs trained as one program."""
        self.open = self.started = True
        clear_leftovers(self.folder)
        self._config()
        # from here on the run can be resumed
        self._status.start(**self._processes())
        facts = environment(self.job.config["trainer"]["threads"], self.job.key, device)
        content = build(self.job.config["dataset"]).content()
        data = {"data": content} if content else {}
        write_json(self.folder / "environment.json", {**facts, "stacked_runs": runs, **data})

    def _processes(self) -> Facts:
        """The numbers of processes of the run's sessions so far, including the present one."""
        parallel = self.job.config.get("parallel")
        if parallel is None:
            return {}
        before = Run(self.folder).status.get("processes", []) if (self.folder / "status.json").exists() else []
        return {"processes": [*before, parallel["processes"]]}

    def _config(self) -> None:
        write_text(self.folder / "config.yaml", yaml.safe_dump(self.job.config, sort_keys=False, allow_unicode=True))

    def progress(self, record: Record) -> None:
        """Write the history so far, and update the status as a sign of life."""
        self.history(record)
        self._status.touch()
        self.tell_loggers()

    def history(self, record: Record) -> None:
        write_csv(self.folder / "history.csv", record.history)
        write_csv(self.folder / "timing.csv", record.timing)
        if record.stages:
            write_csv(self.folder / "stages.csv", record.stages)

    def results(self, results: Results) -> None:
        """Write the arrays of the test split, the metrics and the status ``finished``."""
        for name, arrays in results.files.items():
            write_npz(self.folder / f"{name}.npz", dict(arrays))
        for name, document in results.documents.items():
            write_json(self.folder / name, document)
        write_json(self.folder / "metrics.json", results.metrics)
        # the status ``finished`` must not be readable before the results are on the disk
        settle(self.folder)
        self._end("finished", headline=results.headline, checksums=self._checksums())
        self.log.info("finished")
        self.close()

    def diverged(self, error: Exception) -> None:
        self.log.error("diverged: %s", error)
        self._end("diverged", error=str(error))
        self.close()

    def interrupted(self, error: BaseException) -> None:
        self.log.warning("interrupted")
        self._end("interrupted", error=str(error) or "interrupted")
        self.close()

    def failed(self, error: BaseException) -> None:
        self.log.error("failed", exc_info=error)
        # if even this cannot be written, the run counts as lost once this process is gone
        with suppress(OSError):
            self._end("failed", error=f"{type(error).__name__}: {error}")
        self.close()

    def close(self) -> None:
        for handler in self.log.handlers:
            handler.close()

    def _checksums(self) -> dict[str, str]:
        """Checksums of the files without checksums of their own."""
        files = [path for path in map(self.folder.joinpath, _CHECKED) if path.is_file()]
        return {path.name: checksum(path.read_bytes()) for path in files}

    def _end(self, status: State, **facts: Unpack[Facts]) -> None:
        self.open = False
        self._status.end(status, **facts)
        self.tell_loggers()

    def tell_loggers(self) -> None:
        """Tell the loggers that the folder has changed."""
        for name, logger in self._loggers.items():
            try:
                logger.log(self.folder)
            except Exception as error:
                self.log.warning("logger %s: %s: %s", name, type(error).__name__, error)


class SilentWriter(RunWriter):
    """The writer of a rank that does not lead: it writes nothing."""

    def start(self, device: str, runs: int) -> None:
        self.open = True

    def progress(self, record: Record) -> None:
        """Ignored."""

    def history(self, record: Record) -> None:
        """Ignored."""

    def results(self, results: Results) -> None:
        self.open = False

    def diverged(self, error: Exception) -> None:
        self.open = False

    def interrupted(self, error: BaseException) -> None:
        self.open = False

    def failed(self, error: BaseException) -> None:
        self.open = False


def loggers(job: Job) -> dict[str, Logger]:
    """The loggers of a job. Raises ConfigError if a package is missing."""
    return {name: build(node) for name, node in job.config.get("loggers", {}).items()}
