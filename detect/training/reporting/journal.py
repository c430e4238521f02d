"""The numbers of a run over time: `metrics.jsonl`, one JSON object per line, and the same as TensorBoard events."""

import contextlib
import json
import time
from pathlib import Path

import tensorflow as tf

from detect.files import explained, write_text

BUFFER = 2**16  # bytes, about, that TensorBoard collects before it writes them


class Journal:
    """Appends rows of numbers to the files of a run folder.

    A run that is resumed at a step drops the rows after it, which it writes again.
    """

    def __init__(self, folder: Path, step: int = 0):
        self.path = folder / "metrics.jsonl"
        _forget_after(self.path, step)
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


def _forget_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if _step(line) <= step]
    write_text(path, "".join(f"{line}\n" for line in kept))


def _step(line: str) -> float:
    try:
        return json.loads(line)["step"]
    except (json.JSONDecodeError, KeyError):
        return float("inf")
