"""A logger for MLflow, with local files as its store."""

import json
import os
import time
from pathlib import Path
from typing import Any

from moe_lab.config.explain import leaves
from moe_lab.config.extras import extra
from moe_lab.loggers.base import Logger
from moe_lab.loggers.folder import attachments, history, scalars
from moe_lab.store.atomic import write_json
from moe_lab.store.run import Run

STATE = "mlflow.json"
EXPERIMENT = "moe-lab"
_STATES = {"finished": "FINISHED", "running": "RUNNING", "interrupted": "KILLED"}
#: most values in one call
_MOST = {"metrics": 900, "params": 90}


class MLflow(Logger):
    """An MLflow run in the folder ``mlruns`` beside the run, or in that of its sweep.

    history.csv by epoch, metrics.json as ``metrics/NAME``, every value of the config as a parameter, config and report
    as artifacts. Nothing is sent anywhere. ``mlflow ui --backend-store-uri runs/mlruns`` shows it.
    """

    def __init__(self) -> None:
        self._mlflow = extra("mlflow", "logger=[mlflow]", "mlflow")

    def log(self, folder: Path) -> None:
        # MLflow recommends a database
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        run = Run(folder)
        home = folder.parent.parent if folder.parent.name == "jobs" else folder.parent
        client = self._mlflow.MlflowClient(tracking_uri=(home.resolve() / "mlruns").as_uri())
        state = self._state(client, run)
        rows, values = history(run), scalars(run)
        metrics = [
            self._metric(name, value, int(row["epoch"] or 0))
            for row in rows[state["epochs"] :]
            for name, value in row.items()
            if name != "epoch" and value is not None
        ]
        if not state["measured"]:
            metrics += [self._metric(f"metrics/{name}", value, len(rows)) for name, value in values.items()]
        _in_parts(client, state["run_id"], metrics=metrics)
        for path in attachments(run):
            client.log_artifact(state["run_id"], str(path))
        status = _STATES.get(run.status["status"], "FAILED")
        if status == "RUNNING":
            client.update_run(state["run_id"], status)
        else:
            client.set_terminated(state["run_id"], status)
        write_json(folder / STATE, {**state, "epochs": len(rows), "measured": bool(values)})

    def _state(self, client: Any, run: Run) -> dict[str, Any]:
        """The state of logging: how much is logged already, and to which MLflow run. For a new run its parameters are
        logged first."""
        path = run.path / STATE
        if path.is_file():
            return json.loads(path.read_text())
        made = client.create_run(_experiment(client), run_name=run.name, tags={"moe_lab.key": run.status["key"]})
        params = [self._mlflow.entities.Param(key, json.dumps(value)) for key, value in leaves(run.config)]
        _in_parts(client, made.info.run_id, params=params)
        return {"run_id": made.info.run_id, "epochs": 0, "measured": False}

    def _metric(self, name: str, value: float, epoch: int) -> Any:
        return self._mlflow.entities.Metric(name, value, int(time.time() * 1000), epoch)


def _experiment(client: Any) -> str:
    """The id of the experiment, created if needed; another process may create it at the same moment."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return client.create_experiment(EXPERIMENT)
        except Exception:
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None:
                raise
    return found.experiment_id


def _in_parts(client: Any, run_id: str, **values: list[Any]) -> None:
    for kind, items in values.items():
        for start in range(0, len(items), _MOST[kind]):
            client.log_batch(run_id, **{kind: items[start : start + _MOST[kind]]})
