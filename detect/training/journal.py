"""The numbers of a run over time: `metrics.jsonl`, one JSON object per line, and the same as TensorBoard events."""

import json
import time
from pathlib import Path

import tensorflow as tf

from detect.files import write_text


class Journal:
    """Appends rows of numbers to the files of a run folder.

    A run that is resumed at a step drops the rows after it, which it writes again.
    """

    def __init__(self, folder: Path, step: int = 0):
        _forget_after(folder / "metrics.jsonl", step)
        self.file = (folder / "metrics.jsonl").open("a", encoding="utf-8")
        self.events = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def write(self, kind: str, step: int, epoch: float, values: dict[str, float]) -> None:
        """Write one row.

        Args:
            kind: `train` or `val`.
            step: number of updates.
            epoch: passes over the training images.
            values: numbers by name.
        """
        row = {"step": step, "epoch": round(epoch, 4), "time": round(time.time(), 3), "kind": kind, **values}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        with self.events.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(f"{kind}/{name}", value)

    def close(self) -> None:
        """Close the files."""
        self.file.close()
        self.events.close()


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
