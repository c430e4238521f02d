"""The numbers of a run over time: `metrics.jsonl`, one JSON object per line, and the same as TensorBoard events."""

import contextlib
import json
import time
from pathlib import Path

import tensorflow as tf

from detect.evaluation.metric_rows import read_rows
from detect.files import write_text
from detect.unwritable import explained

BUFFER = 2**16  # bytes, about, that TensorBoard collects before it writes them


class Journal:
    """Appends rows of numbers to the files of a run folder.

    A run that is resumed drops the rows that it writes again.
    """

    def __init__(self, folder: Path, step: int = 0, validated_step: int = 0):
        """
        Args:
            folder: of the run.
            step: at which the run goes on.
            validated_step: of the last validation before it.
        """
        self.path = folder / "metrics.jsonl"
        _forget_after(self.path, {"train": step - 1, "val": validated_step})
        with explained(self.path):
            self.file = self.path.open("a", encoding="utf-8")
            self.events = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def write(self, kind: str, step: int, epoch: float, values: dict[str, float]) -> None:
        """Write one row.

        Args:
            kind: `train` or `val`.
            step: number of updates.
            epoch: passes over the training images.
            values: numbers by name.

        Raises:
            RunFailure: the row cannot be written.
        """
        row = {"step": step, "epoch": round(epoch, 4), "time": round(time.time(), 3), "kind": kind, **values}
        with explained(self.path, BUFFER):
            self.file.write(json.dumps(row) + "\n")
            self.file.flush()
            with self.events.as_default(step=step):
                for name, value in values.items():
                    tf.summary.scalar(f"{kind}/{name}", value)

    def close(self) -> None:
        """Close the files. Raises `RunFailure` where the last rows cannot be written."""
        with explained(self.path, BUFFER), contextlib.closing(self.events):
            self.file.close()


class SilentJournal:
    """Writes nothing: for all workers but the first."""

    def write(self, kind: str, step: int, epoch: float, values: dict[str, float]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def _forget_after(path: Path, last_steps: dict[str, int]) -> None:
    """Drop the rows after the last step of their kind."""
    if path.exists():
        kept = [row for row in read_rows(path) if row["step"] <= last_steps[row["kind"]]]
        write_text(path, "".join(f"{json.dumps(row)}\n" for row in kept))
