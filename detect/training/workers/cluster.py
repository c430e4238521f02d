"""The workers of a run as the environment variable TF_CONFIG names them. This does not need TensorFlow."""

import json
import os
from dataclasses import dataclass

from detect.errors import BadInput

VARIABLE = "TF_CONFIG"


@dataclass(frozen=True)
class Cluster:
    """The workers of a run and the place of this process among them.

    Attributes:
        addresses: host:port of each worker, the chief first; of a single process, there is one without a name.
        index: of this process.
        tasks: type and number of each worker, as TensorFlow calls them.
    """

    addresses: tuple[str, ...] = ("",)
    index: int = 0
    tasks: tuple[tuple[str, int], ...] = (("worker", 0),)

    @property
    def is_chief(self) -> bool:
        """Whether this process decides and writes files."""
        return self.index == 0

    def place(self, kind: str, number: int) -> int | None:
        """Return the index of a task; None where there is no such worker."""
        return self.tasks.index((kind, number)) if (kind, number) in self.tasks else None

    def name(self, index: int) -> str:
        """Return how messages call a worker, such as `worker 1 (host:2222)`."""
        return f"worker {index} ({self.addresses[index]})"


def read_cluster() -> Cluster:
    """Return the workers that TF_CONFIG names; a single process where it names none.

    The chief is the task of the type `chief`, or the first `worker` where there is none:
    https://www.tensorflow.org/guide/distributed_training#setting_up_the_tf_config_environment_variable

    Raises:
        BadInput: TF_CONFIG is not JSON, or does not say which of its workers this process is.
    """
    try:
        config = json.loads(os.environ.get(VARIABLE) or "{}")
        jobs, task = config.get("cluster", {}), config.get("task", {})
        places = [(kind, number) for kind in ("chief", "worker") for number in range(len(jobs.get(kind, [])))]
        if len(places) < 2:
            return Cluster()
        here = (task.get("type"), int(task.get("index", -1)))
    except (json.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise BadInput(f"The environment variable {VARIABLE} cannot be read: {error}.") from None
    if here not in places:
        known = ", ".join(f"{kind} {number}" for kind, number in places)
        raise BadInput(f"{VARIABLE}: expected a task among {known}, got {here[0]} {here[1]}.")
    return Cluster(tuple(jobs[kind][number] for kind, number in places), places.index(here), tuple(places))
