"""Weights & Biases. Its environment variables hold: `WANDB_PROJECT`, `WANDB_MODE=offline`."""

import os
from collections.abc import Mapping
from pathlib import Path

from detect.training.reporting.loggers import PROJECT, Described

PACKAGES = {"wandb": "wandb"}
HINT = "Run `wandb login`, or set WANDB_MODE=offline, which writes into the run folder"


class WandbLogger:
    """See `Logger`."""

    def __init__(self, run: Described):
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            dir=run.folder,
            config=dict(run.settings),
            id=run.earlier,
            resume="allow",
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.id: str = self._run.id

    def log(self, values: Mapping[str, float], step: int, epoch: float) -> None:
        """See `Logger`."""
        self._run.log({**values, "epoch": epoch}, step=step)

    def log_image(self, path: Path) -> None:
        """See `Logger`."""
        import wandb

        self._run.log({path.stem: wandb.Image(str(path))})

    def close(self, completed: bool) -> None:
        """See `Logger`."""
        self._run.finish(exit_code=0 if completed else 1)


start = WandbLogger
