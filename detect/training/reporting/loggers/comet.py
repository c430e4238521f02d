"""Comet. Its environment variables hold: `COMET_PROJECT_NAME`, `COMET_START_ONLINE=false`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detect.training.reporting.loggers import PROJECT, Described

PACKAGES = {"comet_ml": "comet-ml"}
HINT = "Set COMET_API_KEY, or COMET_START_ONLINE=false, which writes into the run folder"
# What the package would add by itself: it would patch other packages, and send the program's code and command line.
LEFT_OUT: dict[str, Any] = {
    **dict.fromkeys(("log_code", "log_graph", "log_git_metadata", "log_git_patch", "log_env_details"), False),
    **dict.fromkeys(("parse_args", "auto_param_logging", "auto_metric_logging", "auto_output_logging"), False),
    "display_summary_level": 0,
}


class CometLogger:
    """See `Logger`."""

    def __init__(self, run: Described):
        import comet_ml

        self._experiment = comet_ml.start(
            project_name=os.environ.get("COMET_PROJECT_NAME", PROJECT),
            experiment_key=run.earlier,
            mode="create" if run.earlier is None else "get_or_create",
            experiment_config=comet_ml.ExperimentConfig(
                name=run.name,
                offline_directory=os.environ.get("COMET_OFFLINE_DIRECTORY", str(run.folder)),
                **LEFT_OUT,
            ),
        )
        self.id: str = self._experiment.get_key()
        if run.earlier is None:
            self._experiment.log_parameters(dict(run.settings))

    def log(self, values: Mapping[str, float], step: int, epoch: float) -> None:
        """See `Logger`."""
        self._experiment.log_metrics({**values, "epoch": epoch}, step=step)

    def log_image(self, path: Path) -> None:
        """See `Logger`."""
        self._experiment.log_image(str(path), name=path.stem)

    def close(self, completed: bool) -> None:
        """See `Logger`."""
        self._experiment.log_other("completed", completed)
        self._experiment.end()


start = CometLogger
