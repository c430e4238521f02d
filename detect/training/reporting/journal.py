"""The numbers of a run over time: `metrics.jsonl`, one JSON object per line, and the same as TensorBoard events."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import tensorflow as tf

from detect.errors import RunFailure
from detect.evaluation.metric_rows import read_rows
from detect.files import write_text
from detect.unwritable import explained

BUFFER = 2**16  # bytes, about, that TensorBoard collects before it writes them


class Journal:
    """Appends rows of numbers to the files of a run folder.

    A run that is resumed drops the rows that it writes again. Where rows cannot be written, training goes on.
    """

    def __init__(self, folder: Path, say: Callable[[str], None], step: int = 0, validated_step: int = 0):
        """
        Args:
            folder: of the run.
            say: is told, once, that rows cannot be written.
            step: at which the run goes on.
            validated_step: of the last validation before it.
        """
        self.path = folder / "metrics.jsonl"
        self.say, self.has_failed = say, False
        _forget_after(self.path, {"train": step - 1, "val": validated_step})
        with explained(self.path):
            self.file = self.path.open("ab", buffering=0)
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
        with self._tried():
            self._append(json.dumps(row).encode() + b"\n")
            with self.events.as_default(step=step):
                for name, value in values.items():
                    tf.summary.scalar(f"{kind}/{name}", value)

    def close(self) -> None:
        """Close the files."""
        with self._tried(), contextlib.closing(self.events):
            self.file.close()

    def _append(self, line: bytes) -> None:
        """Write a line, whole or not at all."""
        end = self.file.seek(0, os.SEEK_END)
        written = self.file.write(line)
        if written < len(line):
            self.file.truncate(end)
            raise OSError(errno.ENOSPC, "")

    @contextlib.contextmanager
    def _tried(self) -> Iterator[None]:
        """Say the first time that the block cannot write."""
        try:
            with explained(self.path, BUFFER):
                yield
        except RunFailure as failure:
            if not self.has_failed:
                self.say(f"Warning: {failure} Training goes on; the curves will lack some of its numbers.")
            self.has_failed = True


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
