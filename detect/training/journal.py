"""What a run leaves to read: `metrics.jsonl`, one JSON object a line, and TensorBoard events of the same numbers."""

import json
import time
from pathlib import Path

import tensorflow as tf

from detect.files import write_text


class Journal:
    """Appends rows of numbers under the run folder, from a step on; rows past it, of a run cut short, are dropped."""

    def __init__(self, folder: Path, step: int = 0):
        _forget_after(folder / "metrics.jsonl", step)
        self.file = (folder / "metrics.jsonl").open("a", encoding="utf-8")
        self.events = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def write(self, kind: str, step: int, epoch: float, values: dict[str, float]) -> None:
        """One row; `kind` is `train` or `val`."""
        row = {"step": step, "epoch": round(epoch, 4), "time": round(time.time(), 3), "kind": kind, **values}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        with self.events.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(f"{kind}/{name}", value)

    def close(self) -> None:
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
