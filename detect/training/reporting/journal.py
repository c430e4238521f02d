"""The numbers of a run over time: `metrics.jsonl`, one JSON object per line; TensorBoard and services get the same."""

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import tensorflow as tf

from detect.errors import RunFailure
from detect.evaluation.metric_rows import read_rows
from detect.files import write_text
from detect.training.reporting.services import Services
from detect.training.run_folder import RunFolder
from detect.unwritable import explained

BUFFER = 2**16  # bytes, about, that TensorBoard collects before it writes them


class Journal:
    """Appends rows of numbers to the files of a run folder.

    A run that is resumed drops the rows that it writes again. Where rows cannot be written, training goes on.
    """

    def __init__(
        self,
        folder: RunFolder,
        services: Services,
        say: Callable[[str], None],
        step: int = 0,
        validated_step: int = 0,
    ):
        """
        Args:
            folder: of the run.
            services: get the same numbers.
            say: is told, once, that rows cannot be written.
            step: at which the run goes on.
            validated_step: of the last validation before it.
        """
        self.path, self._images = folder.metrics, (folder.training_picture, folder.validation_picture)
        self.services, self.say, self.has_failed = services, say, False
        _forget_after(self.path, {"train": step - 1, "val": validated_step})
        with explained(self.path):
            self.file = self.path.open("ab", buffering=0)
            self.events = tf.summary.create_file_writer(str(folder.path / "tensorboard"))

    def write(self, kind: str, step: int, epoch: float, values: dict[str, float]) -> None:
        """Write one row.

        Args:
            kind: `train` or `val`.
            step: number of updates.
            epoch: passes over the training images.
            values: numbers by name.
        """
        row = {"step": step, "epoch": round(epoch, 4), "time": round(time.time(), 3), "kind": kind, **values}
        named = {f"{kind}/{name}": value for name, value in values.items()}
        with self._tried():
            self._append(json.dumps(row).encode() + b"\n")
            with self.events.as_default(step=step):
                for name, value in named.items():
                    tf.summary.scalar(name, value)
        self.services.log(named, step, epoch)

    def close(self, completed: bool) -> None:
        """Close the files, and end the run on the services.

        Args:
            completed: whether training came to its end.
        """
        with self._tried(), contextlib.closing(self.events):
            self.file.close()
        self.services.close(self._images, completed)

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

    def close(self, completed: bool) -> None:
        """Do nothing."""


AnyJournal = TypeVar("AnyJournal", bound=Journal | SilentJournal)


@contextlib.contextmanager
def closed_after(journal: AnyJournal) -> Iterator[AnyJournal]:
    """Close the journal after the block, which has completed the run where it raises nothing."""
    completed = False
    try:
        yield journal
        completed = True
    finally:
        journal.close(completed)


def _forget_after(path: Path, last_steps: dict[str, int]) -> None:
    """Drop the rows after the last step of their kind."""
    if path.exists():
        kept = [row for row in read_rows(path) if row["step"] <= last_steps[row["kind"]]]
        write_text(path, "".join(f"{json.dumps(row)}\n" for row in kept))
