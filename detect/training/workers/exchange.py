"""What the workers of a run tell each other outside of the training step, by the collectives that train it."""

import json
from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np
import tensorflow as tf

from detect.errors import BadInput, DetectError, RunFailure
from detect.training.workers.cluster import Cluster, read_cluster

T = TypeVar("T")


class Workers:
    """The workers that train a run together, of which this process is one; often it is the only one.

    All workers must call the same methods in the same order: each waits for the others.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        """Take the workers of a strategy, see `create_strategy`."""
        several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
        self.strategy = strategy
        self.cluster = read_cluster() if several else Cluster()
        self._replicas = strategy.num_replicas_in_sync // self.count  # of each worker
        self._summed = {kind: self._compiled_sum(kind) for kind in (np.float32, np.float64)}

    @property
    def count(self) -> int:
        """Number of workers."""
        return len(self.cluster.addresses)

    @property
    def index(self) -> int:
        """The number of this worker."""
        return self.cluster.index

    @property
    def is_chief(self) -> bool:
        """Whether this worker decides and writes files: the only one, or the first."""
        return self.cluster.is_chief

    def numbers_of_chief(self, *values: float) -> tuple[float, ...]:
        """Return the chief's values, of which there are equally many everywhere.

        Clocks and scores differ between machines; decisions that follow from them must not.
        """
        return tuple(self._of_chief(np.array(values, np.float64)).tolist())

    def summed(self, *values: float) -> tuple[float, ...]:
        """Return the sums of values over all workers, each of which gives equally many."""
        return tuple(self._sum(np.array(values, np.float64)).tolist())

    def gathered(self, array: np.ndarray) -> list[np.ndarray]:
        """Return the arrays of all workers, float64 [n, m] with the same m, in the order of the workers."""
        counts = np.zeros(self.count)
        counts[self.index] = len(array)
        ends = np.cumsum(self._sum(counts).astype(int))
        rows = np.zeros((ends[-1], array.shape[1]))
        rows[ends[self.index] - len(array) : ends[self.index]] = array
        return np.split(self._sum(rows.ravel()).reshape(rows.shape), ends[:-1])

    def texts(self, text: str) -> list[str]:
        """Return the texts of all workers, in their order."""
        arrays = self.gathered(np.frombuffer(text.encode(), np.uint8)[:, None].astype(np.float64))
        return [array.astype(np.uint8).tobytes().decode() for array in arrays]

    def together(self, make: Callable[[], T]) -> T:
        """Return what `make` returns here.

        Raises:
            DetectError: it failed here, or on another worker, which the message names.
        """
        failure, value = None, None
        try:
            value = make()
        except DetectError as error:
            failure = error
        self._raise_failures(failure)
        return value  # type: ignore[return-value]  # nothing failed

    def text_of_chief(self, make: Callable[[], str]) -> str:
        """Return the text that `make` returns on the chief; only there it is called. Raises as `together` does."""
        text = self.together(lambda: make() if self.is_chief else "")
        return self.texts(text)[0]

    def send(self, variables: Iterable[tf.Variable]) -> None:
        """Give variables the values that they have on the chief."""
        if self.count == 1:
            return
        for variable in variables:
            own = np.asarray(variable)
            kind = np.float32 if own.dtype == np.float32 else np.float64
            variable.assign(self._of_chief(own.astype(kind).ravel()).reshape(own.shape).astype(own.dtype))

    def _raise_failures(self, failure: DetectError | None) -> None:
        """Raise the failure of this worker, or that of another one."""
        own = {"bad_input": isinstance(failure, BadInput), "lines": failure.args if failure else ()}
        everywhere = [json.loads(text) for text in self.texts(json.dumps(own))] if self.count > 1 else []
        if failure:
            raise failure
        for index, each in enumerate(everywhere):
            if each["lines"]:
                kind = BadInput if each["bad_input"] else RunFailure
                raise kind(f"On {self.cluster.name(index)}:", *each["lines"])

    def _of_chief(self, values: np.ndarray) -> np.ndarray:
        """Return the chief's values [n] of one of the types that are summed."""
        return self._sum(values if self.is_chief else np.zeros_like(values))

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over all workers of values [n], of one of the types that are summed."""
        if self.count == 1 or not values.size:  # TensorFlow crashes on sums of nothing
            return values
        return self._summed[values.dtype.type](tf.constant(values)).numpy()

    def _compiled_sum(self, kind: type[np.generic]):
        @tf.function(input_signature=[tf.TensorSpec([None], kind)], autograph=False)
        def summed(values: tf.Tensor) -> tf.Tensor:
            return self.strategy.reduce("sum", self.strategy.run(self._once, args=(values,)), axis=None)

        return summed

    def _once(self, values: tf.Tensor) -> tf.Tensor:
        """Return the values on the first replica of each worker, and zeros on its others."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.where(tf.equal(replica % self._replicas, 0), values, tf.zeros_like(values))
