"""Workers that end, or can no longer be reached, while the others train."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from detect.errors import RunFailure
from detect.training.workers.cluster import Cluster

_TASK = re.compile(r"/job:(\w+)(?:/replica:\d+)?/task:(\d+)")  # as TensorFlow names a worker in errors
# What sums over workers raise on those that are left, within about ten seconds.
_SIGNS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class LostWorker(RunFailure):
    """Training ended because another worker did. The exit code asks schedulers to start this one again."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


@contextlib.contextmanager
def lost_workers_named(cluster: Cluster) -> Iterator[None]:
    """Raise `LostWorker` within the `with` block in place of TensorFlow's error where another worker is lost."""
    try:
        yield
    except _SIGNS as error:
        if len(cluster.addresses) == 1:
            raise
        raise LostWorker(describe(cluster, str(error))) from error


def describe(cluster: Cluster, text: str) -> str:
    """Return a sentence about the worker that an error names; TensorFlow names this one too, where it is the source."""
    named = [cluster.place(kind, int(number)) for kind, number in _TASK.findall(text)]
    others = [index for index in named if index not in (cluster.index, None)]
    who = cluster.name(others[0]) if others else "another worker"
    return (
        f"Lost {who}: it has ended or cannot be reached. Start the same command with --resume on all workers, and the "
        "run goes on from its last checkpoint."
    )
