"""MLflow. Its environment variables hold: `MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME`."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detect.training.reporting.loggers import PROJECT, Described

PACKAGES = {"mlflow": "mlflow"}
HINT = "Check MLFLOW_TRACKING_URI"
MOST_CHARACTERS = 500  # of a parameter, which is as many as all of its servers take
MOST_PARAMETERS = 100  # in one call


class MLflowLogger:
    """See `Logger`. A client of its own, because the functions of the package itself have a current run."""

    def __init__(self, run: Described):
        from mlflow import MlflowClient

        self._client = MlflowClient()
        self._sending: Any = None  # the last rows
        if run.earlier is None:
            self.id = self._begin(run)
        else:
            self.id = run.earlier
            self._client.update_run(self.id, status="RUNNING")

    def _begin(self, run: Described) -> str:
        from mlflow.entities import Param

        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self._client.get_experiment_by_name(experiment)
        place = known.experiment_id if known else self._client.create_experiment(experiment)
        id = self._client.create_run(place, run_name=run.name).info.run_id
        parameters = [Param(name, str(value)[:MOST_CHARACTERS]) for name, value in run.settings.items()]
        for start in range(0, len(parameters), MOST_PARAMETERS):
            self._client.log_batch(id, params=parameters[start : start + MOST_PARAMETERS])
        return id

    def log(self, values: Mapping[str, float], step: int, epoch: float) -> None:
        """See `Logger`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value in {**values, "epoch": epoch}.items()]
        self._sending = self._client.log_batch(self.id, metrics=metrics, synchronous=False)

    def log_image(self, path: Path) -> None:
        """See `Logger`."""
        self._client.log_artifact(self.id, str(path))

    def close(self, completed: bool) -> None:
        """See `Logger`."""
        if self._sending:
            self._sending.wait()  # for all that came before, too
        self._client.set_terminated(self.id, "FINISHED" if completed else "KILLED")


start = MLflowLogger
